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


class _Way(Struct, frozen=True, kw_only=True):
    """The move that is asked about."""

    home: Home
    target: str
    context: Context


class _File(Struct, frozen=True):
    """A file that a device of the VM opens; `device` is its entry (`disks[root]`)."""

    device: str
    path: str

    @property
    def words(self) -> str:
        """The device for people: `disk root`."""
        kind, _, name = self.device.rstrip("]").partition("[")
        return f"{'disk' if kind == 'disks' else 'CD-ROM drive'} {name}"


def reach(home: Home, target: str, context: Context) -> Reach:
    """What the host `target` lacks of a VM's storage."""
    found, way = Reach(), _Way(home=home, target=target, context=context)
    for each in _files(home):
        found = _with(each, found, way)
        if found.why:
            return found
    return _roomy(found, way)


def _files(home: Home) -> Iterator[_File]:
    """Everything that its definition and its running machine open."""
    seen: dict[_File, None] = {}
    for fields in (home.found.vm.live or {}, home.found.vm.config):
        for list_name in ("disks", "cdroms"):
            for name, device in entries(fields, list_name).items():
                seen[_File(entry(list_name, name), str(device.get("source") or ""))] = None
        seen[_File(entry("cdroms", SEED_DRIVE), str(fields.get("ignition") or ""))] = None
    return (each for each in seen if each.path.startswith("/"))


def _with(file: _File, found: Reach, way: _Way) -> Reach:
    """What is known after one more file."""
    if file.path.startswith("/dev/"):
        return replace(found, why=f"{file.words} is the block device {file.path} of {way.home.host}")
    pool = _pool(file.path, way.context)
    if pool is None:
        return replace(found, why=f"{file.words} is {file.path}, where no storage domain is declared")
    if way.target not in pool.hosts:
        return replace(found, why=f"{file.words} is in storage domain {pool.name}, which {way.target} does not have")
    if pool.shared:
        return replace(found, why=_chain(file, pool, way))
    if file.device == entry("cdroms", SEED_DRIVE):
        return replace(found, seed=file.path) if way.home.wanted.seed else _medium(file, found, way)
    if file.device.startswith("cdroms["):
        return _medium(file, found, way)
    return _local(file, pool, found, way)


def _local(file: _File, pool: WantedPool, found: Reach, way: _Way) -> Reach:
    """A disk in storage that each host has for itself: its content goes along, while the VM runs."""
    vm, words = way.home.found.vm, f"{file.words} is in local storage ({pool.name})"
    if not vm.running:
        return replace(found, why=f"{words}, and only a running VM takes its disks along")
    if file.device in vm.unnamed or file.device not in vm.targets:
        return replace(found, why=f"{words}, and it is not one of ours")
    seen = pool_on(way.context, pool, way.target)
    if seen is None or not seen.active:
        return replace(found, why=f"{words}, which is not active on {way.target}")
    if file.device in found.copy:
        return found
    volume = file.path.rpartition("/")[2]
    if volume in seen.volumes:
        used = _is_used(file.path, way)
        if not used and _is_in_trash(volume, seen):  # left there when it moved away
            found = replace(found, stale=(*found.stale, (pool.name, volume)))
        elif used or volume + UNFINISHED not in seen.volumes:  # an interrupted copy is made again
            return replace(found, why=f"{words}, and {way.target} has a volume {volume} there already")
    return replace(found, copy=(*found.copy, file.device))


def _is_in_trash(volume: str, seen: SeenPool) -> bool:
    return any((trashed_since(each) or ("",))[0] == volume for each in seen.volumes)


def _is_used(path: str, way: _Way) -> bool:
    """Whether a VM or an overlay of the target has that file."""
    return bool(backing.users(Observed(hosts={way.target: way.context.observed.seen[way.target]})).get(path))


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


def _medium(file: _File, found: Reach, way: _Way) -> Reach:
    """A CD-ROM that is in local storage: fine if the target has the same file, which images' names tell."""
    if way.context.observed.volume_at(way.target, file.path) is not None:
        return found
    return replace(found, why=f"{file.words} holds {file.path}, which {way.target} does not have; eject it")


def _chain(file: _File, pool: WantedPool, way: _Way) -> str:
    """Why the files that a shared one is an overlay of cannot be reached, "" if they can."""
    volume = _volume(file.path, pool, way.context)
    if volume is None or not volume.backing.startswith("/"):
        return ""
    base = _pool(volume.backing, way.context)
    if base is not None and base.shared and way.target in base.hosts:
        return "" if volume.backing == file.path else _chain(_File(file.device, volume.backing), base, way)
    return f"{file.words} is a linked clone of {volume.backing}, which {way.target} does not reach"


def _volume(path: str, pool: WantedPool, context: Context) -> SeenVolume | None:
    """A volume of shared storage, as the first host that shows it has it."""
    found = (context.observed.volume_at(host, path) for host in pool.hosts)
    return next((each.volume for each in found if each is not None), None)


def _pool(path: str, context: Context) -> WantedPool | None:
    """The declared storage domain that a file lies in."""
    folder = path.rpartition("/")[0]
    return next((each for each in context.wanted.pools.values() if each.path.rstrip("/") == folder), None)


def _roomy(found: Reach, way: _Way) -> Reach:
    """Whether what is copied fits into the storage of the target."""
    home, context = way.home, way.context
    needs: dict[str, int] = {}
    for each in found.copy:
        path = str((home.found.vm.live or {}).get(f"{each}.source") or "")
        pool, volume = _pool(path, context), context.observed.volume_at(home.host, path)
        if pool is not None and volume is not None:
            needs[pool.name] = needs.get(pool.name, 0) + volume.volume.allocation
    return replace(found, needs=needs, why=full(needs, way.target, context, {}))


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
