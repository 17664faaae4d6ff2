"""Filter and Weight: one line of the tables that placement goes by.

Pure. The functions are in place/filters and place/weights, named by policies by the names that oVirt gives them.
What a rule `reads` says when its answers may change while a plan is made, and its `key` for which VMs they are the
same, so that nothing is asked twice.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable
from enum import IntEnum

from reconciler.place.demand import Demand
from reconciler.place.room import Room
from specs.structs import Struct


class Reads(IntEnum):
    """What an answer depends on, besides the VM: more and more of the room."""

    FACTS = 0  # what was declared and observed: the same through a whole plan
    HOST = 1  # also what the room has on that host
    ROOM = 2  # also what it has on other hosts, or which VM it is: asked anew each time


def _always(asked: Demand, room: Room) -> bool:
    return True


def nothing(asked: Demand) -> Hashable:
    """The key of a rule that looks at the host only."""
    return None


def itself(asked: Demand) -> Hashable:
    """The key of a rule that may look at all of a VM: asked for each, which is slow where it concerns many."""
    return asked.name


class Filter(Struct, frozen=True, kw_only=True):
    """`why` tells why a host cannot take a VM (None: it can), asked only about VMs that it `concerns`.

    Two VMs with an equal `key` get the same answers, wherever they are now, unless the filter reads the whole room
    (the host that a VM leaves or may return to is never asked with the VM still on it). Of one that does, `apart` tells
    the hosts that it may not find like all others (None: any). `yields`: it gives way when a host is drained.
    """

    name: str
    why: Callable[[Demand, str, Room], str | None]
    reads: Reads = Reads.FACTS
    key: Callable[[Demand], Hashable] = itself
    concerns: Callable[[Demand, Room], bool] = _always
    apart: Callable[[Demand, Room], Collection[str]] | None = None
    yields: bool = False


class Weight(Struct, frozen=True, kw_only=True):
    """`weigh` tells how bad a host is for a VM that it `concerns`: lower is better, and only the order counts.

    Two VMs with an equal `key` get the same answers, unless the weight reads the whole room.
    """

    name: str
    weigh: Callable[[Demand, str, Room], float]
    reads: Reads = Reads.FACTS
    key: Callable[[Demand], Hashable] = itself
    concerns: Callable[[Demand, Room], bool] = _always
    apart: Callable[[Demand, Room], Collection[str]] | None = None
