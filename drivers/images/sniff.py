"""What an image file really is, by its content alone, and whether it is sound. Only reading; called by store.py.

No name, no Content-Type and no `format:` is believed: a raw disk that a guest once wrote could begin like any format,
but an image is published, pinned and read-only, so its first bytes say what it is.
"""

from __future__ import annotations

import struct
from pathlib import Path
from typing import BinaryIO

from drivers.images import qcow2, vmdk
from drivers.images.qcow2 import Unsound
from specs.structs import Struct

_HEAD = 36 * 1024
_PACKED = ((b"\xfd7zXZ\x00", "xz"), (b"\x1f\x8b\x08", "gz"), (b"\x28\xb5\x2f\xfd", "zst"), (b"BZh", "bz2"))
_FOREIGN = (
    (b"QED\0", "a QED image"), (b"COWD", "a VMDK of an old kind"), (b"LUKS\xba\xbe", "an encrypted LUKS volume"),
    (b"WithoutFreeSpace", "a Parallels image"), (b"WithouFreSpacExt", "a Parallels image"),
    (b"PK\x03\x04", "a zip archive"), (b"7z\xbc\xaf\x27\x1c", "a 7z archive"), (b"Bochs Virtual HD", "a Bochs image"),
    (b"<!DOCTYPE", "an HTML page"), (b"<!doctype", "an HTML page"), (b"<html", "an HTML page"),
    (b"version https://git-lfs", "a Git LFS pointer; run `git lfs pull`"),
)  # fmt: skip
_VHD = b"conectix"
_FIXED, _DYNAMIC = 2, 3


class Found(Struct, frozen=True, kw_only=True):
    """`format` as QEMU calls it, or `xz`, `gz`, `bz2`, `zst`; `capacity` of the disk in bytes, 0 if not known yet."""

    format: str
    capacity: int = 0
    iso: bool = False

    @property
    def packed(self) -> bool:
        """True if the image is inside of this."""
        return self.format in ("xz", "gz", "bz2", "zst")


def sniff(path: Path) -> Found:
    """What the file is; Unsound if it is nothing that can be used, or is damaged."""
    with path.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(0)
        return _found(file, file.read(_HEAD), length)


def plain_format(path: Path) -> str:
    """`qcow2` or `raw`: what a storage domain gets of this file, told from its first bytes; for planning."""
    with path.open("rb") as file:
        length = file.seek(0, 2)
        file.seek(0)
        head = file.read(512)
        return "raw" if _kind(file, head, length) == "raw" and not _packing(head) else "qcow2"


def _found(file: BinaryIO, head: bytes, length: int) -> Found:
    if not length:
        raise Unsound("is empty")
    if packing := _packing(head):
        return Found(format=packing)
    for magic, what in _FOREIGN:
        if head.startswith(magic):
            raise Unsound(f"is {what}, which is no disk image that can be brought in")
    if head[257:262] == b"ustar":
        raise Unsound("is a tar archive (an OVA or a tar.gz); unpack it and use the disk in it")
    if head.startswith(vmdk.DESCRIPTOR):
        raise Unsound("is a VMDK descriptor that names other files; export the disk as one file")
    kind = _kind(file, head, length)
    if kind == "raw":
        iso = head[32769:32774] in (b"CD001", b"BEA01")
        return Found(format="raw", capacity=length, iso=iso)
    return Found(format=kind, capacity=_CAPACITY[kind](file, length))


def _packing(head: bytes) -> str:
    return next((name for magic, name in _PACKED if head.startswith(magic)), "")


def _kind(file: BinaryIO, head: bytes, length: int) -> str:
    if head.startswith(qcow2.MAGIC):
        return "qcow2"
    if head.startswith(vmdk.MAGIC):
        return "vmdk"
    if head[64:68] == b"\x7f\x10\xda\xbe":
        return "vdi"
    if head.startswith(b"vhdxfile"):
        return "vhdx"
    if head.startswith(_VHD) or _footer(file, length).startswith(_VHD):
        return "vpc"
    return "raw"


def _footer(file: BinaryIO, length: int) -> bytes:
    file.seek(max(0, length - 512))
    return file.read(512)


def _vdi(file: BinaryIO, length: int) -> int:
    file.seek(0)
    head = file.read(512)
    if len(head) < 512:
        raise Unsound("ends within its VDI header")
    kind, size = struct.unpack_from("<I", head, 0x4C)[0], struct.unpack_from("<Q", head, 0x170)[0]
    if kind not in (1, 2):
        raise Unsound("is a VDI that is only a part of an image (a difference to another one)")
    return int(size)


def _vpc(file: BinaryIO, length: int) -> int:
    footer = _footer(file, length)
    if not footer.startswith(_VHD):
        file.seek(0)
        footer = file.read(512)
    if len(footer) < 512:
        raise Unsound("ends within its VHD footer")
    size, kind = struct.unpack_from(">Q", footer, 48)[0], struct.unpack_from(">I", footer, 60)[0]
    if kind not in (_FIXED, _DYNAMIC):
        raise Unsound("is a VHD that is only a part of an image (a difference to another one)")
    return int(size)


def _unsaid(file: BinaryIO, length: int) -> int:
    """A VHDX keeps its size deep inside; convert.py asks qemu-img."""
    return 0


_CAPACITY = {"qcow2": qcow2.capacity, "vmdk": vmdk.capacity, "vdi": _vdi, "vpc": _vpc, "vhdx": _unsaid}
