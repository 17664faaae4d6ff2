"""Tree: where specifications are read from, so that a commit and a working folder load alike.

`Folder` is the working folder on disk; drivers/git has the tree of a commit. Called by `specs.load`, which resolves
links and includes itself, by path only: a tree never follows a link, so nothing outside of it can be read.
"""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from specs.errors import SpecError
from specs.structs import Struct


class TreeFile(Struct, frozen=True, kw_only=True):
    """One file: `path` with forward slashes from the tree's root, `size` in bytes, `link` the target if it is one.

    `submodule`: a folder that is a Git repository of its own, none of whose files is of this tree.
    """

    path: str
    size: int
    link: str | None = None
    submodule: bool = False


class Tree(Protocol):
    """The files of one revision. `label` names it in messages (a folder, `main@4f2c91e`)."""

    @property
    def label(self) -> str: ...

    def files(self) -> Iterable[TreeFile]:
        """All files and links; hidden files and folders may be left out."""

    def read(self, path: str) -> bytes:
        """The content of a file that `files` listed and that is no link; OSError if it cannot be read."""


class NotAFolder(SpecError):
    """The path given as repository is not a folder that can be read."""


class Folder:
    """A folder on disk, without hidden files and folders (`.git`, `.gitvirt` …); links are not followed.

    `submodules`: folders that are Git repositories of their own are not entered, as Git does not.
    """

    def __init__(self, path: Path | str, *, submodules: bool = False) -> None:
        self._root = os.path.realpath(path)
        self._submodules = submodules
        if not os.path.isdir(self._root):
            raise NotAFolder(f"{path} is not a folder; name the folder that holds gitvirt.yaml")

    @property
    def label(self) -> str:
        return self._root

    def files(self) -> Iterator[TreeFile]:
        """In order of their paths; a folder that cannot be listed raises OSError. However deep, without recursion."""
        pending = [iter(self._listed(""))]
        while pending:
            entry = next(pending[-1], None)
            if entry is None:
                pending.pop()
                continue
            path, each = entry
            if each.is_symlink():
                yield TreeFile(path=path, size=0, link=_slashes(os.readlink(each.path)))
            elif each.is_dir() and self._submodules and os.path.lexists(os.path.join(each.path, ".git")):
                yield TreeFile(path=path, size=0, submodule=True)
            elif each.is_dir():
                pending.append(iter(self._listed(path)))
            elif each.is_file():
                yield TreeFile(path=path, size=each.stat().st_size)

    def _listed(self, folder: str) -> list[tuple[str, os.DirEntry[str]]]:
        with os.scandir(os.path.join(self._root, folder)) as listing:
            found = sorted((each for each in listing if not each.name.startswith(".")), key=lambda each: each.name)
        return [(f"{folder}/{each.name}" if folder else each.name, each) for each in found]

    def read(self, path: str) -> bytes:
        """Opened without following links, so that a file swapped for a link meanwhile leads nowhere."""
        full = os.path.join(self._root, path)
        if os.path.realpath(os.path.dirname(full)) != os.path.dirname(full):
            raise OSError(f"{path} is behind a link")
        descriptor = os.open(full, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(f"{path} is not a regular file")
            return file.read()


def within(folder: str, path: str) -> str | None:
    """`path`, written in `folder` of a tree, as a path from the tree's root; None if it leads out of the tree.

    "." is the root itself. Absolute paths lead out.
    """
    if path.startswith("/") or "\0" in path or "\\" in path:
        return None
    whole = posixpath.normpath(posixpath.join(folder, path))
    return None if whole == ".." or whole.startswith("../") else whole


def _slashes(path: str) -> str:
    return path.replace(os.sep, "/")
