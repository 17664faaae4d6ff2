"""Capacity: how many more VMs of a size the hosts of a cluster can take, by the filters that place VMs.

Pure. Called by `gitvirt capacity`. In: the demand of one such VM, and rooms as they are when the plan is done. VMs are
placed one after the other until no host takes another; then the same without one host, whose VMs come first.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reconciler.place.choose import choose
from reconciler.place.demand import Demand
from reconciler.place.room import Room
from specs.structs import Struct, field, replace

MOST = 10_000
"""Where counting ends."""
LOSSES = 8
"""Hosts whose loss is tried: those with the most memory in use."""


class Loss(Struct, frozen=True, kw_only=True):
    """What the loss of one host leaves: how many more fit then, and VMs of that host that would find no place."""

    host: str
    fits: int
    stranded: tuple[str, ...] = ()


class Capacity(Struct, frozen=True, kw_only=True):
    """How many fit, on which host how many, and why no host takes another; `loss` is the worst, None with one host."""

    fits: int
    hosts: Mapping[str, int]
    limits: Mapping[str, str]
    loss: Loss | None = None
    all_counted: bool = field(default=True)


def capacity(asked: Demand, furnished: Callable[[], Room], most: int = MOST) -> Capacity:
    """The capacity for VMs that ask for the same; `furnished` makes a new room each time."""
    room = furnished()
    hosts, limits = _fill(asked, room, most)
    losses = [_without(host, asked, furnished(), most) for host in _fullest(asked, furnished())]
    worst = min(losses, key=lambda each: (each.fits - len(each.stranded), each.host), default=None)
    fits = sum(hosts.values())
    return Capacity(fits=fits, hosts=hosts, limits=limits, loss=worst, all_counted=fits < most)


def _fill(asked: Demand, room: Room, most: int) -> tuple[dict[str, int], Mapping[str, str]]:
    """(host → how many fit, host → why no more)."""
    found = dict.fromkeys(asked.vm.hosts, 0)
    for number in range(most):
        placed = choose(replace(asked, vm=replace(asked.vm, name=f"{asked.vm.name}+{number}")), room)
        if not placed.host:
            return found, placed.rejected
        found[placed.host] += 1
    return found, {}


def _fullest(asked: Demand, room: Room) -> list[str]:
    """The hosts whose loss would weigh most, of several that are up."""
    up = [host for host in asked.vm.hosts if host in room.seen and host not in room.unfit]
    if len(up) < 2:
        return []
    return sorted(up, key=lambda host: (-room.of(host).promised, host))[:LOSSES]


def _without(host: str, asked: Demand, room: Room, most: int) -> Loss:
    """The VMs that run there find a place elsewhere first."""
    room.unfit = {**room.unfit, host: "lost"}
    stranded = []
    for name, each in sorted(room.on(host).items()):
        if not each.running:
            continue
        gone = replace(room.leave(name), host="", present=False)
        if not choose(gone, room).host:
            stranded.append(name)
    found, _ = _fill(asked, room, most)
    return Loss(host=host, fits=sum(found.values()), stranded=tuple(stranded))
