"""PlainFolder: specifications in a folder that is no Git repository. See drivers/git/repository for the contract.

It has a present and no past: its revision is a digest of its files, and only what compares with the present works.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import BinaryIO

from drivers.errors import Missing, Refused
from drivers.git.repository import DIRTY, FOLDER, Blame, Revision
from drivers.git.trees import LARGEST_FILE, YAML
from specs.tree import Folder, Tree


class PlainFolder:
    """A folder without history."""

    def __init__(self, root: Path) -> None:
        self._root = root

    @property
    def root(self) -> Path:
        return self._root

    @property
    def prefix(self) -> str:
        return ""

    def revision(self, folders: Sequence[str] = ("",), files: Iterable[str] = ()) -> Revision:
        """The digest of all YAML files of the folder, and of `files`; `folders` make no difference here."""
        del folders
        tree, named, digest = Folder(self._root), frozenset(files), hashlib.sha256()
        for each in tree.files():
            if each.link is None and (each.path in named or (each.path.endswith(YAML) and each.size <= LARGEST_FILE)):
                content = tree.read(each.path)
                digest.update(f"{each.path}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
                digest.update(content)
        return Revision(commit=FOLDER + digest.hexdigest()[:16])

    def resolve(self, revision: str) -> str:
        if revision.startswith(FOLDER) and revision == self.revision().commit:
            return revision
        raise Missing(
            str(self._root), "resolve", f"there is no revision `{revision}`: the folder is not a Git repository"
        )

    def tree(self, revision: str | None = None) -> Tree:
        if revision is not None:
            self.resolve(revision)
        return Folder(self._root)

    def ancestors(self, revisions: Iterable[str], of: str) -> frozenset[str]:
        """Folder revisions only: a mark that names a commit was written from a Git repository, which this is not."""
        return frozenset(each for each in revisions if each == of or each.startswith(FOLDER))

    def is_ancestor(self, revision: str, of: str) -> bool:
        return revision in self.ancestors((revision,), of)

    def merge_base(self, one: str, other: str) -> str | None:
        return one if one.removesuffix(DIRTY) == other.removesuffix(DIRTY) else None

    def blame(self, path: str, line: int, revision: str | None = None) -> Blame | None:
        del path, line, revision
        return None

    @property
    def bare(self) -> bool:
        return False

    def export(self, revision: str, path: str, into: BinaryIO) -> None:
        del revision
        with (self._root / path).open("rb") as file:
            shutil.copyfileobj(file, into)

    def read_commit(self, revision: str) -> None:
        del revision

    def commit(self, paths: Sequence[str], message: str) -> str:
        del paths, message
        raise Refused(str(self._root), "commit", "the folder is not a Git repository; run `git init` there")
