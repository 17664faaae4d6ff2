"""What a host can do: virtualization, what libvirt and QEMU there offer, the devices that it has."""

from __future__ import annotations

from collections.abc import Hashable

from reconciler.place.demand import Demand
from reconciler.place.hosts import gates
from reconciler.place.room import Room


def abilities_key(asked: Demand) -> Hashable:
    """The fields that `abilities` looks at."""
    fields = asked.vm.fields
    off = asked.vm.power == "stopped"
    return off, *((path, value) for path, value in fields.items() if gates.concerned(path))


def emulation_key(asked: Demand) -> Hashable:
    """What `emulation` looks at."""
    return asked.vm.emulation


def emulation(asked: Demand, host: str, room: Room) -> str | None:
    """Hardware virtualization where it is asked for; never a silent fall-back."""
    if room.seen[host].capabilities.kvm or asked.vm.emulation == "tcg":
        return None
    if asked.vm.emulation == "kvm":
        return "no KVM"
    others = (room.seen[each] for each in asked.vm.hosts if each in room.seen)
    return "no KVM, which other hosts of its cluster have" if any(each.capabilities.kvm for each in others) else None


def abilities(asked: Demand, host: str, room: Room) -> str | None:
    """libvirt and QEMU there can do what its fields ask for."""
    fields, seen = asked.vm.fields, room.seen[host]
    lacking = gates.lacking(fields, seen, off=asked.vm.power == "stopped")
    return next((why for _, why in (*lacking, *gates.untagged(fields, seen))), None)
