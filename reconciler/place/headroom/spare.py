"""Spare memory: whether a cluster could lose one more host (N+1), once another one is empty.

Pure, and a rule of thumb on purpose: the memory of the running VMs of the fullest host, the largest first, into what
the others have free. Whether each VM may run there is asked of placement when it comes to that. Called by
operations/maintenance.py before a host is drained.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.diff.context import Context
from reconciler.place.demand import demand
from reconciler.place.hosts.hoststate import state
from reconciler.place.moving.wish import homes
from specs.structs import Struct
from specs.units import format_size


class Spare(Struct, frozen=True, kw_only=True):
    """`enough`: the VMs of `host`, the fullest, fit on the others; `text` says it."""

    enough: bool
    text: str


def spare(without: str, moves: Mapping[str, str], context: Context) -> Spare:
    """What is left of the cluster of the host `without`, when the VMs in `moves` are on their new hosts."""
    cluster = context.wanted.hosts[without].cluster
    free = {
        name: context.observed.seen[name].memory_free
        for name, host in context.wanted.hosts.items()
        if host.cluster == cluster and name != without and state(name, context).up
    }
    loads: dict[str, list[int]] = {name: [] for name in free}
    for home in homes(context):
        if home.found.vm.running:
            memory = demand(home.wanted, home.found, context).memory
            where = moves.get(home.wanted.name, home.host)
            if where in free:
                loads[where].append(memory)
                free[where] -= memory if where != home.host else 0
    if len(free) < 2:
        left = f"only {next(iter(free))}" if free else "no host"
        return Spare(enough=False, text=f"without {without} the cluster has {left} left; it cannot lose one more")
    fullest = max(sorted(free), key=lambda name: sum(loads[name]))
    homeless = _left_over(loads[fullest], [room for name, room in sorted(free.items()) if name != fullest])
    if homeless:
        text = f"without {without}, if {fullest} failed, {format_size(homeless >> 20 << 20)} of its VMs would not fit"
        return Spare(enough=False, text=text)
    return Spare(enough=True, text=f"without {without} the cluster can still lose {fullest}, the fullest of the others")


def _left_over(sizes: list[int], rooms: list[int]) -> int:
    """Bytes that find no place: the largest first, each into the largest room."""
    left = 0
    for size in sorted(sizes, reverse=True):
        best = max(range(len(rooms)), key=rooms.__getitem__)
        if rooms[best] >= size:
            rooms[best] -= size
        else:
            left += size
    return left
