"""Description: everything about one object, for a person who wants to know. Pure. Called by `gitvirt describe`."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from drivers.mark import Device, Mark, kind_of
from drivers.seen import SeenVm
from reconciler.desired.hardware import device_lists
from reconciler.plan.faces import words
from reconciler.status import conditions as asked
from reconciler.status import hostdevices, objects, telling
from reconciler.status.kinds.vm import state, vm
from reconciler.status.sections import Section
from reconciler.status.situation import Machine, Situation
from reconciler.status.values import deed_told, overrides
from specs.fields import Fields, entries, entry
from specs.render import document
from specs.resource import Ref, Resource


def describe(ref: Ref, situation: Situation) -> list[Section]:
    """All sections, empty ones left out."""
    machine = situation.machine(ref)
    found = _machine(machine, situation) if machine else _other(ref, situation)
    return [each for each in found if each.rows]


def _machine(machine: Machine, situation: Situation) -> Iterable[Section]:
    item = vm(machine, situation)
    changes = situation.changes.get(machine.ref, ())
    ours = machine.resource is not None or machine.mark is not None
    yield Section(title=f"{machine.ref}", rows=_head(machine, item, situation))
    if machine.resource:
        yield declared(machine.resource)
    if machine.vm:
        yield Section(title="Hardware", rows=_hardware(machine.vm))
        yield Section(title="Devices", rows=_devices(machine.vm, machine.mark))
    if machine.mark:
        yield Section(title="Mark", rows=_mark(machine.mark))
    if ours:
        yield telling.conditions(asked.of_vm(machine, situation))
        yield telling.held(changes)
        yield telling.next_plan(machine.ref, situation)


def _head(machine: Machine, item: dict[str, Any], situation: Situation) -> list[list[str]]:
    seen, status = machine.vm, item["status"]
    reason = f" ({seen.reason})" if seen and seen.reason else ""
    rows = [["state", state(machine, situation) + reason], ["host", machine.host or "none"]]
    rows += [[key, words.plain(str(value))] for key, value in _facts(machine, status)]
    declared_groups = situation.context.wanted.affinity.items() if machine.wanted else ()
    groups = [name for name, each in declared_groups if machine.ref.name in each.vms]
    rows += [["affinity groups", ", ".join(sorted(groups))]] if groups else []
    if way := status.get("migration"):
        ends = [way[each] or "an unread host" for each in ("from", "to")]
        rows.append(["on its way", " to ".join(ends) + (f", {way['percent']} %" if "percent" in way else "")])
    if machine.twice:
        rows.append(["also on", ", ".join(each.host for each in machine.twice)])
    return rows


def _facts(machine: Machine, status: dict[str, Any]) -> Iterable[tuple[str, str]]:
    seen = machine.vm
    if machine.wanted:
        yield "cluster", machine.wanted.cluster
        yield "labels", telling.labels(dict(machine.wanted.labels)) or "none"
    if owner := status.get("owner"):
        yield "owner", owner
    if seen is None:
        return
    yield "uuid", seen.uuid
    if "addresses" in status:
        yield "addresses", ", ".join(_addresses(status)) or "none known"
    yield "guest agent", "connected" if seen.agent else "not connected"
    yield "autostart", "yes" if seen.autostart else "no"
    if not seen.persistent:
        yield "transient", "libvirt forgets it when it stops"
    if seen.snapshots:
        yield "snapshots", "yes"


def declared(resource: Resource) -> Section:
    """The effective spec as YAML, each value with its file and line."""
    lines = document(resource).splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("spec:")), len(lines))
    rows = [[line.removeprefix("  ")] for line in lines[start + 1 :]]
    return Section(title=f"Declared at {resource.location}", rows=rows)


def _addresses(status: dict[str, Any]) -> Iterable[str]:
    """Every address, with the name of its NIC where there are several."""
    nics = status.get("nics", ())
    owner = {address: nic["name"] for nic in nics for address in nic.get("addresses", ())} if len(nics) > 1 else {}
    for address in status["addresses"]:
        yield f"{address} ({words.plain(owner[address])})" if address in owner else address


def _hardware(seen: SeenVm) -> list[list[str]]:
    """The next boot's values; beside them what runs now, where that differs."""
    rows = []
    live = seen.live
    paths = dict.fromkeys([*seen.config, *(live or {})])
    for path in paths:
        config, running = seen.config.get(path), (live or {}).get(path)
        differs = live is not None and config != running and not _whole_device(path, seen)
        if "[" in path and not differs:
            continue
        told = [words.plain(path), words.value(path, config)]
        rows.append([*told, f"running now: {words.value(path, running)}"] if differs else told)
    return rows


def _whole_device(path: str, seen: SeenVm) -> bool:
    """True for a field of a device that only one of the two definitions has: it is told with the devices."""
    if "[" not in path:
        return False
    head = path.partition("]")[0] + "]"
    return any(not any(each.startswith(head) for each in fields) for fields in (seen.config, seen.live or {}))


def _devices(seen: SeenVm, mark: Mark | None) -> list[list[str]]:
    rows = []
    for name in device_lists():
        kind = kind_of(name)
        config, live = entries(seen.config, name), entries(seen.live or {}, name)
        for each in dict.fromkeys([*config, *live]):
            path = entry(name, each)
            device = mark.devices.get(f"{kind}/{each}") if mark else None
            missing = "next boot only" if seen.live is not None and each not in live else ""
            missing = missing or ("until the next boot" if each not in config else "")
            told = _device(path, live.get(each) or config[each])
            rows.append([f"{kind} {words.plain(each)}", told, ", ".join(_place(path, seen, device, missing))])
    return rows


def _device(path: str, fields: Fields) -> str:
    told = words.device(path, fields)
    bus = fields.get("bus")
    return f"{told}, {bus}" if isinstance(bus, str) and bus == "virtio" else told


def _place(path: str, seen: SeenVm, device: Device | None, missing: str) -> Iterable[str]:
    if target := seen.targets.get(path):
        yield words.plain(target)
    if path in seen.unnamed:
        yield "not declared, left alone"
    elif device is not None and device.volume:
        domain = words.plain(device.volume.partition("/")[0])
        yield f"in {domain}{'' if device.made else ', not made by gitvirt'}"
    if device is not None and device.pending:
        yield "being made"
    if missing:
        yield missing


def _mark(mark: Mark) -> list[list[str]]:
    rows = [
        ["generation", str(mark.generation)],
        ["last changed at", words.revision(mark.revision) or "unknown"],
        ["delete protection", "yes" if mark.protected else "no"],
    ]
    rows += [[f"removed {key}", f"{volume} (in the trash)"] for key, volume in sorted(mark.trash.items())]
    for each in overrides(mark.overrides):
        rows.append([f"override {each['kind']}", words.plain(deed_told(each))])
    return rows


def _other(ref: Ref, situation: Situation) -> Iterable[Section]:
    """Anything but a VM: its object as `get` has it, row by row."""
    listing = objects.listing(ref.kind)
    item = next(each for each in listing.objects(situation.catalog, situation) if each["metadata"]["name"] == ref.name)
    resource = situation.catalog.resources.get(ref)
    status = dict(item["status"])
    found = status.pop("conditions", [])
    for key in ("pending", "held"):
        status.pop(key, None)
    deeds = [["override", words.plain(deed_told(each))] for each in status.pop("overrides", [])]
    places = status.pop("hosts", []) if ref.kind != "Cluster" else []
    yield Section(title=str(ref), rows=[*([key, _said(key, value)] for key, value in status.items()), *deeds])
    if resource is not None:
        yield declared(resource)
    yield Section(title="On its hosts", rows=[_row(each) for each in places if isinstance(each, dict)])
    if ref.kind == "Host" and (seen := situation.context.observed.seen.get(ref.name)):
        yield hostdevices.section(seen)
    yield telling.conditions(found)
    yield telling.held(situation.changes.get(ref, ()))
    if listing.look is not None:
        yield telling.next_plan(ref, situation)


_BYTES = frozenset({"capacity", "available", "allocation", "size", "memory", "memoryFree", "space"})


def _said(key: str, value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_said(name, each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(_said(key, each) for each in value) or "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return telling.amount(value) if key in _BYTES else words.plain(str(value))


def _row(place: dict[str, Any]) -> list[str]:
    more = {key: value for key, value in place.items() if key not in ("name", "state")}
    said = ", ".join(f"{key} {_said(key, value)}" for key, value in more.items())
    return [str(place["name"]), str(place["state"]), said]
