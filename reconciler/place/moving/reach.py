"""Reach: whether a host gets at everything that a VM's disks and drives hold, and what would have to go along.

Pure. Called by moving/preflight.py, which holds what cannot be, and by plan/steps/vm_move.py, which lists the disks
that are copied. A storage domain of type local is another place on every host, whatever its path; a file in a folder
that no storage domain declares may be anywhere, so nothing is concluded from its name.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drivers.moving import UNFINISHED
from drivers.seen import SeenPool, SeenVolume
from reconciler.desired.identity import IMAGES, ready_marker, trashed_since
from reconciler.desired.wanted import WantedPool
from reconciler.diff.context import Context
from reconciler.diff.devices import SEED_DRIVE
from reconciler.diff.pools import pool_on
from reconciler.observe import backing
from reconciler.observe.observed import Observed
from reconciler.place.moving.wish import Home
from specs.fields import Fields, Scalar, entries, entry
from specs.structs import Struct, field, replace
from specs.units import format_size


class Reach(Struct, frozen=True, kw_only=True):
    """What a move to one host takes: `copy` are entries of disks (`disks[root]`), whose content goes along.

    `needs`: bytes of these by storage domain.
    `stale`: (storage domain, volume) of copies that lie there in the trash since an earlier move, and have to go first.
    `seed`: the path of the first boot's medium that has to be written there, "" if none. `why`: what cannot be.
    """

    copy: tuple[str, ...] = ()
    needs: Mapping[str, int] = field(default_factory=dict)
    stale: tuple[tuple[str, str], ...] = ()
    seed: str = ""
    why: str = ""


def reach(home: Home, target: str, context: Context) -> Reach:
    """What the host `target` lacks of a VM's storage."""
    found = Reach()
    for each in _sources(home):
        found = _file(each, found, home, (target, context))
        if found.why:
            return found
    return _roomy(found, home, (target, context))


def _sources(home: Home) -> Iterator[tuple[str, str]]:
    """(entry, path) of everything that its definition and its running machine open."""
    seen: dict[tuple[str, str], None] = {}
    for fields in (home.found.vm.live or {}, home.found.vm.config):
        for list_name in ("disks", "cdroms"):
            for name, device in entries(fields, list_name).items():
                seen[entry(list_name, name), str(device.get("source") or "")] = None
        seen[entry("cdroms", SEED_DRIVE), str(fields.get("ignition") or "")] = None
    return (each for each in seen if each[1].startswith("/"))


def _file(what: tuple[str, str], found: Reach, home: Home, there: tuple[str, Context]) -> Reach:
    """What is known after one more file."""
    device, path = what
    target, context = there
    words = _words(device)
    if path.startswith("/dev/"):
        return replace(found, why=f"{words} is the block device {path} of {home.host}")
    pool = _pool(path, context)
    if pool is None:
        return replace(found, why=f"{words} is {path}, where no storage domain is declared")
    if target not in pool.hosts:
        return replace(found, why=f"{words} is in storage domain {pool.name}, which {target} does not have")
    if pool.shared:
        return replace(found, why=_chain(path, pool, words, there))
    if device == entry("cdroms", SEED_DRIVE):
        return replace(found, seed=path) if home.wanted.seed else _medium(what, found, there)
    if device.startswith("cdroms["):
        return _medium(what, found, there)
    return _local(what, pool, (found, home), there)


def _local(what: tuple[str, str], pool: WantedPool, known: tuple[Reach, Home], there: tuple[str, Context]) -> Reach:
    """A disk in storage that each host has for itself: its content goes along, while the VM runs."""
    (device, path), (found, home), (target, context) = what, known, there
    words = f"{_words(device)} is in local storage ({pool.name})"
    if not home.found.vm.running:
        return replace(found, why=f"{words}, and only a running VM takes its disks along")
    if device in home.found.vm.unnamed or device not in home.found.vm.targets:
        return replace(found, why=f"{words}, and it is not one of ours")
    seen = pool_on(context, pool, target)
    if seen is None or not seen.active:
        return replace(found, why=f"{words}, which is not active on {target}")
    if device in found.copy:
        return found
    volume = path.rpartition("/")[2]
    if volume in seen.volumes:
        used = _is_used(path, there)
        if not used and _is_in_trash(volume, seen):  # left there when it moved away
            found = replace(found, stale=(*found.stale, (pool.name, volume)))
        elif used or volume + UNFINISHED not in seen.volumes:  # an interrupted copy is made again
            return replace(found, why=f"{words}, and {target} has a volume {volume} there already")
    return replace(found, copy=(*found.copy, device))


def _is_in_trash(volume: str, seen: SeenPool) -> bool:
    return any((trashed_since(each) or ("",))[0] == volume for each in seen.volumes)


def _is_used(path: str, there: tuple[str, Context]) -> bool:
    """Whether a VM or an overlay of the target has that file."""
    target, context = there
    return bool(backing.users(Observed(hosts={target: context.observed.seen[target]})).get(path))


def incremental(copy: tuple[str, ...], home: Home, target: str, context: Context) -> bool:
    """Whether all copied disks are overlays of images that the target has, so that only the overlays have to go."""
    sources = [str((home.found.vm.live or {}).get(f"{each}.source") or "") for each in copy]
    found = [context.observed.volume_at(home.host, each) for each in sources]
    return bool(copy) and all(each is not None and _based(each.volume.backing, target, context) for each in found)


def _based(path: str, target: str, context: Context) -> bool:
    """Whether the target has the image, whole; its name tells its content."""
    folder, _, name = path.rpartition("/")
    pool = context.observed.pool_at(target, folder)
    return pool is not None and name.startswith(IMAGES) and {name, ready_marker(name)} <= set(pool.volumes)


def _medium(what: tuple[str, str], found: Reach, there: tuple[str, Context]) -> Reach:
    """A CD-ROM that is in local storage: fine if the target has the same file, which images' names tell."""
    target, context = there
    if context.observed.volume_at(target, what[1]) is not None:
        return found
    return replace(found, why=f"{_words(what[0])} holds {what[1]}, which {target} does not have; eject it")


def _chain(path: str, pool: WantedPool, words: str, there: tuple[str, Context]) -> str:
    """Why the files that a shared one is an overlay of cannot be reached, "" if they can."""
    target, context = there
    volume = _volume(path, pool, context)
    if volume is None or not volume.backing.startswith("/"):
        return ""
    base = _pool(volume.backing, context)
    if base is not None and base.shared and target in base.hosts:
        return "" if volume.backing == path else _chain(volume.backing, base, words, there)
    return f"{words} is a linked clone of {volume.backing}, which {target} does not reach"


def _volume(path: str, pool: WantedPool, context: Context) -> SeenVolume | None:
    """A volume of shared storage, as the first host that shows it has it."""
    found = (context.observed.volume_at(host, path) for host in pool.hosts)
    return next((each.volume for each in found if each is not None), None)


def _pool(path: str, context: Context) -> WantedPool | None:
    """The declared storage domain that a file lies in."""
    folder = path.rpartition("/")[0]
    return next((each for each in context.wanted.pools.values() if each.path.rstrip("/") == folder), None)


def _roomy(found: Reach, home: Home, there: tuple[str, Context]) -> Reach:
    """Whether what is copied fits into the storage of the target."""
    target, context = there
    needs: dict[str, int] = {}
    for each in found.copy:
        path = str((home.found.vm.live or {}).get(f"{each}.source") or "")
        pool, volume = _pool(path, context), context.observed.volume_at(home.host, path)
        if pool is not None and volume is not None:
            needs[pool.name] = needs.get(pool.name, 0) + volume.volume.allocation
    return replace(found, needs=needs, why=full(needs, target, context, {}))


def full(needs: Mapping[str, int], target: str, context: Context, given: Mapping[tuple[str, str], int]) -> str:
    """Why so much cannot be copied there, "" if it can; `given`: (host, storage domain) → bytes that others bring."""
    for name, size in needs.items():
        wanted = context.wanted.pools[name]
        seen = pool_on(context, wanted, target)
        left = seen.available - given.get((target, name), 0) if seen is not None else 0
        if seen is not None and left < size + wanted.critical:
            free, asked = (format_size(max(each, 0) >> 20 << 20) for each in (left, size))
            return f"storage domain {name} has {free} free there, {asked} would be copied"
    return ""


def targets(copy: tuple[str, ...], home: Home) -> tuple[str, ...]:
    """What libvirt calls these disks."""
    return tuple(home.found.vm.targets[each] for each in copy)


def volumes(copy: tuple[str, ...], live: Fields, context: Context) -> Iterator[tuple[str, str]]:
    """(storage domain, volume) of these disks."""
    for each in copy:
        source: Scalar = live.get(f"{each}.source")
        pool = _pool(str(source), context)
        if pool is not None:
            yield pool.name, str(source).rpartition("/")[2]


def _words(device: str) -> str:
    """`disks[root]` → `disk root`."""
    kind, _, name = device.rstrip("]").partition("[")
    return f"{'disk' if kind == 'disks' else 'CD-ROM drive'} {name}"
