"""Memory: what is free on a host now, and what it may promise."""

from __future__ import annotations

from collections.abc import Hashable

from reconciler.place.demand import Demand
from reconciler.place.room import Room
from specs.units import format_size


def key(asked: Demand) -> Hashable:
    """What the filters look at."""
    return asked.memory, asked.overhead, asked.huge, asked.vm.guaranteed is None


def runs(asked: Demand, room: Room) -> bool:
    """A VM that is kept off needs no memory."""
    return asked.running


def free(asked: Demand, host: str, room: Room) -> str | None:
    """Enough free memory, counting what this plan already puts there."""
    left = room.free(host)
    return f"{_shown(left)} free, {_needed(asked)}" if asked.ordinary > left else None


def promised(asked: Demand, host: str, room: Room) -> str | None:
    """All that is guaranteed to the host's VMs stays within its memory times the cluster's overcommit."""
    left = room.promisable(host)
    if not room.seen[host].memory or asked.memory + asked.overhead <= left:
        return None
    return f"{_shown(left)} left to promise to VMs, {_needed(asked)}"


def _needed(asked: Demand) -> str:
    what = "needed" if asked.vm.guaranteed is None else "guaranteed memory needed"
    return f"{format_size(asked.memory)} {what} and {_shown(asked.overhead)} for QEMU"


def _shown(size: int) -> str:
    return format_size(max(size, 0) >> 20 << 20)
