"""Checkout: a Git repository on this machine, with a work tree or bare. See drivers/git/repository for the contract.

Every answer is one or two calls of git's plumbing, a few milliseconds each.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, BinaryIO

from drivers.errors import Missing, Refused
from drivers.git import program, status
from drivers.git.repository import DIRTY, FOLDER, Blame, Revision
from drivers.git.trees import YAML, CommitTree, WorkTree
from specs.tree import Tree

if TYPE_CHECKING:
    from drivers.git.history import Commit

UNBORN = "unborn"
_FULL = re.compile(r"^(?:[0-9a-f]{40}|[0-9a-f]{64})$")


class Checkout:
    """A Git repository; `git status` is read once, when first needed: make a new one to look again."""

    def __init__(self, *, root: Path, prefix: str, bare: bool = False) -> None:
        self._root, self._prefix, self._bare = root, prefix, bare

    @property
    def root(self) -> Path:
        return self._root

    @property
    def prefix(self) -> str:
        return self._prefix

    def revision(self, folders: Sequence[str] = ("",), files: Iterable[str] = ()) -> Revision:
        if self._bare:
            return Revision(commit=self.resolve("HEAD"))
        named = frozenset(files)
        dirty = any(path in named or _loaded(path, folders) for path in self._status.changed)
        return Revision(commit=self._status.head or UNBORN, dirty=dirty)

    def resolve(self, revision: str) -> str:
        if _FULL.match(revision):
            return revision
        if not revision or revision.startswith("-") or "\0" in revision:
            raise Refused(str(self._root), "git rev-parse", f"`{revision}` is not a revision")
        name = revision.removesuffix(DIRTY) + "^{commit}"
        arguments = ("rev-parse", "--verify", "--end-of-options", name)
        try:
            return program.run(self._root, *arguments).decode().split()[-1]
        except Missing as error:
            raise Missing(str(self._root), "git rev-parse", f"there is no revision `{revision}` here") from error

    def tree(self, revision: str | None = None) -> Tree:
        if revision is None and not self._bare:
            return WorkTree(self._root, self._status.ignored)
        commit = self.resolve(revision or "HEAD")
        return CommitTree(self._root, commit, f"{self._root.name}@{commit[:7]}")

    def ancestors(self, revisions: Iterable[str], of: str) -> frozenset[str]:
        asked = {each: each.removesuffix(DIRTY) for each in revisions}
        same = of.removesuffix(DIRTY)
        yes = {each for each, commit in asked.items() if commit == same or commit.startswith(FOLDER)}
        known = self._known({commit for each, commit in asked.items() if each not in yes and _FULL.match(commit)})
        if known and same != UNBORN:
            wanted = "\n".join((*sorted(known), "^" + self.resolve(same))) + "\n"
            outside = program.run(self._root, "rev-list", "--stdin", stdin=wanted.encode()).decode().split()
            yes |= {each for each, commit in asked.items() if commit in known.difference(outside)}
        return frozenset(yes)

    def is_ancestor(self, revision: str, of: str) -> bool:
        return revision in self.ancestors((revision,), of)

    def merge_base(self, one: str, other: str) -> str | None:
        first, second = self.resolve(one), self.resolve(other)
        return program.run(self._root, "merge-base", first, second, accept=(0, 1)).decode().strip() or None

    def blame(self, path: str, line: int, revision: str | None = None) -> Blame | None:
        arguments = ["blame", "--porcelain", "-L", f"{line},{line}"]
        arguments += [self.resolve(revision)] if revision else []
        try:
            text = program.run(self._root, *arguments, "--", path).decode("utf-8", "replace")
        except Missing:
            return None
        return _blamed(text)

    @property
    def bare(self) -> bool:
        return self._bare

    def export(self, revision: str, path: str, into: BinaryIO) -> None:
        program.stream(self._root, ("cat-file", "blob", f"{self.resolve(revision)}:{path}"), into)

    def read_commit(self, revision: str) -> Commit | None:
        from drivers.git import history

        return history.read(self._root, self.resolve(revision))

    def commit(self, paths: Sequence[str], message: str) -> str:
        if self._bare:
            raise Refused(str(self._root), "git commit", "a bare repository has no files to commit")
        program.run(self._root, "add", "--", *paths)
        program.run(self._root, "commit", "--quiet", "--only", "--no-verify", "-m", message, "--", *paths)
        self.__dict__.pop("_status", None)
        return self.resolve("HEAD")

    def ignores(self, path: str) -> bool:
        """Whether Git ignores that file or folder, or one that it lies in."""
        pure = PurePosixPath(path)
        return not {str(each) for each in (pure, *pure.parents)}.isdisjoint(self._status.ignored)

    @cached_property
    def _status(self) -> status.Status:
        return status.read(self._root)

    def _known(self, commits: Iterable[str]) -> frozenset[str]:
        """Those that are commits of this repository (a mark of another clone may name one that is not here)."""
        asked = "\n".join(sorted(commits))
        if not asked:
            return frozenset()
        answer = program.run(self._root, "cat-file", "--batch-check", stdin=asked.encode() + b"\n").decode()
        return frozenset(line.split()[0] for line in answer.splitlines() if line.split()[1:2] == ["commit"])


def _loaded(path: str, folders: Sequence[str]) -> bool:
    """Whether a loader of those folders would read the file."""
    pure = PurePosixPath(path)
    if pure.suffix not in YAML or any(part.startswith(".") for part in pure.parts):
        return False
    return any(folder in ("", ".") or pure.is_relative_to(folder) for folder in folders)


def _blamed(text: str) -> Blame | None:
    lines = text.splitlines()
    commit = lines[0].split()[0] if lines else ""
    if not commit.strip("0"):
        return None
    facts = dict(line.partition(" ")[::2] for line in lines[1:] if not line.startswith("\t"))
    return Blame(
        commit=commit,
        author=facts.get("author", ""),
        email=facts.get("author-mail", "").strip("<>"),
        time=int(facts.get("author-time", "0")),
        summary=facts.get("summary", ""),
    )
