"""Directories with image files: what several hosts share, or one has alone.

A File knows what a qcow2 header would say; contents are kept as far as somebody wrote them. The listing is cached,
so that a thousand hosts can look at one shared directory with ten thousand volumes.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import TypeAlias

from drivers.errors import NoSpace
from drivers.memory.model.said import Said
from drivers.seen import SeenVolume
from specs.structs import Struct, field

QCOW2_MAGIC = b"QFI\xfb"
QCOW2_METADATA = 196_608
"""Bytes that an empty qcow2 image takes on the disk."""
_HEADER = struct.Struct(">4sIQIIQ")
User: TypeAlias = tuple[str, str]
"""(host, domain uuid) of a running QEMU that has a file open."""


class File(Struct, eq=False):
    """One image. `identity` is never given twice: equal identities are the same bytes in the same file."""

    name: str
    identity: int
    capacity: int = 0
    format: str = "raw"
    allocation: int = 0
    backing: str = ""
    content: bytes = b""
    writers: set[User] = field(default_factory=set)
    readers: set[User] = field(default_factory=set)

    def data(self) -> bytes:
        """The leading bytes of the file; a raw image goes on with zeroes up to its capacity."""
        if self.content or self.format != "qcow2":
            return self.content
        backing = self.backing.encode()
        offset = _HEADER.size if backing else 0
        return _HEADER.pack(QCOW2_MAGIC, 3, offset, len(backing), 16, self.capacity) + backing

    def written(self, content: bytes) -> None:
        """The file now has this content; the format is what libvirt's probe would find at the next refresh."""
        self.content, self.allocation = content, len(content)
        self.format, self.capacity, self.backing = "raw", max(len(content), 0), ""
        if content.startswith(QCOW2_MAGIC) and len(content) >= _HEADER.size:
            _, _, offset, length, _, self.capacity = _HEADER.unpack_from(content)
            self.format, self.backing = "qcow2", content[offset : offset + length].decode() if offset else ""


class Directory(Struct, eq=False):
    """`capacity` in bytes; `ballast` is what others than our volumes take; `exists` is False once it vanished."""

    path: str
    capacity: int = 1 << 40
    ballast: int = 0
    exists: bool = True
    files: dict[str, File] = field(default_factory=dict)
    _listing: dict[str, SeenVolume] = field(default_factory=dict)
    _given: bool = False
    _used: int = 0

    def changed(self, *names: str) -> None:
        """To be called after every change, with the names of the files that changed, came or went."""
        if self._given:
            self._listing, self._given = dict(self._listing), False
        for name in names:
            before, file = self._listing.pop(name, None), self.files.get(name)
            self._used -= before.allocation if before else 0
            if file:
                self._listing[name] = self.seen(file)
                self._used += file.allocation

    def listing(self) -> Mapping[str, SeenVolume]:
        """The volumes as a refresh finds them; the same object until something changes."""
        self._given = True
        return self._listing

    def seen(self, file: File) -> SeenVolume:
        return SeenVolume(
            name=file.name,
            path=f"{self.path}/{file.name}",
            capacity=file.capacity,
            allocation=file.allocation,
            format=file.format,
            backing=file.backing,
        )

    @property
    def available(self) -> int:
        """Bytes left."""
        return max(0, self.capacity - self.ballast - self._used)

    def reserve(self, size: int) -> None:
        """Refuses what does not fit."""
        if size > self.available:
            raise Said(NoSpace, f"cannot write {size} bytes to '{self.path}': No space left on device")

    def add(self, file: File) -> File:
        self.files[file.name] = file
        self.changed(file.name)
        return file
