"""The networks of a VM's NICs."""

from __future__ import annotations

from collections.abc import Hashable

from reconciler.place.demand import Demand
from reconciler.place.room import Room


def key(asked: Demand) -> Hashable:
    """What the filter looks at."""
    return asked.networks


def network(asked: Demand, host: str, room: Room) -> str | None:
    """All its networks are active there, or will be by this plan."""
    return next(
        (
            f"network {name}: {why}"
            for name in asked.networks
            if (why := room.networks.get((host, name), "not on this host"))
        ),
        None,
    )
