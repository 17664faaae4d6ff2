"""Steps for the devices of a VM that exists: volumes made, grown, put into the trash and taken out; MACs given.

Pure; called by plan/steps/vm_update.py before and after the one step that edits the VM.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.mark import Device, kind_of
from reconciler.desired import defaults
from reconciler.desired.wanted import WantedDisk
from reconciler.diff import devices
from reconciler.diff.change import FieldChange, HeldReason
from reconciler.plan.builder import Withheld
from reconciler.plan.plan import GrowVolume, RestoreVolume, TrashVolume
from reconciler.plan.steps.storage import DiskOwner, image_on, make_disk, name_disk, require_room
from reconciler.plan.steps.work import Work
from specs.fields import Scalar, entry_of
from specs.structs import replace


def out_of_trash(work: Work) -> None:
    """Takes the volumes of a trashed VM out of the trash, and its mark."""
    for key, device in work.mark.devices.items():
        if device.made and not device.pending:
            pool, _, volume = device.volume.partition("/")
            call = RestoreVolume(pool=work.pool(pool), volume=volume)
            work.step(call, f"take {key} out of the trash", key=key)
    work.write("restore", "restore", trashed=0)


def new_devices(work: Work, acting: list[FieldChange], decided: dict[str, FieldChange]) -> dict[str, Device]:
    """Gives added entries their volumes and MACs; makes the volumes, claimed by a pending entry in the mark first."""
    table: dict[str, Device] = {}
    disks: list[tuple[WantedDisk, DiskOwner]] = []
    for each in acting:
        parts = entry_of(each.path)
        if parts and parts[::2] == ("hostDevices", "address") and each.config:
            key = f"{kind_of(parts[0])}/{parts[1]}"
            table[key] = replace(work.mark.devices.get(key, Device()), target=str(each.after))
        if parts is None or parts[2] or each.after is None or not (each.config or each.live or each.make):
            continue
        assert isinstance(each.after, Mapping)
        key = f"{kind_of(parts[0])}/{parts[1]}"
        new = defaults.new_entry(parts[0], each.after, work.wanted.creation)
        if parts[0] == "disks":
            disk = work.wanted.disk(parts[1])
            assert disk is not None
            table[key], owner = _disk(work, disk, new)
            if owner is not None:
                disks.append((disk, owner))
        else:
            known = work.mark.devices.get(key, Device())
            table[key] = _other(work, parts[:2], new, known)
        decided[each.path] = replace(each, after=new)
    _make(work, disks, table)
    return table


def _disk(work: Work, disk: WantedDisk, new: dict[str, Scalar]) -> tuple[Device, DiskOwner | None]:
    """The device of an added disk; with an owner if its volume has to be made."""
    known = work.mark.devices.get(f"disk/{disk.name}")
    alias = known.alias if known and known.alias else f"ua-disk-{disk.name}"
    recorded = devices.recorded_volume(work.mark, disk)
    owner = DiskOwner(ref=work.wanted.ref, uuid=work.vm.uuid, host=work.host)
    if recorded and not (known and known.pending):
        pool = work.builder.context.wanted.pools[recorded[0]]
        new |= {"source": f"{pool.path.rstrip('/')}/{recorded[1]}", "format": recorded[1].rpartition(".")[2] or "raw"}
        made = known.made if known else True
        if f"disk/{disk.name}" in work.mark.trash:
            call = RestoreVolume(pool=work.pool(recorded[0]), volume=recorded[1])
            work.step(call, f"take disk {disk.name} out of the trash", key=f"disk/{disk.name}")
        return Device(alias=alias, volume="/".join(recorded), made=made), None
    if known and known.pending and recorded:
        owner = replace(owner, again=recorded[1])
    planned = name_disk(disk, owner, work.builder)
    new |= {"source": planned.path, "format": planned.format}
    if disk.size is not None:
        new["size"] = disk.size
    return Device(alias=alias, volume=planned.recorded, made=planned.made), owner if planned.made else None


def _make(work: Work, disks: list[tuple[WantedDisk, DiskOwner]], table: dict[str, Device]) -> None:
    if not disks:
        return
    pending = {f"disk/{disk.name}": replace(table[f"disk/{disk.name}"], pending=True) for disk, _ in disks}
    if any(work.mark.devices.get(key) != device for key, device in pending.items()):
        work.write("claim the new disks", "claim", devices={**work.mark.devices, **pending})
    for disk, owner in disks:
        volume = table[f"disk/{disk.name}"].volume.partition("/")[2]
        again = replace(owner, again=volume) if owner.again else owner
        planned = name_disk(disk, replace(again, again=volume), work.builder)
        work.last = make_disk(disk, planned, replace(again, after=(work.last,)), work.builder)


def _other(work: Work, where: tuple[str, ...], new: dict[str, Scalar], known: Device) -> Device:
    list_name, name = where
    if list_name == "nics":
        new["mac"] = address = work.builder.mac(work.wanted, work.vm.uuid, name, str(new.get("mac") or known.mac))
        return replace(known, alias=known.alias or f"ua-nic-{name}", mac=address)
    if list_name == "cdroms":
        new.setdefault("source", "")
        if image := work.wanted.cdroms.get(name):
            image_on(image, work.host, work.builder)
    found = replace(known, alias=known.alias or f"ua-{kind_of(list_name)}-{name}")
    return replace(found, target=str(new.get("address") or "")) if list_name == "hostDevices" else found


def grow_stopped(work: Work, acting: list[FieldChange]) -> None:
    """A disk of a VM that is off grows as a volume; that of a running one by an edit."""
    for each in acting:
        parts = entry_of(each.path)
        if parts is None or parts[::2] != ("disks", "size") or work.vm.running or each.kind in ("record", "release"):
            continue
        found = work.builder.context.observed.volume_at(work.host, str(work.vm.config.get(f"disks[{parts[1]}].source")))
        if found is None:
            raise Withheld(HeldReason.DISK_MISSING, f"the volume of disk {parts[1]} is not in any pool of {work.host}")
        assert isinstance(each.after, int)
        pool = work.builder.context.wanted.pools.get(found.pool)
        if pool is not None:
            require_room(pool, work.host, work.builder)
        call = GrowVolume(pool=found.pool, volume=found.volume.name, capacity=each.after)
        work.step(call, f"grow disk {parts[1]}", key=parts[1])


def trash_removed(work: Work, acting: list[FieldChange]) -> None:
    """Puts the volumes of removed disks that gitvirt made into the trash."""
    for each in acting:
        parts = entry_of(each.path)
        if not parts or parts[0] != "disks" or parts[2] or each.after is not None or each.kind == "release":
            continue
        device = work.vm.mark.devices.get(f"disk/{parts[1]}") if work.vm.mark else None
        if device and device.made:
            pool, _, volume = device.volume.partition("/")
            call = TrashVolume(pool=work.pool(pool), volume=volume, when=work.builder.context.now)
            work.step(call, f"put disk {parts[1]} into the trash", key=parts[1])
