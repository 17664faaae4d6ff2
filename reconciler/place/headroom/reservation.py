"""HA reservation: whether the loss of each host could be borne by the others, for highly available VMs.

Pure and advisory, as oVirt's: called by plan/planner.py once the plan is made, for clusters that ask for it
(`haReservation`). Greedy: those of the highest priority first, then the largest, each to the host with the most memory
left; so it may warn where a cleverer distribution would fit, and never promises too much. What it counts: memory that
is free and may be promised, vCPUs, `hosts:` and hard rules about hosts.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator

from reconciler.desired.wanted import WantedCluster
from reconciler.place.demand import Demand
from reconciler.place.room import Room
from specs.units import format_size

_SHOWN = 5


def warnings(room: Room) -> Iterator[tuple[WantedCluster, str]]:
    """Clusters and what to know of them: one text for each host whose loss could not be borne."""
    for cluster in room.clusters.values():
        if not cluster.ha_reservation:
            continue
        up = [
            name
            for name, host in sorted(room.hosts.items())
            if host.cluster == cluster.name and name in room.seen and name not in room.unfit
        ]
        for name in up:
            lost = [each for each in room.on(name).values() if each.running and each.vm.ha_priority]
            stranded = _stranded(lost, [each for each in up if each != name], room)
            if stranded:
                yield cluster, _text(cluster.name, name, stranded, len(up))


def _stranded(lost: list[Demand], others: list[str], room: Room) -> list[Demand]:
    """The VMs that no other host could take."""
    left = [(-_left(name, room), name) for name in others]
    heapq.heapify(left)
    stranded = []
    for asked in sorted(lost, key=lambda each: (-each.vm.ha_priority, -each.memory, each.name)):
        need, unfit, taken = asked.memory + asked.overhead, [], False
        while left and not taken and -left[0][0] >= need:
            free, name = heapq.heappop(left)
            taken = _could(asked, name, room)
            unfit.append((free + need if taken else free, name))
        for each in unfit:
            heapq.heappush(left, each)
        if not taken:
            stranded.append(asked)
    return stranded


def _left(name: str, room: Room) -> int:
    return min(room.free(name), room.promisable(name))


def _could(asked: Demand, host: str, room: Room) -> bool:
    """Whether a host may run the VM, memory apart."""
    enough = (room.seen[host].cpus or asked.cpus) >= asked.cpus
    return enough and host in asked.vm.hosts and room.standing.allowed(asked.name, host)


def _text(cluster: str, host: str, stranded: list[Demand], up: int) -> str:
    names = ", ".join(f"vm/{each.name}" for each in stranded[:_SHOWN])
    more = f" and {len(stranded) - _SHOWN} more" if len(stranded) > _SHOWN else ""
    memory = format_size(sum(each.memory for each in stranded) >> 20 << 20)
    where = "no other host is up" if up < 2 else f"{memory} could not be placed on the other hosts"
    return f"cluster/{cluster} could not bear the loss of host/{host}: {where}, for {names}{more}"
