"""Bytes of volumes, up and down, in constant memory, over a connection of their own.

A transfer fills its connection's socket, so it never shares one. Errors of a stream may surface only at its end:
what was written counts when `finish` went through and the file has the expected length. Used by volumes.py.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import libvirt

from drivers.base import NewVolume
from drivers.errors import DriverError, Missing, Refused
from drivers.libvirt.connect import Lease
from drivers.libvirt.storage.document import physical_size, read_volume, volume_xml

PIECE = 128 * 1024  # bytes; a message carries up to 262120, so a whole 256 KiB would be two of them
BATCH = 4 * 1024 * 1024  # bytes per call: a call costs a hand-over to another thread
STALL = 120.0  # seconds that one batch may take
_ZEROS = bytes(PIECE)


def upload(lease: Lease, host: str, operation: str, target: tuple[str, str, int], chunks: Iterator[bytes]) -> None:
    """Writes the chunks into (pool, name, size): a new raw volume, or an existing one of that name.

    Raises Refused if the chunks are not exactly `size` bytes; what was written then is not to be trusted.
    """
    pool_name, name, size = target
    pool = lease.call(operation, lease.connection.storagePoolLookupByName, pool_name, deadline=STALL)
    volume, empty = _container(lease, operation, pool, name, size)
    stream = lease.call(operation, lease.connection.newStream, 0)
    flags = libvirt.VIR_STORAGE_VOL_UPLOAD_SPARSE_STREAM if empty else 0
    lease.call(operation, volume.upload, stream, 0, size, flags, deadline=STALL)
    try:
        sent = 0
        for batch in _batches(chunks):
            sent += len(batch)
            if sent > size:
                raise Refused(host, operation, f"more than the {size} bytes that were announced")
            lease.call(operation, _send, stream, batch, empty, deadline=STALL)
        if sent != size:
            raise Refused(host, operation, f"only {sent} of {size} bytes came")
        lease.call(operation, stream.finish, deadline=STALL)
    except BaseException:
        with contextlib.suppress(DriverError, libvirt.libvirtError):
            lease.call(operation, stream.abort, deadline=STALL)
        raise
    lease.call(operation, pool.refresh, 0, deadline=STALL)
    found = physical_size(lease.call(operation, volume.XMLDesc, 0, deadline=STALL))
    if found != size:
        raise Refused(host, operation, f"the file has {found} bytes after writing {size}")


def download(lease: Lease, operation: str, pool_name: str, name: str) -> Iterator[bytes]:
    """The file's bytes from first to last, in pieces of up to 4 MiB."""
    pool = lease.call(operation, lease.connection.storagePoolLookupByName, pool_name, deadline=STALL)
    volume = lease.call(operation, pool.storageVolLookupByName, name, deadline=STALL)
    stream = lease.call(operation, lease.connection.newStream, 0)
    lease.call(operation, volume.download, stream, 0, 0, 0, deadline=STALL)
    done = False
    try:
        while data := lease.call(operation, _receive, stream, deadline=STALL):
            yield data
        lease.call(operation, stream.finish, deadline=STALL)
        done = True
    finally:
        if not done:
            with contextlib.suppress(DriverError, libvirt.libvirtError):
                lease.call(operation, stream.abort, deadline=STALL)


def _container(
    lease: Lease, operation: str, pool: libvirt.virStoragePool, name: str, size: int
) -> tuple[libvirt.virStorageVol, bool]:
    """The volume to write, and whether it is all zeros (then holes need not be sent)."""
    try:
        volume = lease.call(operation, pool.storageVolLookupByName, name, deadline=STALL)
    except Missing:
        xml = volume_xml(NewVolume(pool="", name=name, capacity=size, format="raw"))
        return lease.call(operation, pool.createXML, xml, 0, deadline=STALL), True
    seen = read_volume(lease.call(operation, volume.XMLDesc, 0, deadline=STALL))
    return volume, seen.format == "raw" and seen.allocation == 0 and seen.capacity == size


def _batches(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Chunks of any length → batches of BATCH bytes and a rest. A chunk of just that length is not copied."""
    waiting = bytearray()
    for chunk in chunks:
        if not waiting and len(chunk) == BATCH:
            yield chunk
            continue
        waiting += chunk
        while len(waiting) >= BATCH:
            yield bytes(waiting[:BATCH])
            del waiting[:BATCH]
    if waiting:
        yield bytes(waiting)


def _send(stream: libvirt.virStream, batch: bytes, sparse: bool) -> None:
    for start in range(0, len(batch), PIECE):
        piece = batch[start : start + PIECE]
        if sparse and piece == _ZEROS[: len(piece)]:
            stream.sendHole(len(piece), 0)
            continue
        while piece:
            piece = piece[stream.send(piece) :]


def _receive(stream: libvirt.virStream) -> bytes:
    found = bytearray()
    while len(found) < BATCH:
        piece = stream.recv(PIECE)
        if not piece:
            break
        found += piece
    return bytes(found)
