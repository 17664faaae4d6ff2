"""Does a VMDK file stand alone? Only reading; called by sniff.py.

Taken are monolithicSparse and streamOptimized files, which are what tools export as one file. A descriptor (embedded or
a file of its own) can name extents and parents anywhere on the machine: such files are Unsound.
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

from drivers.images.qcow2 import Unsound

MAGIC = b"KDMV"
DESCRIPTOR = b"# Disk DescriptorFile"
_HEADER = struct.Struct("<4sIIQQQQIQQQ")
_SECTOR = 512
_AT_END = 0xFFFF_FFFF_FFFF_FFFF
_LONGEST = 1 << 20
_ONE_FILE = ("monolithicsparse", "streamoptimized")


def capacity(file: BinaryIO, length: int) -> int:
    """Bytes of the disk; Unsound if the file is not to be used."""
    size, at_end = _header(file, 0, length)
    if at_end:  # QEMU then believes the copy of the header in the footer
        size, _ = _header(file, length - 2 * _SECTOR, length)
    return size


def _header(file: BinaryIO, offset: int, length: int) -> tuple[int, bool]:
    """(bytes of the disk, whether the tables are described at the end) by the header at `offset`."""
    file.seek(max(offset, 0))
    data = file.read(_SECTOR)
    if len(data) < _HEADER.size or not data.startswith(MAGIC):
        raise Unsound("ends within its VMDK header, or has no footer")
    _, version, _, sectors, _, described, described_sectors, _, _, tables, _ = _HEADER.unpack_from(data)
    if version not in (1, 2, 3):
        raise Unsound(f"is VMDK version {version}, and only 1 to 3 are known")
    if not sectors:
        raise Unsound("says that its data is in other files")
    if described:
        _descriptor(file, described * _SECTOR, described_sectors * _SECTOR, length)
    return sectors * _SECTOR, tables == _AT_END


def _descriptor(file: BinaryIO, offset: int, size: int, length: int) -> None:
    if size > _LONGEST or offset + size > length:
        raise Unsound("has a descriptor beyond its end")
    file.seek(offset)
    text = file.read(max(size, 20 * _SECTOR)).partition(b"\0")[0].decode("latin-1").lower()
    if "parentfilenamehint" in text or re.search(r"parentcid\s*=\s*(?!f{8}\b)", text):
        raise Unsound("has a parent, so it is only a part of an image; export it as one file")
    kind = re.search(r'createtype\s*=\s*"([^"]*)"', text)
    if kind is None or kind[1] not in _ONE_FILE:
        raise Unsound(
            f"is a VMDK of type {kind[1][:40] if kind else 'unknown'}; export it as one file (streamOptimized)"
        )
    if len(re.findall(r"^\s*(?:rw|rdonly|noaccess)\s+\d+\s", text, re.MULTILINE)) > 1:
        raise Unsound("consists of several files; export it as one")
