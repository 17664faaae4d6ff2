"""Memory: what is free on a host now."""

from __future__ import annotations

from reconciler.place.demand import Demand
from reconciler.place.room import Room
from specs.units import format_size


def memory(asked: Demand, host: str, room: Room) -> str | None:
    """Enough free memory, counting what this plan already puts there."""
    free = room.free(host)
    if asked.running and asked.memory > free:
        what = "needed" if asked.vm.guaranteed is None else "guaranteed memory needed"
        return f"{format_size(max(free, 0) >> 20 << 20)} free, {format_size(asked.memory)} {what}"
    return None
