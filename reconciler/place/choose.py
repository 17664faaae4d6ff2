"""Placement: which host a VM goes to that no host holds yet.

Pure. Called by plan/planner.py with the VMs that are to be created. This first form takes the first host by name of
the VM's cluster that passes every filter, counting the memory of what the same plan already put there. A filter is a
function (demand, host, state) → why not, or None; adding one is one function and one line in FILTERS.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from drivers.seen import SeenHost
from reconciler.desired.wanted import WantedHost, WantedVm
from reconciler.place import gates
from specs.attachment import is_network
from specs.fields import entries
from specs.units import format_size


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a VM goes, and why each other host was not taken. `host` is "" if none can take it."""

    vm: str
    host: str
    why: str
    rejected: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Room:
    """What placement knows of the world, and how much of it this plan has already given away (bytes per host).

    `networks` and `storage` say which (host, name) will be there when the VM is made; `held` are hosts on which an
    operator wants nothing new.
    """

    hosts: Mapping[str, WantedHost]
    seen: Mapping[str, SeenHost]
    networks: Mapping[tuple[str, str], str]  # (host, network) → "" if usable, else why not
    storage: Mapping[tuple[str, str], str]
    held: frozenset[str] = frozenset()
    given: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What one VM asks of a host. `memory` in bytes: what is guaranteed to it, else all that it shall have."""

    vm: WantedVm
    memory: int
    networks: tuple[str, ...]
    pools: tuple[str, ...]


Filter = Callable[[Demand, str, Room], "str | None"]


def demand(vm: WantedVm) -> Demand:
    """The demand of a VM that is to be created."""
    memory = vm.fields.get("memory") if vm.guaranteed is None else vm.guaranteed
    nics = entries(vm.fields, "nics").values()
    return Demand(
        vm=vm,
        memory=memory if isinstance(memory, int) else 0,
        networks=tuple(str(nic["network"]) for nic in nics if is_network(nic.get("network"))),
        pools=tuple(dict.fromkeys(disk.pool for disk in vm.disks if not disk.path)),
    )


def choose(wanted: Demand, room: Room) -> Placement:
    """The first host by name that no filter rejects; takes the VM's memory off it for the rest of the plan."""
    rejected: dict[str, str] = {}
    for name in wanted.vm.hosts:
        why = next((reason for each in FILTERS if (reason := each(wanted, name, room))), None)
        if why is None:
            room.given[name] = room.given.get(name, 0) + wanted.memory
            return Placement(vm=wanted.vm.name, host=name, why="first host by name that can take it", rejected=rejected)
        rejected[name] = why
    why = "its cluster has no hosts" if not rejected else "no host can take it"
    return Placement(vm=wanted.vm.name, host="", why=why, rejected=rejected)


def reachable(wanted: Demand, host: str, room: Room) -> str | None:
    """The host was read in this pass."""
    return None if host in room.seen else "not reachable"


def maintenance(wanted: Demand, host: str, room: Room) -> str | None:
    """The host is not in maintenance."""
    return "in maintenance" if room.hosts[host].maintenance else None


def on_hold(wanted: Demand, host: str, room: Room) -> str | None:
    """No operator holds the host."""
    return "on hold" if host in room.held else None


def networks(wanted: Demand, host: str, room: Room) -> str | None:
    """All its networks are active there, or will be by this plan."""
    return next(
        (
            f"network {name}: {why}"
            for name in wanted.networks
            if (why := room.networks.get((host, name), "not on this host"))
        ),
        None,
    )


def storage(wanted: Demand, host: str, room: Room) -> str | None:
    """All its storage domains are active there, or will be by this plan."""
    return next(
        (
            f"storage {name}: {why}"
            for name in wanted.pools
            if (why := room.storage.get((host, name), "not on this host"))
        ),
        None,
    )


def memory(wanted: Demand, host: str, room: Room) -> str | None:
    """Enough free memory, counting what this plan already puts there."""
    free = room.seen[host].memory_free - room.given.get(host, 0)
    if wanted.vm.power == "running" and wanted.memory > free:
        what = "needed" if wanted.vm.guaranteed is None else "guaranteed memory needed"
        return f"{format_size(max(free, 0) >> 20 << 20)} free, {format_size(wanted.memory)} {what}"
    return None


def emulation(wanted: Demand, host: str, room: Room) -> str | None:
    """Hardware virtualization where it is asked for; never a silent fall-back."""
    if wanted.vm.emulation == "kvm" and not room.seen[host].capabilities.kvm:
        return "no KVM"
    return None


def abilities(wanted: Demand, host: str, room: Room) -> str | None:
    """libvirt and QEMU there can do what its fields ask for."""
    fields, seen = wanted.vm.fields, room.seen[host]
    return next((why for _, why in (*gates.lacking(fields, seen), *gates.untagged(fields, seen))), None)


def host_devices(wanted: Demand, host: str, room: Room) -> str | None:
    """The devices that it is to be given are there; one that is kept off can wait for them."""
    if wanted.vm.power == "stopped":
        return None
    return next((why for _, why in gates.absent(wanted.vm.fields, room.seen[host])), None)


FILTERS: tuple[Filter, ...] = (
    reachable,
    maintenance,
    on_hold,
    networks,
    storage,
    emulation,
    abilities,
    host_devices,
    memory,
)
