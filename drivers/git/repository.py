"""Repository: where the specifications come from, a Git repository or a plain folder; both answer the same questions.

Revisions as text (what marks hold), trees for `specs.load`, ancestry, blame, commits. Kept by checkout.py and
folder.py; the mirror of a remote (mirror.py) is one, too. opening.py picks one for a path.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Protocol

from specs.structs import Struct
from specs.tree import Tree

if TYPE_CHECKING:
    from drivers.git.history import Commit

DIRTY = "+dirty"
FOLDER = "folder-"


class Revision(Struct, frozen=True, kw_only=True):
    """`commit` is the full hash, `folder-<digest>` for a plain folder, or `unborn` before the first commit."""

    commit: str
    dirty: bool = False

    def __str__(self) -> str:
        return self.commit + (DIRTY if self.dirty else "")

    @property
    def short(self) -> str:
        """For people: `4f2c91e+dirty`."""
        commit = self.commit if self.commit.startswith(FOLDER) else self.commit[:7]
        return commit + (DIRTY if self.dirty else "")


class Blame(Struct, frozen=True, kw_only=True):
    """Who wrote a line last; `time` in unix seconds."""

    commit: str
    author: str
    email: str
    time: int
    summary: str


class Repository(Protocol):
    """`root` is the top folder, `prefix` the folder that was asked for as a path from there ("" for the top)."""

    @property
    def root(self) -> Path: ...

    @property
    def prefix(self) -> str: ...

    def revision(self, folders: Sequence[str] = ("",), files: Iterable[str] = ()) -> Revision:
        """What is there now; dirty if a YAML file under `folders`, or one of `files`, differs from the commit."""

    def resolve(self, revision: str) -> str:
        """The full commit hash that `main`, `HEAD~1`, a tag … names; drivers.errors.Missing if none."""

    def tree(self, revision: str | None = None) -> Tree:
        """The files of a revision; without one, the files as they lie there now."""

    def ancestors(self, revisions: Iterable[str], of: str) -> frozenset[str]:
        """Those of `revisions`, as marks hold them, that are `of` itself or an ancestor of it.

        Revisions that this repository does not know are not among them. A `+dirty` one counts as its commit; the
        digest of a folder has no place in a history, so it counts as an ancestor of everything.
        """

    def is_ancestor(self, revision: str, of: str) -> bool:
        """`ancestors` for one revision."""

    def merge_base(self, one: str, other: str) -> str | None:
        """The last commit that both have; None if they have none."""

    def blame(self, path: str, line: int, revision: str | None = None) -> Blame | None:
        """Who last wrote that line (from 1); None if it is not committed."""

    @property
    def bare(self) -> bool:
        """Whether there is no work tree, so that files have to be exported."""

    def export(self, revision: str, path: str, into: BinaryIO) -> None:
        """Writes a file of a commit, of any size, into an open file. drivers.errors.Missing if it is not there."""

    def read_commit(self, revision: str) -> Commit | None:
        """Who made a commit, why, and its trailers; None for a plain folder, which has none."""

    def commit(self, paths: Sequence[str], message: str) -> str:
        """Commits exactly these paths (from the root), whatever else is staged, and returns the new commit."""
