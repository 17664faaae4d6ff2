"""The host itself: read in this pass, up, and not held by an operator."""

from __future__ import annotations

from reconciler.place.demand import Demand
from reconciler.place.room import Room


def reachable(asked: Demand, host: str, room: Room) -> str | None:
    """The host was read in this pass."""
    return None if host in room.seen else "not reachable"


def state(asked: Demand, host: str, room: Room) -> str | None:
    """The host is up: in none of the other states of place/hosts/hoststate.py."""
    return room.unfit.get(host)


def pinned(asked: Demand, host: str, room: Room) -> str | None:
    """The VM's `hosts:` names it, or names none."""
    return None if host in asked.vm.hosts else "its `hosts:` does not name it"


def starts(asked: Demand, room: Room) -> bool:
    """A VM that is to be started, and that nothing says is important."""
    return asked.running and not asked.present and not asked.vm.ha_priority


def maintained(asked: Demand, host: str, room: Room) -> str | None:
    """While the cluster is maintained, only highly available VMs are started."""
    return "the cluster is in maintenance: only highly available VMs are started"


def hold(asked: Demand, host: str, room: Room) -> str | None:
    """No operator holds the host."""
    return "on hold" if host in room.held else None
