"""Diff of one VM that exists: wanted against seen, as one Change.

Pure. Called by diff/compare.py for a VM that bears our mark (or that a declared uuid adopts). Creation, deletion and
every question of whose object it is are decided there.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.mark import Mark
from drivers.seen import Power, SeenVm
from reconciler.desired.wanted import WantedVm
from reconciler.diff import devices, once, outage
from reconciler.diff.change import Change, FieldChange, HeldReason, Verb
from reconciler.diff.context import Context
from reconciler.diff.threeway import Sides, released, scalars
from reconciler.observe.observed import Found
from reconciler.place.hosts import gates
from specs.effects import Effect
from specs.fields import Fields, Scalar
from specs.resource import Location
from specs.structs import replace

_TOPOLOGY = ("cpu.sockets", "cpu.cores", "cpu.threads")


def compare(wanted: WantedVm, found: Found, mark: Mark, context: Context) -> Change | None:
    """All differences of one VM of ours; None if there are none."""
    vm = found.vm
    sides = Sides(
        kind="VirtualMachine",
        ref=wanted.ref,
        wanted=wanted_fields(wanted, found, mark, context),
        declared={path: value for path, value in mark.declared.items() if path not in _OUTSIDE},
        config=vm.config,
        live=once.live(vm),
        drift=wanted.drift,
        origin=wanted.origin,
    )
    added_or_gone = devices.entries_changed(wanted, found, mark, sides)
    settled = frozenset(each.path for each in added_or_gone)
    begun = frozenset(each.path for each in added_or_gone if each.make and not each.config)
    fields = [each for each in scalars(sides, context) if _speaks(each.path, settled, begun)]
    fields = added_or_gone + [_unsaved(_settling(each, vm), vm) for each in fields]
    fields = [_able(each, wanted, found, context) for each in fields]
    fields += released(sides, settled) + _outside(wanted, found, mark, context) + _disk_moves(wanted, mark)
    changes = tuple(_timed(once.after_it(each, vm), wanted, vm) for each in fields)
    if not changes:
        return None
    return Change(
        ref=wanted.ref, verb=Verb.UPDATE, host=found.host, fields=changes, where=wanted.location,
        reason="changed outside gitvirt" if all(each.kind == "drift" for each in changes) else "",
    )  # fmt: skip


def _speaks(path: str, settled: frozenset[str], begun: frozenset[str]) -> bool:
    """Whether a field is compared by itself: not of a device that comes or goes as a whole.

    A disk whose volume was begun stands in the definition already; only its size comes with the volume.
    """
    device = path.partition("]")[0] + "]"
    return device not in settled or (device in begun and not path.endswith("].size"))


_OUTSIDE = frozenset({"state", "xml", "name", "autostart", "stopTimeout", "stopLastResort"})


def wanted_fields(wanted: WantedVm, found: Found, mark: Mark, context: Context) -> Fields:
    """The declared fields, with what they imply for this machine: maxima that have to follow, media by path."""
    fields: dict[str, Scalar] = dict(wanted.fields)
    config = found.vm.config
    memory, top = fields.get("memory"), config.get("memoryMax")
    if isinstance(memory, int) and "memoryMax" not in fields and isinstance(top, int) and memory > top:
        fields["memoryMax"] = memory
    count, most = fields.get("cpu.count"), config.get("cpu.max")
    if isinstance(count, int) and "cpu.max" not in fields and isinstance(most, int) and count > most:
        fields["cpu.max"] = count
    if fields.get("cpu.max", most) != most and not any(path in fields for path in _TOPOLOGY):
        fields.update({"cpu.sockets": 1, "cpu.cores": fields["cpu.max"], "cpu.threads": 1})
    fields.update(devices.media(wanted, found.host, mark, context))
    return fields


def _outside(wanted: WantedVm, found: Found, mark: Mark, context: Context) -> list[FieldChange]:
    """What is not a field of the hardware: power, name, autostart, patches, notes about creation."""
    vm = found.vm
    changes = [outage.state_change(wanted, found, mark, context), _name(wanted, vm), _autostart(wanted, vm, mark)]
    changes += [_patches(wanted, vm, mark, context), *_policies(wanted, mark)]
    changes += _creation(wanted, mark, context)
    return [each for each in changes if each is not None]


def _disk_moves(wanted: WantedVm, mark: Mark) -> list[FieldChange]:
    """Disks that are declared in another storage domain: held, they stay where they are."""
    moves = []
    for disk in wanted.disks:
        recorded = devices.recorded_volume(mark, disk)
        if recorded and recorded[0] != disk.pool:
            path = f"disks[{disk.name}].storageDomain"
            where = wanted.origin.get(path, wanted.location)
            move = FieldChange(path=path, before=recorded[0], after=disk.pool, effect=Effect.MIGRATE, where=where)
            text = f"disk {disk.name} is in storage domain {recorded[0]}"
            moves.append(move.keep_back(HeldReason.NEEDS_MOVE, text, f"write `storageDomain: {recorded[0]}`"))
    return moves


def _name(wanted: WantedVm, vm: SeenVm) -> FieldChange | None:
    if vm.name == wanted.name:
        return None
    change = FieldChange(
        path="name",
        before=vm.name,
        after=wanted.name,
        effect=Effect.OFFLINE,
        kind="change" if wanted.renamed_from == vm.name else "drift",
        where=wanted.origin.get("metadata.renamedFrom", wanted.location),
        config=True,
    )
    if not vm.running and not vm.snapshots:
        return replace(change, effect=Effect.LIVE)
    return change.keep_back(
        HeldReason.NEEDS_STOP, "libvirt renames a VM only while it is off", f"`gitvirt stop {vm.name}`, then apply"
    )


def _autostart(wanted: WantedVm, vm: SeenVm, mark: Mark) -> FieldChange | None:
    """Only where it is spoken out; `auto` is settled at creation and left to whoever changes it."""
    asked = {"on": True, "off": False}.get(wanted.autostart)
    if asked is None:
        return None
    known = mark.declared.get("autostart") == wanted.autostart
    if vm.autostart == asked and known:
        return None
    return FieldChange(
        path="autostart", before=vm.autostart, after=asked, effect=Effect.LIVE,
        kind="record" if vm.autostart == asked else "drift" if known else "change",
        where=wanted.origin.get("autostart"), config=vm.autostart != asked,
    )  # fmt: skip


def _patches(wanted: WantedVm, vm: SeenVm, mark: Mark, context: Context) -> FieldChange | None:
    before = str(mark.declared.get("xml", ""))
    if before == wanted.xml:
        return None
    change = FieldChange(
        path="xml", before=before or None, after=wanted.xml or None,
        effect=Effect.RESTART if vm.running else Effect.LIVE, where=wanted.origin.get("xml"), config=True,
    )  # fmt: skip
    why = context.refused.get(str(wanted.ref))
    return change if why is None else change.keep_back(HeldReason.XML_REFUSED, why)


def _policies(wanted: WantedVm, mark: Mark) -> list[FieldChange]:
    """What only the mark has to learn: it counts as it stands there when the VM is deleted."""
    pairs = (
        ("deleteProtection", mark.protected, wanted.protected),
        ("stopTimeout", mark.declared.get("stopTimeout"), wanted.stop_timeout),
        ("stopLastResort", mark.declared.get("stopLastResort"), wanted.last_resort),
    )
    return [
        FieldChange(
            path=path, before=before, after=after, effect=Effect.NONE, kind="record",
            where=wanted.origin.get(path),
        )
        for path, before, after in pairs
        if before != after
    ]  # fmt: skip


def _creation(wanted: WantedVm, mark: Mark, context: Context) -> list[FieldChange]:
    """Notes: edits of what acts at creation only. They never lead to an action."""
    return [
        FieldChange(
            path=path, before=mark.creation[path], after=context.stored(after), effect=Effect.CREATION, kind="note",
            where=_written(path, wanted),
            note="no effect on an existing VM" + _WAYS.get(path, "").format(wanted.name),
        )
        for path, after in wanted.creation.items()
        if path in mark.creation and context.comparable(after) and not context.knows(mark.creation[path], after)
    ]  # fmt: skip


_WAYS: Mapping[str, str] = {
    "cloudInit": "; `gitvirt cdrom seed {}` hands it over",
    "sysprep": "; `gitvirt cdrom seed {}` hands it over",
    "ignition": "; declare a new one",
}


def _written(path: str, wanted: WantedVm) -> Location | None:
    """Where it was written, or the first part of it."""
    parts = [where for each, where in wanted.origin.items() if each.startswith((path + ".", path + "["))]
    return wanted.origin.get(path) or min(parts, default=None)


def _settling(change: FieldChange, vm: SeenVm) -> FieldChange:
    """A guest that boots has all of its memory until its balloon driver runs; libvirt has asked for it already."""
    if change.path != "memory" or change.kind != "drift" or change.config or vm.agent:
        return change
    return replace(change, kind="pending", live=False, held=None, note="the guest's balloon has not followed yet")


def _unsaved(change: FieldChange, vm: SeenVm) -> FieldChange:
    """A saved memory image pins the hardware: libvirt would come up with the old one, whatever is defined."""
    if vm.power is not Power.SUSPENDED or not change.config:
        return change
    return change.keep_back(
        HeldReason.SAVED_STATE, "the VM is suspended to disk, and wakes with the hardware it had", "start it first"
    )


def _able(change: FieldChange, wanted: WantedVm, found: Found, context: Context) -> FieldChange:
    """Held if libvirt or QEMU of its host cannot do it; what is in the definition already is not asked for again."""
    host = context.observed.seen.get(found.host)
    if host is None or change.held or not change.config or change.after is None:
        return change
    after = change.after if isinstance(change.after, Mapping) else {change.path: change.after}
    within = {path if path == change.path else f"{change.path}.{path}": value for path, value in after.items()}
    off = wanted.power == "stopped"
    lacking = [*gates.lacking(within, host, off=off), *gates.untagged({**wanted.fields, **within}, host)]
    lacking += gates.unassigned(within, host)
    if not off:
        lacking += gates.absent({**wanted.fields, **within}, host) if change.path.startswith("hostDevices[") else ()
    mine = (reason for path, reason in lacking if path.startswith(change.path))
    why = next(mine, None)
    return change.keep_back(HeldReason.UNSUPPORTED, why) if why else change


def _timed(change: FieldChange, wanted: WantedVm, vm: SeenVm) -> FieldChange:
    """Says of a change that interrupts a running VM when it comes true. Drift never restarts anything."""
    if not vm.running or change.held or change.note or change.kind not in ("change", "pending"):
        return change
    waits = {Effect.RESTART: wanted.update.restart, Effect.OFFLINE: wanted.update.offline}.get(change.effect)
    if waits is None or change.path == "state":
        return change
    note = "restarts the VM now" if waits == "now" else "at the next power cycle"
    return replace(change, note=note, restart=waits == "now")
