"""Steps for storage domains, images, seeds and disk volumes. Pure; called by plan/planner.py and plan/vm_*.py."""

from __future__ import annotations

from drivers.base import NewPool, NewVolume
from reconciler.desired.identity import ready_marker
from reconciler.desired.wanted import WantedDisk, WantedImage, WantedPool
from reconciler.diff import pools
from reconciler.diff.change import Change, HeldReason, Verb
from reconciler.plan.builder import Builder, Withheld
from reconciler.plan.plan import (
    CreateVolume,
    DefinePool,
    DeleteVolume,
    StartPool,
    UndefinePool,
    UploadImage,
    Warned,
)
from reconciler.plan.steps import kept
from specs.resource import Ref
from specs.structs import Struct
from specs.units import format_size


def pool_steps(change: Change, builder: Builder) -> None:
    """A storage domain on one host: made, started, or let go of."""
    if change.verb is Verb.DELETE:
        builder.add(change.ref, change.host, UndefinePool(pool=change.ref.name), "undefine")
        return
    wanted = builder.context.wanted.pools[change.ref.name]
    if change.verb is Verb.CREATE:
        # a shared folder that is not mounted must not come to be on the host's own disk
        new = NewPool(name=wanted.name, uuid=wanted.uuid, path=wanted.path, build=not wanted.shared)
        step = builder.add(change.ref, change.host, DefinePool(pool=new), "define")
    else:
        step = builder.add(change.ref, change.host, StartPool(pool=builder.libvirt_pool(wanted, change.host)), "start")
    builder.brings["pool", change.host, wanted.name] = step


def image_steps(change: Change, builder: Builder) -> None:
    """An image of a shared storage domain: brought in by the first of its hosts that can; else what kept.py knows."""
    if change.verb is not Verb.CREATE:
        kept.steps(change, builder)
        return
    wanted = builder.context.wanted.images[change.ref.name]
    pool = builder.context.wanted.pools[wanted.pool]
    for host in pool.hosts:
        if usable(pool, host, builder) is None:
            _upload(wanted, pool, host, builder)
            return
    raise Withheld(HeldReason.STORAGE, f"no host has storage domain {pool.name} active")


def usable(pool: WantedPool, host: str, builder: Builder) -> str | None:
    """Why a storage domain cannot be used on a host; None if it can, now or by a step of this plan."""
    if host not in builder.context.observed.seen:
        return "host not reachable"
    if builder.brought("pool", host, pool.name):
        return None
    seen = pools.pool_on(builder.context, pool, host)
    if seen is None:
        return "no pool"
    return seen.problem or (None if seen.active else "not active")


def image_on(name: str, host: str, builder: Builder) -> tuple[WantedImage, str]:
    """An image and the step that brings it where that host can use it ("" if it is there already)."""
    wanted = builder.context.wanted.images[name]
    pool = builder.context.wanted.pools[wanted.pool]
    if step := builder.brought("image", "" if pool.shared else host, wanted.name):
        return wanted, step
    holders = pool.hosts if pool.shared else (host,)
    if any(pools.present(wanted, pool, each, builder.context) for each in holders):
        return wanted, ""
    if wanted.external:
        raise Withheld(HeldReason.EXTERNAL_MISSING, f"image/{name}: no volume {wanted.volume} in {pool.name} on {host}")
    if pool.shared:
        raise Withheld(HeldReason.DEPENDENCY, f"image/{name} is not there and cannot be brought in yet")
    probe = Change(ref=wanted.ref, verb=Verb.CREATE)
    if pools.absent_source(wanted, probe, builder.context):
        raise Withheld(HeldReason.SOURCE_MISSING, f"image/{name}: file {wanted.file} is not in the repository's folder")
    return wanted, _upload(wanted, pool, host, builder)


def _upload(wanted: WantedImage, pool: WantedPool, host: str, builder: Builder) -> str:
    require_room(pool, host, builder)
    call = UploadImage(
        pool=builder.libvirt_pool(pool, host), volume=wanted.volume, file=wanted.file, url=wanted.url,
        checksum=wanted.checksum, format=wanted.format, iso=wanted.iso,
        repository=builder.context.wanted.repository, cached=builder.context.present.get(wanted.url, 0),
    )  # fmt: skip
    what = "fetch and upload" if wanted.url else "upload"
    step = builder.add(wanted.ref, host, call, what, after=(builder.brought("pool", host, pool.name),))
    builder.brings["image", "" if pool.shared else host, wanted.name] = step
    builder.volumes(pool).update((wanted.volume, ready_marker(wanted.volume)))
    return step


def require_room(pool: WantedPool, host: str, builder: Builder) -> None:
    """Withholds what would write to a storage domain that has less free than its critical threshold."""
    seen = pools.pool_on(builder.context, pool, host)
    if seen is not None and seen.active and pool.critical and seen.available < pool.critical:
        free, least = format_size(seen.available >> 20 << 20), format_size(pool.critical)
        raise Withheld(
            HeldReason.STORAGE, f"{pool.ref} has {free} free, and freeSpace.critical is {least}", "make room"
        )


def short_of_space(builder: Builder) -> list[Warned]:
    """A warning for each storage domain that is below its warning threshold on some host."""
    found = {}
    for pool in builder.context.wanted.pools.values():
        for host in pool.hosts:
            seen = pools.pool_on(builder.context, pool, host)
            if seen and seen.capacity and seen.available * 100 < seen.capacity * pool.warning:
                text = f"{pool.ref}: {seen.available * 100 // seen.capacity} % free, less than {pool.warning} %"
                found[pool.name] = Warned(text=text, where=str(pool.location))
    return list(found.values())


class PlannedDisk(Struct, frozen=True, kw_only=True):
    """Where a disk's volume is going to be. `made`: by gitvirt. `step`: what makes it, or "" if it is there."""

    path: str
    volume: str
    pool: str
    format: str
    made: bool
    step: str = ""

    @property
    def recorded(self) -> str:
        """As a device table has it; "" for a block device of the host."""
        return f"{self.pool}/{self.volume}" if self.volume else ""


class DiskOwner(Struct, frozen=True, kw_only=True):
    """Whose disk it is, and where: with `again`, the volume's name of an attempt that was not finished."""

    ref: Ref
    uuid: str
    host: str
    again: str = ""
    after: tuple[str, ...] = ()


def name_disk(disk: WantedDisk, owner: DiskOwner, builder: Builder) -> PlannedDisk:
    """Decides on the volume of a disk: the declared one, that of the unfinished attempt, or a new name."""
    if disk.path:
        return PlannedDisk(path=disk.path, volume="", pool="", format="raw", made=False)
    pool = builder.context.wanted.pools[disk.pool]
    if disk.volume or disk.external:
        volume = disk.volume or disk.name
        if volume not in builder.volumes(pool):
            raise Withheld(HeldReason.EXTERNAL_MISSING, f"disk {disk.name}: no volume {volume} in {pool.name}")
        return PlannedDisk(path=_in(pool, volume), volume=volume, pool=pool.name, format=disk.format, made=False)
    volume = owner.again or builder.disk_volume(pool, owner.uuid, disk.name, disk.format)
    return PlannedDisk(path=_in(pool, volume), volume=volume, pool=pool.name, format=disk.format, made=True)


def make_disk(disk: WantedDisk, planned: PlannedDisk, owner: DiskOwner, builder: Builder) -> str:
    """The step that makes a disk's volume (after removing what an unfinished attempt left); "" if it exists."""
    if not planned.made:
        return ""
    pool = builder.context.wanted.pools[disk.pool]
    require_room(pool, owner.host, builder)
    name = builder.libvirt_pool(pool, owner.host)
    after = (*owner.after, builder.brought("pool", owner.host, pool.name))
    if owner.again:
        gone = DeleteVolume(pool=name, volume=planned.volume)
        key = f"{disk.name}/again"
        after = (builder.add(owner.ref, owner.host, gone, f"remove unfinished disk {disk.name}", key=key, after=after),)
    new, needs = _new_volume(disk, planned, name, (owner, builder))
    call = CreateVolume(volume=new, grow_to=disk.size or 0 if new.copy_of else 0)
    return builder.add(owner.ref, owner.host, call, f"create disk {disk.name}", key=disk.name, after=(*after, needs))


def _new_volume(
    disk: WantedDisk, planned: PlannedDisk, pool: str, place: tuple[DiskOwner, Builder]
) -> tuple[NewVolume, str]:
    owner, builder = place
    if not disk.image:
        return NewVolume(pool=pool, name=planned.volume, capacity=disk.size or 0, format=disk.format), ""
    image, needs = image_on(disk.image, owner.host, builder)
    source = builder.context.wanted.pools[image.pool]
    if disk.clone == "copy":
        of = builder.libvirt_pool(source, owner.host)
        new = NewVolume(pool=pool, name=planned.volume, format=disk.format, copy_of=image.volume, copy_pool=of)
        return new, needs
    backing = _in(source, image.volume)
    capacity = disk.size or 0
    new = NewVolume(pool=pool, name=planned.volume, capacity=capacity, backing=backing, backing_format=image.format)
    return new, needs


def _in(pool: WantedPool, volume: str) -> str:
    return f"{pool.path.rstrip('/')}/{volume}"
