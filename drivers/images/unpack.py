"""Compressed images, unpacked in bounded memory into a sparse file. Called by store.py.

A stream that says little can grow without end: what comes out is bounded by the rules and by the room on the disk, and
zeros are holes, so that the usual empty space of a raw image costs nothing.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import shutil
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, cast

from drivers.errors import NoSpace, Refused
from drivers.images.rules import Rules, Stop, Tell

_PIECE = 1 << 20
_BLOCK = 64 * 1024
_SIP = 2048  # bytes of zstd at a time: the worst of them become 64 MiB
_ZEROS = bytes(_BLOCK)
_MEMORY = 256 << 20  # bytes that a decoder's window may take
_LOOK = 256 << 20  # bytes between two looks at the room that is left


def unpack(source: Path, target: Path, packing: str, bounds: tuple[Rules, Stop, Tell]) -> None:
    """Writes what is in `source` (xz, gz, bz2, zst; also several streams in a row) into `target`."""
    rules, stop, tell = bounds
    operation = f"unpack {packing}"
    done, total, looked = 0, source.stat().st_size, 0
    try:
        with source.open("rb") as packed, target.open("wb") as out:
            for piece in _PIECES[packing](packed):
                stop.check(operation)
                if done + len(piece) > rules.largest:
                    told = f"grows beyond {rules.largest} bytes (`images.largest` of the local settings)"
                    raise Refused("here", operation, told)
                if done >= looked:
                    _require_room(target, rules, operation)
                    looked = done + _LOOK
                _write(out, piece)
                done += len(piece)
                tell("unpack", packed.tell(), total)
            out.truncate(done)
    except (lzma.LZMAError, zlib.error, EOFError, OSError, ValueError, _zstd_error()) as error:
        target.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise Refused("here", operation, f"the compressed image is damaged or cut off: {error}") from None
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _require_room(target: Path, rules: Rules, operation: str) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < rules.reserve + _LOOK:
        raise NoSpace("here", operation, f"{target.parent} has only {free} bytes free")


def _write(out: BinaryIO, piece: bytes) -> None:
    for start in range(0, len(piece), _BLOCK):
        block = piece[start : start + _BLOCK]
        if block == _ZEROS:
            out.seek(_BLOCK, 1)
        else:
            out.write(block)


def _xz(packed: BinaryIO) -> Iterator[bytes]:
    """lzma.LZMAFile knows no bound of memory, so this is its loop with one."""
    decoder = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY)
    data = packed.read(_PIECE)
    while data or not decoder.needs_input:
        if piece := decoder.decompress(data, _PIECE):
            yield piece
        data = b""
        if decoder.eof:
            rest = (decoder.unused_data or packed.read(_PIECE)).lstrip(b"\0")
            if not rest:
                rest = packed.read(_PIECE).lstrip(b"\0")
            if not rest:
                return
            decoder, data = lzma.LZMADecompressor(format=lzma.FORMAT_XZ, memlimit=_MEMORY), rest
        elif decoder.needs_input:
            data = packed.read(_PIECE)
    raise EOFError("it ends in the middle")


def _gz(packed: BinaryIO) -> Iterator[bytes]:
    with gzip.GzipFile(fileobj=packed) as plain:
        yield from iter(lambda: plain.read(_PIECE), b"")


def _bz2(packed: BinaryIO) -> Iterator[bytes]:
    with bz2.BZ2File(packed) as plain:
        yield from iter(lambda: plain.read(_PIECE), b"")


def _zst(packed: BinaryIO) -> Iterator[bytes]:
    import zstandard

    decoder = zstandard.ZstdDecompressor(max_window_size=1 << 27)
    ended = False  # the library's own reader is silent about a last frame that is cut off
    data = packed.read(_SIP)
    while data:
        frame, ended = decoder.decompressobj(), False
        while data and not ended:
            piece = frame.decompress(data)
            yield from (piece[at : at + _PIECE] for at in range(0, len(piece), _PIECE))
            ended = frame.eof
            data = frame.unused_data if ended else packed.read(_SIP)
        data = data or packed.read(_SIP)
    if not ended:
        raise EOFError("it ends in the middle")


def _zstd_error() -> type[Exception]:
    import zstandard

    return cast(type[Exception], zstandard.ZstdError)


_PIECES: dict[str, Callable[[BinaryIO], Iterator[bytes]]] = {"xz": _xz, "gz": _gz, "bz2": _bz2, "zst": _zst}
