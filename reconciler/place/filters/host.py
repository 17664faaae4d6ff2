"""The host itself: read in this pass, up, and not held by an operator."""

from __future__ import annotations

from reconciler.place.demand import Demand
from reconciler.place.room import Room


def reachable(asked: Demand, host: str, room: Room) -> str | None:
    """The host was read in this pass."""
    return None if host in room.seen else "not reachable"


def state(asked: Demand, host: str, room: Room) -> str | None:
    """The host is up: in none of the other states of place/hoststate.py."""
    return room.unfit.get(host)


def hold(asked: Demand, host: str, room: Room) -> str | None:
    """No operator holds the host."""
    return "on hold" if host in room.held else None
