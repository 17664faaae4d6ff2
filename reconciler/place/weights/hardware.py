"""Weights by the shape of the hardware: NUMA cells, single CPUs, sockets and cores. Lower is better."""

from __future__ import annotations

from collections.abc import Hashable

from reconciler.place.demand import Demand
from reconciler.place.filters.cpu import is_pinned, pinned
from reconciler.place.filters.numa import bound, is_bound
from reconciler.place.room import Room

_SHAPE = ("sockets", "cores", "threads")


def single_cell(asked: Demand, host: str, room: Room) -> float:
    """ "Fit VM to single host NUMA node": 0 where one cell has the memory and the CPUs for it, 1 elsewhere."""
    cells = room.seen[host].cells
    if len(cells) < 2:
        return 0.0 if not cells or room.free(host) >= asked.memory else 1.0
    fits = any(each.memory_free >= asked.memory and len(each.cpus) >= asked.cpus for each in cells)
    return 0.0 if fits else 1.0


def size(asked: Demand) -> Hashable:
    """What `single_cell` looks at."""
    return asked.memory, asked.cpus


def is_free(asked: Demand, room: Room) -> bool:
    """Whether nothing is declared about its NUMA cells."""
    return not is_bound(asked, room)


def pinning(asked: Demand, host: str, room: Room) -> float:
    """ "CPU and NUMA pinning compatibility": how many of its CPUs and cells other VMs there are bound to, too."""
    mine, cells = pinned(asked.vm.fields), frozenset().union(*bound(asked.vm.fields, asked.memory))
    shared = 0
    for other in room.on(host).values():
        if other.name != asked.name and other.running:
            shared += len(mine & pinned(other.vm.fields))
            shared += len(cells & frozenset().union(*bound(other.vm.fields, other.memory)))
    return float(shared)


def is_placed(asked: Demand, room: Room) -> bool:
    """Whether it is bound to CPUs or cells of its host."""
    return is_pinned(asked, room) or is_bound(asked, room)


def high_performance(asked: Demand, host: str, room: Room) -> float:
    """ "CPU for high performance VMs": in how many of sockets, cores and threads the host has less than the VM."""
    there = room.seen[host].topology
    if there is None:
        return 0.0
    wanted = {each: asked.vm.fields.get(f"cpu.{each}") for each in _SHAPE}
    return float(sum(isinstance(value, int) and value > getattr(there, each) for each, value in wanted.items()))


def is_high_performance(asked: Demand, room: Room) -> bool:
    """Whether its type is `highPerformance`."""
    return asked.vm.creation.get("type") == "highPerformance"
