"""The storage domains of a VM's disks."""

from __future__ import annotations

from collections.abc import Hashable

from reconciler.place.demand import Demand
from reconciler.place.room import Room


def key(asked: Demand) -> Hashable:
    """What the filter looks at."""
    return asked.pools


def storage(asked: Demand, host: str, room: Room) -> str | None:
    """All its storage domains are active there, or will be by this plan."""
    return next(
        (
            f"storage {name}: {why}"
            for name in asked.pools
            if (why := room.storage.get((host, name), "not on this host"))
        ),
        None,
    )
