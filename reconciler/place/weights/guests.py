"""Weights by what is declared or counted of VMs: how many run there, and which hosts one prefers."""

from __future__ import annotations

from collections.abc import Collection

from reconciler.place.demand import Demand
from reconciler.place.room import Room


def even(asked: Demand, host: str, room: Room) -> float:
    """The fewer VMs run there, the better."""
    return room.of(host).guests


def important(asked: Demand, host: str, room: Room) -> float:
    """The fewer highly available VMs run there, the less is lost at once."""
    return room.standing.ha.get(host, 0)


def preferred(asked: Demand, host: str, room: Room) -> float:
    """The hosts that the VM prefers before all others."""
    return 0.0 if host in asked.vm.preferred else 1.0


def those_preferred(asked: Demand, room: Room) -> Collection[str]:
    """The hosts that are unlike others."""
    return asked.vm.preferred


def prefers(asked: Demand, room: Room) -> bool:
    """Whether the VM prefers any."""
    return bool(asked.vm.preferred)
