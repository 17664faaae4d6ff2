"""Reading pools: each refreshed and listed with its volumes; one that fails tells its problem and spoils no other.

Refreshing is how libvirt looks at a directory, and it may hang with a file server, so it runs on the connection for
long work with a deadline of its own. Only pools of files are refreshed: others (rbd, logical …) may take minutes.
"""

from __future__ import annotations

from collections.abc import Sequence

import libvirt

from drivers.errors import Busy, DriverError, Missing
from drivers.libvirt.connect import Connections
from drivers.libvirt.errors import translate
from drivers.libvirt.storage.document import read_pool, read_volume
from drivers.seen import SeenPool, SeenVolume
from specs.structs import replace

FILE_POOLS = frozenset(("dir", "fs", "netfs"))
REFRESH_WAIT = 15.0  # seconds


def read_all(connections: Connections) -> list[SeenPool]:
    """Every pool of the host; one that is gone meanwhile is left out."""
    with connections.long() as conn:
        return _read(connections, connections.call("list the pools", conn.listAllStoragePools, 0))


def read_one(connections: Connections, name: str) -> SeenPool | None:
    """One pool afresh, or None."""
    with connections.long() as conn:
        try:
            pool = connections.call(f"look for pool/{name}", conn.storagePoolLookupByName, name)
        except Missing:
            return None
        return next(iter(_read(connections, [pool])), None)


def _read(connections: Connections, listed: Sequence[libvirt.virStoragePool]) -> list[SeenPool]:
    answers = connections.gather("read the pools", _pool, listed, REFRESH_WAIT)
    pools: list[SeenPool] = []
    for pool, answer in zip(listed, answers, strict=True):
        if isinstance(answer, Missing):
            continue
        if isinstance(answer, DriverError):
            pools.append(SeenPool(name=pool.name(), uuid=pool.UUIDString(), active=True, problem=answer.detail))
            continue
        pools.append(_with_volumes(connections, *answer))
    return pools


def _pool(pool: libvirt.virStoragePool) -> tuple[SeenPool, list[libvirt.virStorageVol]]:
    """The pool and its volumes' handles, none if it is inactive."""
    active = bool(pool.isActive())
    autostart = bool(pool.isPersistent() and pool.autostart())
    seen = read_pool(pool.XMLDesc(0), active=active, autostart=autostart)
    if not active:
        return seen, []
    if seen.type in FILE_POOLS and (problem := _refresh(pool)):
        return replace(seen, active=bool(pool.isActive()), problem=problem), []
    seen = read_pool(pool.XMLDesc(0), active=True, autostart=autostart)
    return seen, pool.listAllVolumes(0)


def _refresh(pool: libvirt.virStoragePool) -> str:
    """What kept it from being refreshed, or nothing. While a copy is under way it cannot be, and need not:

    libvirt knows its own volumes.
    """
    try:
        pool.refresh(0)
    except libvirt.libvirtError as error:
        found = translate(error, "", "refresh")
        return "" if isinstance(found, Busy) else found.detail
    return ""


def _with_volumes(connections: Connections, seen: SeenPool, volumes: list[libvirt.virStorageVol]) -> SeenPool:
    answers = connections.gather(f"read the volumes of pool/{seen.name}", _volume, volumes, REFRESH_WAIT)
    problem = next((each.detail for each in answers if isinstance(each, DriverError) and not _gone(each)), "")
    if problem:
        return replace(seen, problem=problem)
    found = sorted((each for each in answers if isinstance(each, SeenVolume)), key=lambda each: each.name)
    return replace(seen, volumes={each.name: each for each in found})


def _gone(error: DriverError) -> bool:
    return isinstance(error, Missing)


def _volume(volume: libvirt.virStorageVol) -> SeenVolume:
    return read_volume(volume.XMLDesc(0))
