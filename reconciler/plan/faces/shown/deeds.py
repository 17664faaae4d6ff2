"""Deeds: what the steps of a plan say about a change that has no fields of its own, in a line or two.

Pure. A new VM shows its hardware and disks, a deleted one what becomes of it. In: a plan's steps. Out: short texts,
with `alone` False without what is each object's own (MACs), so that equal changes can be said once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from drivers.base import NewVm
from reconciler.diff.change import Change, Verb
from reconciler.plan import plan
from reconciler.plan.faces import words
from specs.fields import Fields, entries
from specs.resource import Ref
from specs.units import format_size


class Deeds:
    """An index of a plan's steps by the change that they belong to."""

    def __init__(self, steps: Iterable[plan.Step]) -> None:
        self._steps: dict[Ref, list[plan.Step]] = {}
        for each in steps:
            self._steps.setdefault(each.ref, []).append(each)

    def of(self, change: Change) -> list[plan.Step]:
        """The steps of a change: those on its host, or all of its ref where it names none."""
        return [each for each in self._steps.get(change.ref, ()) if change.host in ("", each.host)]

    def without(self, changes: Iterable[Change]) -> list[plan.Step]:
        """Steps of objects that no change names: what others need and is brought along (images of local storage)."""
        known = {each.ref for each in changes}
        return [each for ref, steps in self._steps.items() if ref not in known for each in steps]

    def told(self, change: Change, alone: bool) -> list[str]:
        """What is done to the object as a whole."""
        steps = self.of(change)
        if change.ref.kind == "Image" and change.verb is not Verb.CREATE:
            return []  # its reason says it all
        if change.verb in (Verb.DELETE, Verb.PURGE):
            return _removal(steps)
        if change.verb is Verb.RESTORE:
            return _restoration(steps)
        if change.verb is Verb.ADOPT:
            return ["only the mark is written; the VM itself is not touched"]
        return [text for each in steps for text in new(each, steps, alone)] if change.verb is Verb.CREATE else []


def new(step: plan.Step, steps: Sequence[plan.Step], alone: bool) -> list[str]:
    """What a step makes, if it is the one that tells."""
    match step.call:
        case plan.DefineVm(vm=vm):
            starts = any(isinstance(each.call, plan.StartVm) for each in steps)
            return [_machine(vm) + ("; starts" if starts else "; stays off"), *_devices(vm, alone)]
        case plan.DefineNetwork(network=network):
            return [_network(network.fields)]
        case plan.DefinePool(pool=pool):
            return [words.plain(pool.path)]
        case plan.UploadImage(file=file, url=url, cached=size):
            here = f" ({format_size(-(-size >> 20) << 20)}, fetched already)" if size else ""
            return [words.plain(f"from {url.partition('?')[0] or file}") + here]
    return []


def _machine(vm: NewVm) -> str:
    """`2 vCPUs, 2GiB (up to 8GiB), uefi`: the sizes, and what else was declared in so many words."""
    fields, declared = vm.fields, vm.mark.declared
    count = fields.get("cpu.count")
    said = [words.count(count, "vCPU") if isinstance(count, int) else "vCPUs as the host has them"]
    memory, top = fields.get("memory"), fields.get("memoryMax")
    more = f" (up to {words.value('memoryMax', top)})" if top != memory and top is not None else ""
    said.append(words.value("memory", memory) + more)
    told = ("firmware", "machine", "cpu.model")
    said += [words.value(path, fields.get(path)) for path in told if path in declared]
    return ", ".join(said)


def _devices(vm: NewVm, alone: bool) -> list[str]:
    said = []
    for name, disk in entries(vm.fields, "disks").items():
        image = vm.mark.creation.get(f"disks[{name}].image")
        size = disk.get("size")
        parts = [words.value("disks[root].size", size)] if size is not None else []
        parts += [f"from {words.plain(str(image))}"] if image else []
        existing = vm.mark.devices.get(f"disk/{name}")
        parts += [f"volume {words.plain(existing.volume)}"] if existing and not existing.made else []
        said.append(" ".join(["disk", words.plain(name), *parts]))
    for name, nic in entries(vm.fields, "nics").items():
        network = words.plain(str(nic.get("network", "")))
        named = f" on {network}" if network != name else ""
        said.append(f"nic {words.plain(name)}{named}" + (f" {nic['mac']}" if alone and "mac" in nic else ""))
    said += [f"cdrom {words.plain(name)}" for name in entries(vm.fields, "cdroms")]
    given = entries(vm.fields, "hostDevices").items()
    said += [f"host device {words.plain(name)} {each.get('address', '')}".rstrip() for name, each in given]
    return ["; ".join(said)] if said else []


_NUMBERS = (("vlan", "VLAN"), ("uplink", "by"))


def _network(fields: Fields) -> str:
    said = [words.value(path, fields[path]) for path in ("type", "bridge", "subnet") if path in fields]
    said += [f"{word} {words.value(path, fields[path])}" for path, word in _NUMBERS if path in fields]
    if "dhcp.start" in fields:
        said.append(f"DHCP {fields['dhcp.start']} to {fields.get('dhcp.end', 'the end')}")
    leases = len(entries(fields, "hosts"))
    said += [words.count(leases, "fixed lease")] if leases else []
    said += [f"{path} {words.value(path, fields[path])}" for path in ("domain", "mtu") if path in fields]
    return ", ".join(said)


def _removal(steps: list[plan.Step]) -> list[str]:
    disks = sum(isinstance(each.call, plan.TrashVolume) for each in steps)
    said = [text for each in steps if (text := _fate(each, disks))]
    deleted = [words.plain(each.call.volume) for each in steps if isinstance(each.call, plan.DeleteVolume)]
    if deleted:
        said.append(f"{words.count(len(deleted), 'volume')} deleted for good: {', '.join(deleted)}")
    return ["; ".join(said)] if said else []


def _fate(step: plan.Step, disks: int) -> str:
    match step.call:
        case plan.StopVm(timeout=timeout, last_resort=resort):
            end = "its power is cut" if resort == "destroy" else "nothing more is done"
            return f"is shut down (if it is not off after {timeout} s, {end})"
        case plan.UndefineVm():
            return "its definition is removed for good"
        case plan.UndefineNetwork():
            return "is stopped and undefined"
        case plan.UndefinePool():
            return "is let go of"
        case plan.MarkVm(mark=mark) if mark.trashed:
            return "goes to the trash" + (f" with {words.count(disks, 'disk')}" if disks else "")
    return ""


def _restoration(steps: list[plan.Step]) -> list[str]:
    disks = sum(isinstance(each.call, plan.RestoreVolume) for each in steps)
    starts = any(isinstance(each.call, plan.StartVm) for each in steps)
    said = "comes back with its uuid, MACs" + (f" and {words.count(disks, 'disk')}" if disks else "")
    return [said + ("; starts" if starts else "")]


def by_object(steps: list[plan.Step]) -> list[tuple[Ref, str, list[plan.Step]]]:
    """(ref, host, steps), in order."""

    def key(step: plan.Step) -> tuple[Ref, str]:
        return step.ref, step.host

    return [(ref, host, list(found)) for (ref, host), found in groupby(sorted(steps, key=key), key)]
