"""Mover `start`: a VM that is to be started, on a host that has no memory left for it. Pure.

As where oVirt runs a VM: one that is off goes wherever it can be started. The least important go first, by name of
equals; one that can go nowhere is started where it is, as far as its host can.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.diff.context import Context
from reconciler.place.choose import Room
from reconciler.place.moving.wish import Wish, homes


def wishes(context: Context, room: Room) -> Iterator[Wish]:
    """Every VM that this pass starts and for which the memory of its host does not suffice."""
    for home in sorted(homes(context), key=lambda each: (each.wanted.ha_priority, each.wanted.name)):
        asked = room.on(home.host).get(home.wanted.name)
        if asked is None or not asked.running or asked.present or home.host in room.unfit or home.host in room.held:
            continue
        if room.free(home.host) < 0:  # it is counted there already, with all others that are started
            yield Wish(vm=asked.name, why=f"{home.host} has no memory free to start it", must=False)
        elif room.seen[home.host].memory and room.promisable(home.host) < 0:
            yield Wish(vm=asked.name, why=f"{home.host} has promised all of its memory to other VMs", must=False)
