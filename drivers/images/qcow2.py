"""Is a qcow2 file sound, and does it stand alone? Only reading; called by sniff.py.

Refused is everything that would have QEMU open another file (backing file, external data file) or needs a key, tables
beyond what QEMU itself takes, and a file that ends before its own clusters do. Nothing is allocated that the header
asks for before it was compared with the file's length.
"""

from __future__ import annotations

import struct
import sys
from array import array
from typing import BinaryIO

MAGIC = b"QFI\xfb"
_HEADER = struct.Struct(">4sIQIIQIIQQIIQ")
_MORE = struct.Struct(">QQQII")
_L1_LIMIT = 32 << 20  # bytes; QEMU's own limits
_REFCOUNT_LIMIT = 8 << 20
_OFFSET = 0x00FF_FFFF_FFFF_FE00
_COMPRESSED = 1 << 62
_ENTRIES = 8 << 20  # looked at; what a 500 GiB disk has
_CORRUPT, _DATA_FILE, _EXTENDED, _KNOWN = 1 << 1, 1 << 2, 1 << 4, 0b11111


class Unsound(Exception):
    """Why the file is not taken, in a few words that follow its name."""


def capacity(file: BinaryIO, length: int) -> int:
    """Bytes of the disk in a qcow2 file of `length` bytes; Unsound if it is not to be used."""
    file.seek(0)
    head = file.read(104)
    if len(head) < _HEADER.size:
        raise Unsound("ends within its qcow2 header")
    _, version, backing, backing_length, bits, size, crypt, l1_size, l1, refs, ref_clusters, _, _ = _HEADER.unpack_from(
        head
    )
    if version not in (2, 3):
        raise Unsound(f"is qcow2 version {version}, and only 2 and 3 are known")
    if backing or backing_length:
        raise Unsound("has a backing file, so it is only a part of an image; flatten it with `qemu-img convert`")
    if crypt:
        raise Unsound("is encrypted")
    if not 9 <= bits <= 21:
        raise Unsound(f"has clusters of 2^{bits} bytes")
    wide = _features(head, version)
    per_table = (1 << bits) // (16 if wide else 8)
    if l1_size * 8 > _L1_LIMIT or l1_size < -(-size // (per_table << bits)):
        raise Unsound(f"has an L1 table of {l1_size} entries for a disk of {size} bytes")
    _within(l1, l1_size * 8, length, "L1 table")
    if (ref_clusters << bits) > _REFCOUNT_LIMIT:
        raise Unsound("has a refcount table beyond what QEMU takes")
    _within(refs, ref_clusters << bits, length, "refcount table")
    _clusters(file, (l1, l1_size), (bits, wide), length)
    return int(size)


def _features(head: bytes, version: int) -> bool:
    """Refuses features that lead elsewhere or are unknown; whether L2 entries are 16 bytes wide."""
    if version == 2:
        return False
    if len(head) < 104:
        raise Unsound("ends within its qcow2 header")
    incompatible = _MORE.unpack_from(head, _HEADER.size)[0]
    if incompatible & _CORRUPT:
        raise Unsound("is marked as corrupt")
    if incompatible & _DATA_FILE:
        raise Unsound("keeps its data in another file")
    if incompatible & ~_KNOWN:
        raise Unsound(f"uses features that are not known here (0x{incompatible & ~_KNOWN:x})")
    return bool(incompatible & _EXTENDED)


def _within(offset: int, size: int, length: int, what: str) -> None:
    if offset + size > length:
        raise Unsound(f"is cut off: its {what} ends at byte {offset + size}, the file at {length}")


def _clusters(file: BinaryIO, first: tuple[int, int], layout: tuple[int, bool], length: int) -> None:
    """Every table and cluster that the disk refers to begins inside the file, as far as it is looked at."""
    bits, wide = layout
    left, seen = _ENTRIES, set()
    compressed = (1 << (62 - (bits - 8))) - 1
    for entry in _words(file, first[0], first[1] * 8):
        table = entry & _OFFSET
        if not table or table in seen or left <= 0:
            continue
        seen.add(table)
        _within(table, 1 << bits, length, "L2 table")
        words = _words(file, table, 1 << bits)[:: 2 if wide else 1]
        left -= len(words)
        last = max((word & (compressed if word & _COMPRESSED else _OFFSET) for word in words), default=0)
        if last >= length:
            raise Unsound(f"is cut off: it has data at byte {last}, the file ends at {length}")


def _words(file: BinaryIO, offset: int, size: int) -> array[int]:
    file.seek(offset)
    found = array("Q", file.read(size))
    if sys.byteorder == "little":
        found.byteswap()
    return found
