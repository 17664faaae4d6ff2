"""Steps that make a new VM: define it first (the mark claims the name), then its disks, then the mark, then start.

Pure; called by plan/planner.py for VMs that no host holds. Whatever fails half-way is found by the next pass through
the mark: disks that it calls pending were never attached, and are made again.
"""

from __future__ import annotations

from drivers.base import NewVm
from drivers.mark import Device, kind_of
from reconciler.desired import defaults
from reconciler.desired.cloudinit import IGNITION, NO_CLOUD
from reconciler.desired.hardware import device_lists
from reconciler.desired.identity import free_uuid, is_marker
from reconciler.desired.wanted import WantedVm
from reconciler.diff import devices
from reconciler.diff.change import Change, HeldReason
from reconciler.plan import marks
from reconciler.plan.builder import Builder, Withheld
from reconciler.plan.plan import AutostartVm, DefineVm, MarkVm, StartVm, Warned
from reconciler.plan.steps import seeds
from reconciler.plan.steps.storage import DiskOwner, PlannedDisk, image_on, make_disk, name_disk
from specs.fields import Fields, Scalar, entries
from specs.structs import Struct, replace

_PREPARED = ("disks", "cdroms", "nics")  # lists whose entries need more than their fields: volumes, media, MACs


class Devices(Struct, frozen=True, kw_only=True):
    """All devices of a new VM: their fields, their table for the mark, and the planned volumes of the disks."""

    fields: dict[str, Scalar]
    table: dict[str, Device]
    disks: dict[str, PlannedDisk]
    after: tuple[str, ...]


def create_steps(change: Change, wanted: WantedVm, host: str, builder: Builder) -> Change:
    """Adds the steps; returns the change with its host and every value that was decided."""
    context = builder.context
    seen = context.observed.seen[host]
    uuid = wanted.uuid or free_uuid(context.wanted.repository, wanted.ref, builder.uuids)
    _refuse_orphans(wanted, uuid, builder)
    fields = defaults.new_vm(wanted, seen.capabilities)
    if wanted.emulation == "auto" and fields["emulation"] == "tcg":
        text = (
            f"{wanted.ref}: no KVM on its hosts, so software emulation is used; set the cluster's `emulation` to say so"
        )
        builder.warnings.append(Warned(text=text, where=str(wanted.location)))
    parts = _devices(wanted, uuid, host, builder)
    mark = replace(
        marks.first(wanted, uuid, context),
        declared=marks.declared(wanted, {**wanted.fields, **_media(parts.fields, wanted)}, context),
        devices=parts.table,
    )
    whole = {**fields, **parts.fields}
    define = _define(change, wanted, host, (builder, NewVm(
        name=wanted.name, uuid=uuid, fields=whole, mark=mark, xml=wanted.xml
    ), parts))  # fmt: skip
    builder.claim_uuid(uuid)
    if wanted.power == "running":
        needs = tuple(
            builder.brought("network", host, str(value))
            for path, value in whole.items()
            if path.endswith(("].network", "graphics.network"))
        )
        builder.add(wanted.ref, host, StartVm(uuid=uuid), "start", after=(define, *parts.after, *needs))
    return replace(change, host=host)


def _define(change: Change, wanted: WantedVm, host: str, what: tuple[Builder, NewVm, Devices]) -> str:
    """Define, make the disks, and mark them as made; returns the last of these steps."""
    builder, new, parts = what
    on = starts_with_host(wanted, builder)
    made = [disk for disk in wanted.disks if parts.disks[disk.name].made]
    pending = {
        key: replace(device, pending=key.removeprefix("disk/") in {each.name for each in made})
        for key, device in new.mark.devices.items()
    }
    first = replace(new, mark=replace(new.mark, devices=pending))
    # a host that boots meanwhile must not start it: what a pending disk has is thrown away
    define = builder.add(change.ref, host, DefineVm(vm=first, autostart=on and not made), "define")
    if not made:
        return define
    owner = DiskOwner(ref=change.ref, uuid=new.uuid, host=host, after=(define,))
    steps = tuple(make_disk(disk, parts.disks[disk.name], owner, builder) for disk in made)
    final = replace(new.mark, generation=2)
    call = MarkVm(uuid=new.uuid, expects=1, mark=final)
    marked = builder.add(change.ref, host, call, "mark its disks as made", after=(define, *steps))
    if not on:
        return marked
    return builder.add(change.ref, host, AutostartVm(uuid=new.uuid, on=True), "set autostart", after=(marked,))


def _devices(wanted: WantedVm, uuid: str, host: str, builder: Builder) -> Devices:
    fields: dict[str, Scalar] = {}
    table: dict[str, Device] = {}
    planned: dict[str, PlannedDisk] = {}
    owner = DiskOwner(ref=wanted.ref, uuid=uuid, host=host)
    declared = entries(wanted.fields, "disks")
    for disk in wanted.disks:
        planned[disk.name] = place = name_disk(disk, owner, builder)
        new = defaults.new_entry("disks", declared.get(disk.name, {}), wanted.creation)
        fields |= defaults.prefixed("disks", disk.name, {**new, "source": place.path, "format": place.format})
        table[f"disk/{disk.name}"] = Device(alias=f"ua-disk-{disk.name}", volume=place.recorded, made=place.made)
    for name, nic in entries(wanted.fields, "nics").items():
        new = defaults.new_entry("nics", nic, wanted.creation)
        new["mac"] = address = builder.mac(wanted, uuid, name, str(new.get("mac") or ""))
        fields |= defaults.prefixed("nics", name, new)
        table[f"nic/{name}"] = Device(alias=f"ua-nic-{name}", mac=address)
    drives, after = _drives(wanted, (uuid, host), fields, builder)
    fields |= drives
    for name in entries(drives, "cdroms"):
        table[f"cdrom/{name}"] = Device(alias=f"ua-cdrom-{name}")
    for list_name in device_lists():
        for name, each in entries(wanted.fields, list_name).items() if list_name not in _PREPARED else ():
            fields |= defaults.prefixed(list_name, name, defaults.new_entry(list_name, each, wanted.creation))
            address = str(each.get("address") or "") if list_name == "hostDevices" else ""
            table[f"{kind_of(list_name)}/{name}"] = Device(alias=f"ua-{kind_of(list_name)}-{name}", target=address)
    return Devices(fields=fields, table=table, disks=planned, after=after)


def _drives(
    wanted: WantedVm, place: tuple[str, str], nics: Fields, builder: Builder
) -> tuple[dict[str, Scalar], tuple[str, ...]]:
    """CD-ROM drives with their media, and the drive with the medium of the first boot. `place` is (uuid, host)."""
    uuid, host = place
    fields: dict[str, Scalar] = {}
    after: list[str] = []
    declared = entries(wanted.fields, "cdroms")
    for name, image in wanted.cdroms.items():
        path = devices.image_path(image, host, builder.context) if image else ""
        if path is None:
            raise Withheld(HeldReason.STORAGE, f"cdrom {name}: image/{image} cannot be reached from {host}")
        if image:
            after.append(image_on(image, host, builder)[1])
        new = defaults.new_entry("cdroms", declared.get(name, {}), wanted.creation)
        fields |= defaults.prefixed("cdroms", name, {**new, "source": path})
    if wanted.seed is not None:
        path, step = seeds.new_medium(wanted, uuid, host, nics, builder)
        after.append(step)
        fields |= _told(wanted.seed.label, path)
    return fields, tuple(each for each in after if each)


def _told(label: str, path: str) -> dict[str, Scalar]:
    """How the VM gets at what it is told at its first boot."""
    if label == IGNITION:
        return {"ignition": path}
    drive = defaults.SEED if label == NO_CLOUD else defaults.CDROM  # Windows Setup has no driver for SCSI
    return defaults.prefixed("cdroms", devices.SEED_DRIVE, {**drive, "source": path})


def _media(fields: Fields, wanted: WantedVm) -> dict[str, Scalar]:
    """The declared media, as the mark remembers them."""
    return {
        f"cdroms[{name}].source": fields[f"cdroms[{name}].source"]
        for name, image in wanted.cdroms.items()
        if image is not None
    }


def starts_with_host(wanted: WantedVm, builder: Builder) -> bool:
    """libvirt may start a VM with its host if Git says so, or if nobody else can reach its disks."""
    pools = builder.context.wanted.pools
    local = bool(wanted.disks) and all(not disk.path and not pools[disk.pool].shared for disk in wanted.disks)
    return wanted.power == "running" and (wanted.autostart == "on" or (wanted.autostart == "auto" and local))


def _refuse_orphans(wanted: WantedVm, uuid: str, builder: Builder) -> None:
    """A disk of this VM that exists without its domain holds data: it is never passed over for an empty new one."""
    if str(wanted.ref) in builder.context.allowed.refs:
        return
    prefix = f"gv-{builder.context.wanted.repository[:8]}-{uuid[:8]}-"
    for disk in wanted.disks:
        pool = builder.context.wanted.pools.get(disk.pool)
        if pool is None:
            continue  # a block device of the host
        for volume in sorted(builder.volumes(pool)):
            if volume.startswith(f"{prefix}{disk.name}-") and not is_marker(volume):
                raise Withheld(
                    HeldReason.HOLDS_DATA,
                    f"{pool.name} holds {volume}, a disk of this VM, but no host has its definition",
                    f"declare it as the disk's `volume:` to use it, or `--allow {wanted.ref}` for a new disk",
                )
