"""Choice: which host a VM goes to.

Pure. Called by plan/planner.py for VMs that no host holds yet, and by place/moves.py for those that leave theirs. A
host that a filter rejects is out; of the others, each weight ranks them, and the best sum of ranks wins.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from reconciler.place.demand import Demand, demand
from reconciler.place.filters import FILTERS
from reconciler.place.room import Room

__all__ = ["Demand", "Placement", "Room", "choose", "demand"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a VM goes, and why each other host was not taken. `host` is "" if none can take it.

    `scores` are those of the hosts that could take it: the higher, the better.
    """

    vm: str
    host: str
    why: str
    rejected: Mapping[str, str]
    scores: Mapping[str, float] = field(default_factory=dict)


def choose(
    asked: Demand, room: Room, but: frozenset[str] = frozenset(), during: Literal["", "drain"] = ""
) -> Placement:
    """The best host that no filter rejects; what the VM asks for is taken off it for the rest of the plan.

    `but` are hosts not to take. `during` a drain, hard rules between VMs give way.
    """
    rejected: dict[str, str] = {}
    filters = [each for each in FILTERS if each.concerns(asked, room) and not (during and each.yields)]
    for name in asked.vm.hosts:
        if name in but:
            continue
        why = next((reason for each in filters if (reason := each.why(asked, name, room))), None)
        if why is None:
            (room.move if asked.name in room.where else room.take)(asked, name)
            return Placement(vm=asked.name, host=name, why="first host by name that can take it", rejected=rejected)
        rejected[name] = why
    why = "its cluster has no hosts" if not rejected else "no host can take it"
    return Placement(vm=asked.name, host="", why=why, rejected=rejected)
