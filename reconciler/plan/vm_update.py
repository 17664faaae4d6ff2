"""Steps that change a VM that exists: its edits in one step with the new mark, volumes before, power after.

Pure; called by plan/planner.py for `update`, `adopt` and `restore`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Unpack

from drivers.base import Edit, VmEdit
from drivers.mark import Device, Mark
from drivers.seen import Power, SeenVm
from reconciler.desired import defaults
from reconciler.desired.identity import seed_volume
from reconciler.desired.wanted import WantedDisk, WantedVm
from reconciler.diff import devices, power
from reconciler.diff.change import Change, FieldChange, HeldReason
from reconciler.observe.observed import Found
from reconciler.plan import marks
from reconciler.plan.builder import Builder, Options, Withheld
from reconciler.plan.plan import (
    AutostartVm,
    Call,
    EditVm,
    GrowVolume,
    MarkVm,
    RenameVm,
    RestoreVolume,
    StartVm,
    StopVm,
    TrashVolume,
)
from reconciler.plan.storage import DiskOwner, image_on, make_disk, name_disk, require_room, seed_step
from specs.effects import Effect, worst
from specs.fields import Scalar, entries, entry_of


@dataclass(slots=True, kw_only=True)
class Work:
    """One VM under change: the mark as it will be after the steps so far, and the last step."""

    wanted: WantedVm
    vm: SeenVm
    host: str
    mark: Mark
    builder: Builder
    last: str = ""

    def step(self, call: Call, what: str, **options: Unpack[Options]) -> str:
        """Adds a step after everything so far."""
        options["after"] = (self.last, *options.get("after", ()))
        self.last = self.builder.add(self.wanted.ref, self.host, call, what, **options)
        return self.last

    def write(self, what: str, key: str, **values: Any) -> None:
        """Adds a step that writes the next generation of the mark, and nothing else."""
        expects = self.mark.generation
        self.mark = marks.following(self.mark, self.builder.context, **values)
        self.step(MarkVm(uuid=self.vm.uuid, expects=expects, mark=self.mark), what, key=key, effect=Effect.NONE)


def update_steps(change: Change, wanted: WantedVm, found: Found, builder: Builder) -> Change:
    """Adds the steps of an update or a restore; returns the change with what was decided (volumes, MACs)."""
    assert found.vm.mark is not None
    work = Work(wanted=wanted, vm=found.vm, host=found.host, mark=found.vm.mark, builder=builder)
    acting = [each for each in change.fields if each.acts]
    if work.mark.trashed:
        _out_of_trash(work)
    decided = {each.path: each for each in acting}
    table = _new_devices(work, acting, decided)
    _grow_stopped(work, acting)
    _edit(work, list(decided.values()), table)
    for each in acting:
        if each.path == "autostart" and each.config:
            work.step(AutostartVm(uuid=work.vm.uuid, on=bool(each.after)), "set autostart")
    _trash_removed(work, acting)
    _power(work, change)
    shown = tuple(decided.get(each.path, each) for each in change.fields)
    return replace(change, fields=shown)


def adopt_steps(change: Change, wanted: WantedVm, found: Found, builder: Builder) -> Change:
    """The one step of an adoption: the mark, with the devices that the declaration matches and nothing else."""
    vm = found.vm
    fields = {path: value for path, value in wanted.fields.items() if vm.config.get(path) == value}
    mark = replace(
        marks.first(wanted, vm.uuid, builder.context),
        declared=marks.declared(wanted, fields, builder.context),
        devices=_matched(wanted, vm, builder),
    )
    builder.add(wanted.ref, found.host, MarkVm(uuid=vm.uuid, expects=None, mark=mark), "adopt", effect=Effect.NONE)
    return replace(change, host=found.host)


def _matched(wanted: WantedVm, vm: SeenVm, builder: Builder) -> dict[str, Device]:
    """The device table of an adopted VM: disks by volume or target, NICs by MAC, drives by target."""
    table: dict[str, Device] = {}
    seen_disks, seen_nics = entries(vm.config, "disks"), entries(vm.config, "nics")
    for disk in wanted.disks:
        pool = builder.context.wanted.pools[disk.pool]
        path = f"{pool.path.rstrip('/')}/{disk.volume}" if disk.volume else None
        for target, seen in seen_disks.items():
            if seen.get("source") == path or (path is None and target == disk.name):
                volume = str(seen.get("source", "")).rpartition("/")[2]
                table[f"disk/{disk.name}"] = Device(target=target, volume=f"{pool.name}/{volume}")
    for name, nic in entries(wanted.fields, "nics").items():
        for address in seen_nics:
            if nic.get("mac") == address or name == address:
                table[f"nic/{name}"] = Device(mac=address)
    for name in wanted.cdroms:
        if name in entries(vm.config, "cdroms"):
            table[f"cdrom/{name}"] = Device(target=name)
    return table


def _out_of_trash(work: Work) -> None:
    for key, device in work.mark.devices.items():
        if device.made:
            pool, _, volume = device.volume.partition("/")
            call = RestoreVolume(pool=_pool(work, pool), volume=volume)
            work.step(call, f"take {key} out of the trash", key=key)
    work.write("restore", "restore", trashed=0)


def _new_devices(work: Work, acting: list[FieldChange], decided: dict[str, FieldChange]) -> dict[str, Device]:
    """Gives added entries their volumes and MACs; makes the volumes, claimed by a pending entry in the mark first."""
    table: dict[str, Device] = {}
    disks: list[tuple[WantedDisk, DiskOwner]] = []
    for each in acting:
        parts = entry_of(each.path)
        if parts is None or parts[2] or each.after is None or not (each.config or each.live or each.make):
            continue
        assert isinstance(each.after, Mapping)
        key = f"{devices.LISTS[parts[0]]}/{parts[1]}"
        new = defaults.new_entry(parts[0], parts[1], each.after)
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
            call = RestoreVolume(pool=_pool(work, recorded[0]), volume=recorded[1])
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
        address = str(new.get("mac") or known.mac or work.builder.mac(work.vm.uuid, name))
        new["mac"] = address
        return replace(known, alias=known.alias or f"ua-nic-{name}", mac=address)
    image = work.wanted.cdroms.get(name)
    new.setdefault("source", "")
    if image:
        image_on(image, work.host, work.builder)
    return replace(known, alias=known.alias or f"ua-cdrom-{name}")


def _grow_stopped(work: Work, acting: list[FieldChange]) -> None:
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


_ELSEWHERE = frozenset({"state", "autostart", "name", "deleteProtection", "xml", "stopTimeout", "stopLastResort"})


def _edit(work: Work, acting: list[FieldChange], table: dict[str, Device]) -> None:
    """The one step that changes definition and running machine and writes the new mark."""
    hardware = [each for each in acting if each.path not in _ELSEWHERE and each.kind not in ("record", "release")]
    config = tuple(_as_edit(each) for each in hardware if each.config and not _size(each.path))
    live = tuple(_as_edit(each) for each in hardware if each.live)
    patches = next((each for each in acting if each.path == "xml"), None)
    name = next((each for each in acting if each.path == "name"), None)
    mark = _new_mark(work, acting, table)
    if config or live or patches:
        expects, work.mark = work.mark.generation, mark
        before = str(work.vm.mark.declared.get("xml", "")) if work.vm.mark else ""
        edit = VmEdit(
            uuid=work.vm.uuid, expects=expects, mark=mark, config=config, live=live,
            xml=work.wanted.xml if patches else before, xml_before=before,
        )  # fmt: skip
        after = tuple(
            work.builder.brought("network", work.host, str(value))
            for each in hardware
            for path, value in _values(each)
            if path.endswith("network")
        )
        effect = worst([Effect.LIVE, *(each.effect for each in hardware if each.live)])
        media = tuple(_media_steps(work, hardware))
        work.step(EditVm(edit=edit), "change", effect=effect, after=(*after, *media))
    elif not name and any(each.path != "state" for each in acting):
        work.write("record", "record", **_mark_values(mark))
    if name:
        expects = work.mark.generation
        work.mark = replace(mark, generation=expects + 1)
        work.step(RenameVm(uuid=work.vm.uuid, expects=expects, name=work.wanted.name, mark=work.mark), "rename")


def _media_steps(work: Work, hardware: list[FieldChange]) -> list[str]:
    """The steps that bring in the images of drives that change their medium."""
    drives = {parts[1] for each in hardware if (parts := entry_of(each.path)) and parts[0] == "cdroms"}
    images = (work.wanted.cdroms.get(drive) for drive in sorted(drives))
    return [image_on(image, work.host, work.builder)[1] for image in images if image]


def _mark_values(mark: Mark) -> dict[str, Any]:
    return {
        "ref": mark.ref, "declared": mark.declared, "devices": mark.devices, "trash": mark.trash,
        "creation": mark.creation, "protected": mark.protected, "overrides": mark.overrides,
    }  # fmt: skip


def _new_mark(work: Work, acting: list[FieldChange], table: dict[str, Device]) -> Mark:
    """The mark after the edit. What is held stays as it was declared before; power is recorded when it is done."""
    context, old = work.builder.context, work.mark
    fields = {**work.wanted.fields, **devices.media(work.wanted, work.host, old, context)}
    declared = marks.declared(work.wanted, fields, context)
    changed = {each.path: each for each in acting}
    for path in list(declared):
        settled = path in changed or old.declared.get(path) == declared[path] or _entry_added(path, changed)
        if not settled or path == "state":
            declared.pop(path)
            if path in old.declared:
                declared[path] = old.declared[path]
    gone, trash = _gone(work, acting)
    trash = {key: volume for key, volume in trash.items() if key not in table}
    known = {key: replace(device, pending=False) for key, device in {**old.devices, **table}.items() if key not in gone}
    told = power.remembered(work.wanted, work.vm, old, context.now)
    return marks.following(
        old, context, ref=str(work.wanted.ref), declared=declared, devices=known, trash=trash,
        creation={**work.wanted.creation, **old.creation}, protected=work.wanted.protected, overrides=told.overrides,
    )  # fmt: skip


def _entry_added(path: str, changed: Mapping[str, FieldChange]) -> bool:
    return path.partition("]")[0] + "]" in changed


def _gone(work: Work, acting: list[FieldChange]) -> tuple[set[str], dict[str, str]]:
    """The device keys that leave the table, and the trash with the volumes of removed disks."""
    gone, trash = set(), dict(work.mark.trash)
    for each in acting:
        parts = entry_of(each.path)
        if parts and not parts[2] and each.after is None and each.kind != "release":
            key = f"{devices.LISTS[parts[0]]}/{parts[1]}"
            gone.add(key)
            device = work.mark.devices.get(key)
            if device and device.made:
                trash[key] = device.volume
    return gone, trash


def _trash_removed(work: Work, acting: list[FieldChange]) -> None:
    for each in acting:
        parts = entry_of(each.path)
        if not parts or parts[0] != "disks" or parts[2] or each.after is not None or each.kind == "release":
            continue
        device = work.vm.mark.devices.get(f"disk/{parts[1]}") if work.vm.mark else None
        if device and device.made:
            pool, _, volume = device.volume.partition("/")
            call = TrashVolume(pool=_pool(work, pool), volume=volume, when=work.builder.context.now)
            work.step(call, f"put disk {parts[1]} into the trash", key=parts[1])


def _power(work: Work, change: Change) -> None:
    """Starts, stops or restarts the VM, and records the state that Git asks for once it is true."""
    state = next((each for each in change.fields if each.path == "state" and each.acts), None)
    if state and state.live:
        if state.after == "running":
            _reseed(work)
            work.step(StartVm(uuid=work.vm.uuid), "start", after=_networks(work))
        else:
            work.step(_stop(work), "stop", effect=Effect.RESTART)
    elif work.vm.power is Power.RUNNING and any(each.restart and not each.held for each in change.fields):
        work.step(_stop(work), "stop", effect=Effect.RESTART, key="restart")
        work.step(StartVm(uuid=work.vm.uuid), "start", key="restart")
    if state or work.mark.declared.get("state") != work.wanted.power:
        started = state is not None and state.live and state.after == "running"
        told = power.remembered(work.wanted, work.vm, work.mark, work.builder.context.now, started)
        values = {"declared": {**work.mark.declared, "state": work.wanted.power}, "overrides": told.overrides}
        work.write("record its state", "state", **values)


def _reseed(work: Work) -> None:
    """Writes the cloud-init seed that the definition names, if it is not there: it was never finished, or is lost."""
    if work.wanted.seed is None or not work.wanted.disks:
        return
    pool = work.builder.context.wanted.pools[work.wanted.disks[0].pool]
    source = work.vm.config.get(f"cdroms[{devices.SEED_DRIVE}].source")
    if source != f"{pool.path.rstrip('/')}/{seed_volume(work.vm.uuid, work.wanted.seed.digest)}":
        return
    work.last = seed_step(work.wanted, work.vm.uuid, (work.host, pool), work.builder)[2] or work.last


def _networks(work: Work) -> tuple[str, ...]:
    """The steps of this plan that bring up networks which the VM needs to start."""
    needed = (str(value) for path, value in work.vm.config.items() if path.endswith("].network"))
    return tuple(work.builder.brought("network", work.host, name) for name in needed)


def _stop(work: Work) -> StopVm:
    return StopVm(uuid=work.vm.uuid, timeout=work.wanted.stop_timeout, last_resort=work.wanted.last_resort)


def _pool(work: Work, domain: str) -> str:
    wanted = work.builder.context.wanted.pools.get(domain)
    return work.builder.libvirt_pool(wanted, work.host) if wanted else domain


def _as_edit(change: FieldChange) -> Edit:
    return Edit(path=change.path, before=change.before, after=change.after)


def _values(change: FieldChange) -> list[tuple[str, object]]:
    if isinstance(change.after, Mapping):
        return list(change.after.items())
    return [(change.path, change.after)]


def _size(path: str) -> bool:
    return path.startswith("disks[") and path.endswith("].size")
