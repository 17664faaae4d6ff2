"""Weights by memory: spread it, or pack it so that other hosts can be switched off."""

from __future__ import annotations

from reconciler.place.demand import Demand
from reconciler.place.room import Room
from reconciler.place.weights.load import NEARLY_WORST, WORST


def even(asked: Demand, host: str, room: Room) -> float:
    """The more memory is left to promise, the better."""
    return -room.promisable(host)


def saving(asked: Demand, host: str, room: Room) -> float:
    """The less is left, the better, unless it is overutilized; an empty host only before such a one.

    In shares of the host's memory, so that a small host is not filled only because it is small.
    """
    left = room.promisable(host)
    if left < room.policy(asked.vm.cluster).parameters["MaxFreeMemoryForOverUtilized"]:
        return WORST
    return left / (room.seen[host].memory or 1) if room.of(host).guests else NEARLY_WORST
