"""CPU load: as many CPUs as the VM has vCPUs, and not all of them busy."""

from __future__ import annotations

from collections.abc import Hashable

from reconciler.place.demand import Demand
from reconciler.place.room import Room


def count(asked: Demand, host: str, room: Room) -> str | None:
    """No VM has more vCPUs than its host has CPUs."""
    cpus = room.seen[host].cpus
    return f"{cpus} CPUs, {asked.cpus} needed" if 0 < cpus < asked.cpus else None


def count_key(asked: Demand) -> Hashable:
    """What `count` looks at."""
    return asked.cpus


def overloaded(asked: Demand, host: str, room: Room) -> str | None:
    """The host was not overutilized for some time; where nobody measured, it is not asked."""
    most = room.policy(asked.vm.cluster).parameters["HighUtilization"]
    load = room.loads.get(host)
    if load is None or load <= most:
        return None
    return f"its CPUs are busy at {load:.0f}%, more than {most}%"


def measured(asked: Demand, room: Room) -> bool:
    """Whether loads are known."""
    return bool(room.loads)
