"""Weights by CPU load: spread it, or pack it so that other hosts can be switched off."""

from __future__ import annotations

from reconciler.place.demand import Demand
from reconciler.place.room import Room

WORST = float("inf")
NEARLY_WORST = 1e9


def even(asked: Demand, host: str, room: Room) -> float:
    """The less loaded, the better."""
    return room.load(host)


def saving(asked: Demand, host: str, room: Room) -> float:
    """The more loaded, the better, unless it is overutilized; an empty host only before such a one."""
    load = room.load(host)
    if load * 100 > room.policy(asked.vm.cluster).parameters["HighUtilization"]:
        return WORST
    return -load if room.of(host).guests else NEARLY_WORST
