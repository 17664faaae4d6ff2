"""The Volumes protocol on libvirt: create, clone, copy, grow, delete; the bytes are in transfers.py.

libvirt neither protects a volume in use nor lets a pool be refreshed while a volume is being built, so work on one
pool is done one after another, but for adding new volumes; and what a running VM uses is not touched. Callers prove
the rest (backing files of stopped VMs, other hosts).
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import libvirt

from drivers.base import NewVolume
from drivers.errors import Busy, Conflict, Missing, Refused
from drivers.libvirt.connect import Connections
from drivers.libvirt.storage import transfers
from drivers.libvirt.storage.document import parse, read_volume, volume_xml
from drivers.libvirt.storage.turns import Turns
from drivers.seen import SeenVolume

POOL_WAIT = 600.0  # seconds to wait for one's turn on a pool


class Volumes:
    """Volumes of one host's directory pools."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._turns = Turns()

    def names(self, pool: str, refresh: bool = False) -> frozenset[str]:
        """The names, in one call; with `refresh` after libvirt looked at the directory again."""
        operation = f"list volumes of pool/{pool}"
        with self._connections.long() if refresh else self._connections.reads() as conn:
            found = self._connections.call(operation, conn.storagePoolLookupByName, pool)
            if refresh:
                with self._turn(operation, pool):
                    self._connections.call(operation, found.refresh, 0)
            return frozenset(self._connections.call(operation, found.listVolumes))

    def create(self, new: NewVolume) -> SeenVolume:
        """A new volume: empty, a linked clone, or a complete copy."""
        operation = f"create volume {new.pool}/{new.name}"
        if new.copy_of:
            with self._turn(operation, new.pool), self._connections.long() as conn:
                seen = self._copy(conn, operation, new)
        else:
            try:
                seen = self._build(operation, new)
            except _Unseen:
                self._look_for(operation, new.backing)
                seen = self._build(operation, new, looked=True)
        if new.capacity and seen.capacity != new.capacity:
            detail = f"the host made {seen.capacity} bytes of {new.capacity}"
            raise Refused(self._connections.host, operation, detail)
        return seen

    def grow(self, pool: str, name: str, capacity: int) -> None:
        """To `capacity` bytes; that size already is fine, a larger one is Refused."""
        operation = f"grow volume {pool}/{name}"
        with self._turn(operation, pool), self._connections.changes() as conn:
            volume = self._volume(conn, operation, pool, name)
            seen = self._seen(operation, volume)
            if seen.capacity == capacity:
                return
            if seen.capacity > capacity:
                detail = f"it has {seen.capacity} bytes; {capacity} would cut off data"
                raise Refused(self._connections.host, operation, detail)
            self._unused(conn, operation, seen.path)
            self._connections.call(operation, volume.resize, capacity, 0)
            if self._seen(operation, volume).capacity != capacity:
                raise Refused(self._connections.host, operation, "the host does not show the new size")

    def delete(self, pool: str, name: str) -> None:
        """Deletes the file. What a running VM of this host uses is a Conflict."""
        operation = f"delete volume {pool}/{name}"
        with self._turn(operation, pool), self._connections.changes() as conn:
            try:
                volume = self._volume(conn, operation, pool, name)
                seen = self._seen(operation, volume)
            except Missing:
                return
            if seen.capacity:  # a marker is nobody's disk
                self._unused(conn, operation, seen.path)
            with contextlib.suppress(Missing):
                self._connections.call(operation, volume.delete, 0)

    def upload(self, pool: str, name: str, chunks: Iterator[bytes], size: int) -> None:
        """Writes exactly `size` bytes; see transfers.upload."""
        operation = f"upload volume {pool}/{name}"
        with self._turn(operation, pool):
            lease = self._connections.lease("long")
            try:
                transfers.upload(lease, self._connections.host, operation, (pool, name, size), chunks)
            finally:
                lease.release()

    def download(self, pool: str, name: str) -> Iterator[bytes]:
        """The bytes of the file; see transfers.download."""
        lease = self._connections.lease("long")
        try:
            yield from transfers.download(lease, f"download volume {pool}/{name}", pool, name)
        finally:
            lease.release()

    @contextlib.contextmanager
    def _turn(self, operation: str, pool: str, *, adds: bool = False) -> Iterator[None]:
        turn = self._turns.adding if adds else self._turns.alone
        with turn(pool, POOL_WAIT) as mine:
            if not mine:
                raise Busy(self._connections.host, operation, f"other work on the pool took over {POOL_WAIT:g} s")
            yield

    def _build(self, operation: str, new: NewVolume, *, looked: bool = False) -> SeenVolume:
        """Makes an empty volume or a linked clone. `looked`: the host looked for what it is a clone of just now."""
        with self._turn(operation, new.pool, adds=True), self._connections.changes() as conn:
            try:
                return read_volume(self._connections.call(operation, _make, conn, new, looked))
            except _CutsOff as why:
                raise Refused(self._connections.host, operation, str(why)) from None

    def _look_for(self, operation: str, path: str) -> None:
        """Has libvirt look again at the folder of a file that it does not know: another host may have made it."""
        with self._connections.long() as conn, contextlib.suppress(Missing):
            pool = self._connections.call(operation, conn.storagePoolLookupByTargetPath, os.path.dirname(path))
            with self._turn(operation, pool.name()):
                self._connections.call(operation, pool.refresh, 0)

    def _copy(self, conn: libvirt.virConnect, operation: str, new: NewVolume) -> SeenVolume:
        """A copy gets its source's size, whatever was asked for, so it is grown afterwards."""
        pool = self._connections.call(operation, conn.storagePoolLookupByName, new.pool)
        source = self._volume(conn, operation, new.copy_pool or new.pool, new.copy_of)
        volume = self._connections.call(operation, pool.createXMLFrom, volume_xml(new), source, 0)
        seen = self._seen(operation, volume)
        if seen.capacity >= new.capacity:
            return seen
        self._connections.call(operation, volume.resize, new.capacity, 0)
        return self._seen(operation, volume)

    def _volume(self, conn: libvirt.virConnect, operation: str, pool: str, name: str) -> libvirt.virStorageVol:
        """The volume; one that libvirt does not know may have been made by another host, so it looks again."""
        found = self._connections.call(operation, conn.storagePoolLookupByName, pool)
        try:
            return self._connections.call(operation, found.storageVolLookupByName, name)
        except Missing:
            self._connections.call(operation, found.refresh, 0)
            return self._connections.call(operation, found.storageVolLookupByName, name)

    def _seen(self, operation: str, volume: libvirt.virStorageVol) -> SeenVolume:
        return read_volume(self._connections.call(operation, volume.XMLDesc, 0))

    def _unused(self, conn: libvirt.virConnect, operation: str, path: str) -> None:
        """Conflict if a running VM has the file as a disk or below one."""
        running = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE
        domains = self._connections.call(operation, conn.listAllDomains, running)
        for domain, xml in zip(domains, self._connections.gather(operation, _live_xml, domains), strict=True):
            if isinstance(xml, Missing):
                continue  # it stopped and is gone
            if isinstance(xml, Exception):
                raise xml
            if path in sources(xml):
                detail = f"the running VM {domain.name()} uses {path}"
                raise Conflict(self._connections.host, operation, detail)


def sources(xml: str) -> frozenset[str]:
    """Every file and device that a domain's disks read or write, backing files included."""
    disks = parse(xml).iterfind("devices/disk//source")
    return frozenset(value for each in disks for name in ("file", "dev") if (value := each.get(name)))


class _CutsOff(ValueError):
    """A linked clone would be smaller than what it is a clone of."""


class _Unseen(ValueError):
    """libvirt does not know (yet) what a linked clone would be a clone of, so neither how large that is."""


def _make(conn: libvirt.virConnect, new: NewVolume, looked: bool) -> str:
    """Makes a volume and reads it back. libvirt refuses an existing name: the Conflict of the contract.

    It does so also for a file that it has not seen yet. It would make a clone that shows only the beginning of what
    it is a clone of, so that is refused here; `looked`: what is not known now is in no pool, and making the clone
    tells whether it is there.
    """
    base = _capacity(conn, new.backing) if new.backing and new.capacity else 0
    if base is None and not looked:
        raise _Unseen
    if base and new.capacity < base:
        raise _CutsOff(f"a clone of {base} bytes does not fit into {new.capacity}")
    made: str = conn.storagePoolLookupByName(new.pool).createXML(volume_xml(new), 0).XMLDesc(0)
    return made


def _capacity(conn: libvirt.virConnect, path: str) -> int | None:
    """Bytes of the volume at the path; None if no pool knows it."""
    try:
        return int(conn.storageVolLookupByPath(path).info()[1])
    except libvirt.libvirtError:
        return None


def _live_xml(domain: libvirt.virDomain) -> str:
    xml: str = domain.XMLDesc(0)
    return xml
