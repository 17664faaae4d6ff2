"""Steps that change a VM that exists: volumes before, its edits in one step with the new mark, power after.

Pure; called by plan/planner.py for `update`, `adopt` and `restore`.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.mark import Device, kind_of
from drivers.seen import Power, SeenVm
from reconciler.desired.hardware import device_lists
from reconciler.desired.wanted import WantedVm
from reconciler.diff import devices, outage, power, vms
from reconciler.diff.change import Change, HeldReason
from reconciler.diff.threeway import same
from reconciler.observe.observed import Found
from reconciler.plan import marks
from reconciler.plan.adopted import adopted
from reconciler.plan.builder import Builder, Withheld
from reconciler.plan.plan import AutostartVm, MarkVm, StartVm, StopVm
from reconciler.plan.steps import seeds, vm_move
from reconciler.plan.steps.storage import image_on
from reconciler.plan.steps.vm_create import starts_with_host
from reconciler.plan.steps.vm_devices import grow_stopped, new_devices, out_of_trash, trash_removed
from reconciler.plan.steps.vm_edit import edit
from reconciler.plan.steps.work import Work
from specs.effects import Effect
from specs.fields import entries, entry
from specs.structs import replace


def update_steps(change: Change, wanted: WantedVm, found: Found, builder: Builder) -> Change:
    """Adds the steps of an update or a restore; returns the change with what was decided (volumes, MACs)."""
    assert found.vm.mark is not None
    work = Work(wanted=wanted, vm=found.vm, host=found.host, mark=found.vm.mark, builder=builder)
    acting = [each for each in change.fields if each.acts]
    if work.mark.trashed:
        out_of_trash(work)
    decided = {each.path: each for each in acting}
    table = new_devices(work, acting, decided)
    grow_stopped(work, acting)
    edit(work, list(decided.values()), table)
    for each in acting:
        if each.path == "autostart" and each.config:
            work.step(AutostartVm(uuid=work.vm.uuid, on=bool(each.after)), "set autostart")
    if any(each.make for each in acting) and not found.vm.autostart and starts_with_host(wanted, builder):
        work.step(AutostartVm(uuid=work.vm.uuid, on=True), "set autostart", key="made")
    trash_removed(work, acting)
    vm_move.leave_first(work, target := vm_move.target_of(change))
    _power(work, change)
    vm_move.leave_last(work, target, stopped=_stops(change))
    shown = tuple(decided.get(each.path, each) for each in change.fields)
    return replace(change, fields=shown)


def adopt_steps(change: Change, wanted: WantedVm, found: Found, builder: Builder) -> Change:
    """The one step of an adoption: the mark, with the devices that the declaration matches and nothing else."""
    vm, context = found.vm, builder.context
    bare = replace(marks.first(wanted, vm.uuid, context), devices=_matched(wanted, vm, builder))
    known = replace(found, vm=adopted(vm, bare))
    asked = vms.wanted_fields(wanted, known, bare, context)
    fields = {path: value for path, value in asked.items() if same(path, value, known.vm.config.get(path))}
    mark = replace(bare, declared=marks.declared(wanted, fields, context))
    builder.add(wanted.ref, found.host, MarkVm(uuid=vm.uuid, expects=None, mark=mark), "adopt", effect=Effect.NONE)
    return replace(change, host=found.host)


def _matched(wanted: WantedVm, vm: SeenVm, builder: Builder) -> dict[str, Device]:
    """The device table of an adopted VM: disks by volume or name, NICs by MAC or name, drives by name.

    A device's name is what libvirt calls it (target, MAC), or that of the alias which a gitvirt gave it before the VM
    was released.
    """
    table = dict(_disks(wanted, vm, builder))
    for name, nic in entries(wanted.fields, "nics").items():
        for each, seen in entries(vm.config, "nics").items():
            if nic.get("mac") == seen.get("mac", each) or name == each:
                table[f"nic/{name}"] = Device(alias=_alias("nics", each, vm), mac=str(seen.get("mac", each)))
    for name in wanted.cdroms:
        if name in entries(vm.config, "cdroms"):
            table[f"cdrom/{name}"] = _known("cdroms", name, vm)
    for list_name in device_lists():
        table.update(_alike(list_name, wanted, vm))
    return table


def _disks(wanted: WantedVm, vm: SeenVm, builder: Builder) -> Iterator[tuple[str, Device]]:
    for disk in wanted.disks:
        pool = builder.context.wanted.pools.get(disk.pool)
        path = f"{pool.path.rstrip('/')}/{disk.volume}" if pool and disk.volume else disk.path or None
        for target, seen in entries(vm.config, "disks").items():
            if seen.get("source") == path or (path is None and target == disk.name):
                volume = str(seen.get("source", "")).rpartition("/")[2]
                recorded = f"{pool.name}/{volume}" if pool else ""
                yield f"disk/{disk.name}", replace(_known("disks", target, vm), volume=recorded)


def _alike(list_name: str, wanted: WantedVm, vm: SeenVm) -> Iterator[tuple[str, Device]]:
    """Devices of any other list: the one with the entry's name, else the only one that shows all that is declared."""
    if list_name in ("disks", "cdroms", "nics"):
        return
    seen = entries(vm.config, list_name)
    for name, declared in entries(wanted.fields, list_name).items():
        same = [each for each, shown in seen.items() if all(shown.get(key) == told for key, told in declared.items())]
        found = name if name in seen else same[0] if len(same) == 1 else None
        if found is not None:
            yield f"{kind_of(list_name)}/{name}", _known(list_name, found, vm)


def _known(list_name: str, name: str, vm: SeenVm) -> Device:
    """How the device that is seen under that name is found again."""
    alias = _alias(list_name, name, vm)
    return Device(alias=alias, target=vm.targets.get(entry(list_name, name), "" if alias else name))


def _alias(list_name: str, name: str, vm: SeenVm) -> str:
    """The alias that a gitvirt gave the device, "" if it has none: libvirt's own differ from start to start."""
    alias = vm.aliases.get(entry(list_name, name), "")
    return alias if alias.startswith("ua-") else ""


def _stops(change: Change) -> bool:
    return any(each.path == "state" and each.live and each.after == "stopped" and each.acts for each in change.fields)


def _power(work: Work, change: Change) -> None:
    """Starts, stops or restarts the VM, and records the state that Git asks for once it is true."""
    state = next((each for each in change.fields if each.path == "state" and each.acts), None)
    if state and state.live:
        if state.after == "running":
            _require_disks(work)
            _reseed(work)
            work.step(StartVm(uuid=work.vm.uuid), "start", after=(*_networks(work), *_media(work)))
        else:
            _remember(work)
            work.step(_stop(work), "stop", effect=Effect.RESTART)
    elif work.vm.power is Power.RUNNING and any(each.restart and not each.held for each in change.fields):
        work.step(_stop(work), "stop", effect=Effect.RESTART, key="restart")
        work.step(StartVm(uuid=work.vm.uuid), "start", key="restart")
    held = any(each.path == "state" and each.held for each in change.fields)  # as good as not asked for yet
    if state or (work.mark.declared.get("state") != work.wanted.power and not held):
        started = state is not None and state.live and state.after == "running"
        told = power.remembered(work.wanted, work.vm, work.mark, work.builder.context.now, started)
        told_all = told.overrides if _outage(work) else outage.without(told.overrides)
        values = {"declared": {**work.mark.declared, "state": work.wanted.power}, "overrides": told_all}
        work.write("record its state", "state", **values)


def _outage(work: Work) -> str:
    return outage.outage(work.wanted, work.host, work.builder.context)


def _remember(work: Work) -> None:
    """Before a VM is stopped for an outage its mark learns that it ran."""
    before = work.mark.override(power.OUTAGE)
    if _outage(work) and (before is None or before.value != work.host):
        told = outage.begun(work.mark, work.wanted, Found(host=work.host, vm=work.vm), work.builder.context)
        work.write("note that it ran", "outage", overrides=told)


def _require_disks(work: Work) -> None:
    """Withholds the start of a VM whose disk is gone: an empty new one in its place would hide the loss."""
    before = work.vm.mark.devices.values() if work.vm.mark else ()
    making = {device.volume.rpartition("/")[2] for device in before if device.pending}
    for name, disk in entries(work.vm.config, "disks").items():
        folder, _, volume = str(disk.get("source", "")).rpartition("/")
        pool = work.builder.context.observed.pool_at(work.host, folder)
        if pool is None or not pool.active or pool.problem or volume in pool.volumes or volume in making:
            continue
        raise Withheld(
            HeldReason.DISK_MISSING,
            f"disk {name} is gone: pool {pool.name} on {work.host} has no {volume}",
            "bring the file back, or take the disk out of the YAML",
        )


def _reseed(work: Work) -> None:
    """Writes the first boot's medium that the definition names, if it is not there: never finished, or lost."""
    source = work.vm.config.get(f"cdroms[{devices.SEED_DRIVE}].source") or work.vm.config.get("ignition")
    if source:
        where = (work.host, str(source))
        work.last = seeds.again(work.wanted, work.vm.uuid, where, work.vm.config, work.builder) or work.last


def _networks(work: Work) -> tuple[str, ...]:
    """The steps of this plan that bring up networks which the VM needs to start."""
    needed = (str(value) for path, value in work.vm.config.items() if path.endswith("].network"))
    return tuple(work.builder.brought("network", work.host, name) for name in needed)


def _media(work: Work) -> Iterator[str]:
    """The steps that bring what lies in its drives: an interrupted creation may have left them empty."""
    paths = devices.media(work.wanted, work.host, work.mark, work.builder.context)
    for drive, image in work.wanted.cdroms.items():
        path = paths.get(entry("cdroms", drive, "source"))
        if image and path and path == work.vm.config.get(entry("cdroms", drive, "source")):
            yield image_on(image, work.host, work.builder)[1]


def _stop(work: Work) -> StopVm:
    return StopVm(uuid=work.vm.uuid, timeout=work.wanted.stop_timeout, last_resort=work.wanted.last_resort)
