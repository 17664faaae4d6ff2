"""The files of a Git repository as specs load them: of a commit, or as they lie in the work tree.

Both keep `specs.tree.Tree`. A commit costs two git processes whatever its size: one lists, one streams the YAML
files; anything else is fetched when asked for. Nothing is checked out, no filter is run, submodules are not entered.
Made by drivers/git/repository.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from drivers.errors import DriverError
from drivers.git import program
from specs.structs import Struct
from specs.tree import Folder, TreeFile

LARGEST_FILE = 16 * 2**20
"""Bytes; a larger file is listed with its size and never read into memory."""
LARGEST_AT_ONCE = 128 * 2**20
"""Bytes of YAML that are fetched with one process; beyond it file by file."""
YAML = (".yaml", ".yml")


class Entry(Struct, frozen=True, kw_only=True):
    """One line of `git ls-tree`: mode `120000` is a link, `160000` a submodule."""

    name: str
    mode: str
    blob: str
    size: int


class CommitTree:
    """The files of one commit; hidden files and folders are no part of it, as in a folder."""

    def __init__(self, directory: Path, commit: str, label: str) -> None:
        self._directory, self._commit, self._label = directory, commit, label
        self._entries: dict[str, Entry] | None = None
        self._contents: dict[str, bytes] = {}
        self._fetched = False

    @property
    def label(self) -> str:
        return self._label

    def files(self) -> Iterator[TreeFile]:
        """In order of their paths."""
        entries = self._listed()
        links = [entry for entry in entries.values() if entry.mode == "120000" and entry.size <= 4096]
        self._fetch(links)
        for path, entry in entries.items():
            if entry.mode == "120000":
                target = os.fsdecode(self._contents.get(entry.blob, b""))
                yield TreeFile(path=path, size=0, link=target)
            elif entry.mode == "160000":
                yield TreeFile(path=path, size=0, submodule=True)
            else:
                yield TreeFile(path=path, size=entry.size)

    def read(self, path: str) -> bytes:
        """The file's bytes; OSError if there is no such file, it is no regular one, or larger than `LARGEST_FILE`."""
        entry = self._listed().get(path)
        if entry is None or not entry.mode.startswith("100"):
            raise OSError(f"{path} is not a file of {self._label}")
        if entry.size > LARGEST_FILE:
            raise OSError(f"{path} has {entry.size} bytes, more than the {LARGEST_FILE} that are read")
        if entry.blob not in self._contents:
            try:
                self._fetch([entry] if self._fetched else [entry, *self._yaml()])
            except DriverError as error:
                raise OSError(str(error)) from error
            self._fetched = True
        return self._contents[entry.blob]

    def _listed(self) -> dict[str, Entry]:
        if self._entries is None:
            text = program.run(self._directory, "ls-tree", "-r", "-l", "-z", "--full-tree", self._commit)
            found = (_entry(line) for line in text.split(b"\0") if line)
            kept = (each for each in found if each is not None and not _hidden(each.name))
            self._entries = {each.name: each for each in sorted(kept, key=lambda each: each.name)}
        return self._entries

    def _yaml(self) -> list[Entry]:
        """What a loader will ask for next; empty if that is too much to hold at once."""
        wanted = [
            each
            for each in self._listed().values()
            if each.name.endswith(YAML) and each.mode.startswith("100") and each.size <= LARGEST_FILE
        ]
        return wanted if sum(each.size for each in wanted) <= LARGEST_AT_ONCE else []

    def _fetch(self, entries: Sequence[Entry]) -> None:
        blobs = list(dict.fromkeys(each.blob for each in entries if each.blob not in self._contents))
        if blobs:
            answer = program.run(self._directory, "cat-file", "--batch", stdin="\n".join(blobs).encode() + b"\n")
            self._contents.update(_objects(answer))


class WorkTree:
    """The files as they lie in the work tree, without those that Git ignores, and those of submodules: what is declared
    here must not differ from what the commit declares.
    """

    def __init__(self, root: Path, ignored: Collection[str]) -> None:
        self._folder = Folder(root, submodules=True)
        self._ignored = frozenset(ignored)

    @property
    def label(self) -> str:
        return self._folder.label

    def files(self) -> Iterator[TreeFile]:
        """In order of their paths."""
        return (each for each in self._folder.files() if not self._is_ignored(each.path))

    def read(self, path: str) -> bytes:
        """As `specs.tree.Folder.read`."""
        return self._folder.read(path)

    def _is_ignored(self, path: str) -> bool:
        while path:
            if path in self._ignored:
                return True
            path = posixpath.dirname(path)
        return False


def _entry(line: bytes) -> Entry | None:
    facts, _, name = line.partition(b"\t")
    mode, kind, blob, size = facts.decode().split()
    if kind == "tree":
        return None
    return Entry(name=os.fsdecode(name), mode=mode, blob=blob, size=int(size) if kind == "blob" else 0)


def _hidden(path: str) -> bool:
    return any(part.startswith(".") for part in path.split("/"))


def _objects(answer: bytes) -> Iterator[tuple[str, bytes]]:
    """Takes `git cat-file --batch` apart: `<sha> <type> <size>`, newline, the bytes, newline."""
    at = 0
    while at < len(answer):
        end = answer.index(b"\n", at)
        header = answer[at:end].decode().split()
        at = end + 1
        if len(header) == 3:
            size = int(header[2])
            yield header[0], answer[at : at + size]
            at += size + 1
