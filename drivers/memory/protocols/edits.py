"""Changes of one simulated domain: what a running QEMU and its guest take, and edits of the definition.

Called by protocols.vms under the world's lock. `change_running` returns why the edit has to wait for the next boot,
or "" when it is in effect; `change_definition` returns the new next-boot hardware, normalised, and the mark.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Mapping

from drivers.base import Edit
from drivers.errors import Busy, DriverError, Missing, NoSpace, Refused
from drivers.mark import Mark, list_of
from drivers.memory.calls import Line
from drivers.memory.model.defaults import complete, device, fill, free_target
from drivers.memory.model.domain import Domain
from drivers.memory.model.hardware import DRIVES, Device, Hardware
from drivers.memory.model.said import Said
from drivers.memory.running import plug, unplug
from specs.fields import Fields, Scalar, entry_of, pattern
from specs.structs import Struct, replace

HOTPLUG = frozenset({"virtio", "scsi", "usb"})
"""Disk buses that take devices while the VM runs."""


LIMITS = (
    "iotune.iopsSize",
    *(
        f"iotune.{way}{kind}{end}"
        for way in ("total", "read", "write")
        for kind in ("Bytes", "Iops")
        for end in ("", "Max", "MaxLength")
    ),
)


NIC = (
    "link", "network", "portgroup", "isolated", "trustGuestRxFilters", "filter", "filterParameters", "rxFrames",
    "vlan.tags", "vlan.trunk", "vlan.native",
    *(f"bandwidth.{way}.{limit}" for way in ("inbound", "outbound") for limit in ("average", "peak", "burst")),
)  # fmt: skip
"""What libvirt changes of a NIC while the VM runs."""


class _Context(Struct, frozen=True):
    line: Line
    domain: Domain
    live: Hardware
    edit: Edit
    mark: Mark

    def device(self) -> Device:
        kind, name, _ = entry_of(self.edit.path) or ("", "", "")
        found = self.live.find(kind, name, self.mark, self.domain.mark)
        if found is None:
            raise Said(Missing, f"device not found: no {self.edit.path} in the running domain")
        return found


def change_running(line: Line, domain: Domain, edit: Edit, mark: Mark) -> str:
    """Makes one edit in the running domain."""
    assert domain.live is not None
    rule = _whole if edit.path.endswith("]") else _LIVE.get(pattern(edit.path))
    if rule is None:
        return "libvirt cannot change this while the VM runs"
    try:
        return rule(_Context(line, domain, domain.live, edit, mark))
    except Said as said:
        if said.error in (Busy, NoSpace):  # somebody else's lock or a full disk is no refusal of this VM's
            raise
        return said.detail


def _scalar(context: _Context) -> str:
    _set(context.live.scalars, context.edit.path, context.edit.after)
    return ""


def _rng(context: _Context) -> str:
    if not context.edit.after and not context.domain.guest.unplug:
        return "the guest did not release the device"
    return _scalar(context)


def _password(context: _Context) -> str:
    if context.live.scalars["graphics.type"] == "none":
        return "the running VM has no graphics"
    if context.edit.after is None and context.edit.path == "graphics.password":
        return "libvirt cannot take the password off a running VM"
    return _scalar(context)


def _cpus(context: _Context) -> str:
    wanted, now = _number(context.edit.after), _number(context.live.scalars["cpu.count"])
    most = _number(context.live.scalars["cpu.max"])
    if wanted > most:
        return f"the running VM has at most {most} vCPUs"
    if wanted < now:
        return f"a running guest does not give vCPUs back ({now} are online)"
    context.live.scalars["cpu.count"] = wanted
    return ""


def _balloon(context: _Context) -> str:
    wanted, most = _number(context.edit.after), _number(context.live.scalars["memoryMax"])
    if wanted > most:
        return f"the running VM has at most {most} bytes of memory"
    if not context.domain.guest.balloon:
        return "the guest's balloon driver did not follow"
    context.live.scalars["memory"] = wanted
    return ""


def _whole(context: _Context) -> str:
    if isinstance(context.edit.after, Mapping):
        return _attach(context, context.edit.after)
    return _detach(context)


def _attach(context: _Context, after: Fields) -> str:
    kind, name, _ = entry_of(context.edit.path) or ("", "", "")
    beside = (context.live, context.domain.config)
    found = context.live.find(kind, name, context.mark, context.domain.mark)
    if found is not None:
        return "" if shows(found, after) else "libvirt took the change, but the running VM does not show it"
    made = device(kind, name, after, context.mark, beside)
    bus = str(made.fields.get("bus", ""))
    if kind in DRIVES and bus not in HOTPLUG:
        return f"disk bus '{bus}' cannot be hotplugged"
    if _own_slot(made) and _slots_used(context.live) >= context.domain.slots:
        return "No more available PCI slots"
    if kind == "cdroms" and not made.source:
        return "an empty CD-ROM drive cannot be hotplugged"
    plug(context.line.world, context.line.host, context.domain, made)
    context.live.devices.append(made)
    return ""


def shows(found: Device, after: Fields) -> bool:
    """Whether the device has all that the edit names; nothing, "" and False are the same."""
    return all((found.fields.get(key) or None) == (value or None) for key, value in after.items() if key != "size")


def _slots_used(live: Hardware) -> int:
    return sum(1 for each in live.devices if _own_slot(each))


def _own_slot(each: Device) -> bool:
    """Whether the device takes a PCI slot; what is neither a drive nor a NIC is not counted."""
    return each.kind == "nics" or (each.kind in DRIVES and each.fields.get("bus") == "virtio")


def _detach(context: _Context) -> str:
    kind, name, _ = entry_of(context.edit.path) or ("", "", "")
    found = context.live.find(kind, name, context.mark, context.domain.mark)
    if found is None:
        return ""
    if found.kind in DRIVES and found.fields["bus"] not in HOTPLUG:
        return f"disk device type '{found.fields['bus']}' cannot be detached"
    if not context.domain.guest.unplug and found.fields.get("bus") != "scsi":
        return "the guest did not release the device"
    unplug(context.line.host, context.domain, found)
    context.live.devices.remove(found)
    return ""


def _grow(context: _Context) -> str:
    wanted = _number(context.edit.after)
    found = context.device()
    file = context.line.host.file(found.source)
    if file is None:
        raise Said(DriverError, f"Cannot access storage file '{found.source}': No such file or directory")
    if wanted < file.capacity:
        return f"the disk has {file.capacity} bytes; it never shrinks to {wanted}"
    file.capacity = wanted
    context.line.host.mounts[posixpath.dirname(found.source)].changed(file.name)
    return ""


def _limit(context: _Context) -> str:
    """I/O limits; 0 lifts one, and libvirt says no more of it."""
    field = (entry_of(context.edit.path) or ("", "", ""))[2]
    _set(context.device().fields, field, context.edit.after or None)
    return ""


def _media(context: _Context) -> str:
    found = context.device()
    inserted = found.copy()
    inserted.fields["source"] = str(context.edit.after or "")
    plug(context.line.world, context.line.host, context.domain, inserted, only_check=True)
    unplug(context.line.host, context.domain, found)
    found.fields["source"] = inserted.source
    plug(context.line.world, context.line.host, context.domain, found)
    return ""


def _nic(context: _Context) -> str:
    found = context.device()
    field = (entry_of(context.edit.path) or ("", "", ""))[2]
    changed = found.copy()
    _set(changed.fields, field, context.edit.after)
    plug(context.line.world, context.line.host, context.domain, changed, only_check=True)
    found.fields = changed.fields
    return ""


def _requested(context: _Context) -> str:
    _set(context.device().fields, "requested", context.edit.after)
    return ""


_TUNED = (
    "iothreads", "cpu.shares", "cpu.limit", "cpu.pins", "cpu.emulatorPin", "cpu.iothreadPins",
    "memoryPolicy.hardLimit", "memoryPolicy.softLimit", "memoryPolicy.swapLimit", "numa.nodes",
    "onPoweroff", "onReboot", "onCrash",
)  # fmt: skip
_LIVE: dict[str, Callable[[_Context], str]] = {
    "description": _scalar,
    "properties": _scalar,
    "agent": _scalar,
    "rng": _rng,
    "graphics.password": _password,
    "graphics.passwordExpires": _password,
    "usb.redirections": _scalar,
    "vsock": _scalar,
    **{f"inputs.{kind}": _scalar for kind in ("tablet", "mouse", "keyboard")},
    "cpu.count": _cpus,
    "memory": _balloon,
    **dict.fromkeys(_TUNED, _scalar),
    "memoryModules[*].requested": _requested,
    "disks[*].size": _grow,
    **{f"disks[*].{field}": _limit for field in LIMITS},
    "cdroms[*].source": _media,
    **{f"nics[*].{field}": _nic for field in NIC},
}


def change_definition(line: Line, domain: Domain, edits: Iterable[Edit], mark: Mark) -> tuple[Hardware, Mark]:
    """The next boot's hardware with all edits made, and the mark that finds it; the domain is left as it is."""
    config = domain.config.copy()
    adopted = _adopted(config, mark, domain.mark)
    for edit in edits:
        parts = entry_of(edit.path)
        if parts is None:
            _set(config.scalars, edit.path, edit.after)
        elif parts[2]:
            _change_device(config, domain, edit, mark)
        else:
            _change_entry(config, domain, edit, mark)
    complete(config, line.host.capabilities)
    return config, _following(mark, adopted)


def _change_entry(config: Hardware, domain: Domain, edit: Edit, mark: Mark) -> None:
    kind, name, _ = entry_of(edit.path) or ("", "", "")
    found = config.find(kind, name, mark, domain.mark)
    if not isinstance(edit.after, Mapping):
        if found is not None:
            config.devices.remove(found)
        return
    running = domain.live.find(kind, name, mark, domain.mark) if domain.live else None
    if found is not None:
        if not shows(found, edit.after):
            raise Said(Refused, f"{edit.path}: libvirt took the change, but the definition does not show it")
    elif running is not None:  # the definition keeps the place that the live device got
        made = running.copy()
        _refill(made, edit.after, config)
        config.devices.append(made)
    else:
        beside = (config, domain.live) if domain.live else (config,)
        config.devices.append(device(kind, name, edit.after, mark, beside))


def _refill(found: Device, after: Fields, config: Hardware) -> None:
    mac, bus = found.mac, found.fields.get("bus")
    fill(found, after)
    if found.kind == "nics":
        found.fields["mac"] = str(found.fields["mac"] or mac).lower()
    elif found.kind in DRIVES and found.fields["bus"] != bus:
        found.target = free_target(str(found.fields["bus"]), [config])


def _change_device(config: Hardware, domain: Domain, edit: Edit, mark: Mark) -> None:
    kind, name, field = entry_of(edit.path) or ("", "", "")
    found = config.find(kind, name, mark, domain.mark)
    if found is None:
        raise Said(Missing, f"device not found: no {kind}[{name}] in the definition")
    if field == "size":
        return  # a property of the volume
    values = dict(found.fields)
    _set(values, field, edit.after)
    _refill(found, values, config)


def _set(values: dict[str, Scalar], key: str, value: Scalar | Fields) -> None:
    if value is None or isinstance(value, Mapping):
        values.pop(key, None)
    else:
        values[key] = value


def _number(value: object) -> int:
    return int(str(value))


def _adopted(hardware: Hardware, mark: Mark, before: Mark | None) -> dict[str, Device]:
    """The devices that the new mark finds by target or MAC, by their keys in its table."""
    keys = [key.partition("/") for key, known in mark.devices.items() if not known.alias]
    found = {f"{kind}/{name}": hardware.find(list_of(kind), name, mark, before) for kind, _, name in keys}
    return {key: each for key, each in found.items() if each is not None}


def _following(mark: Mark, adopted: Mapping[str, Device]) -> Mark:
    """The mark with the targets and MACs that its adopted devices have after the change."""
    table = dict(mark.devices)
    for key, each in adopted.items():
        table[key] = replace(table[key], target=each.target) if each.target else replace(table[key], mac=each.mac)
    return replace(mark, devices=table)
