"""At rest: the clusters in which VMs may be moved for the better: nothing moves there yet, and no host is in trouble.

Pure. Asked by the movers `affinity` and `balance`, whose moves nobody waits for: they would only be in the way of a
drain, and what a host in trouble holds is not known for sure.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.seen import SeenHost
from reconciler.diff.context import Context
from reconciler.place.choose import Room
from reconciler.place.demand import Demand
from reconciler.place.hosts.hoststate import POWER, State, by_hand, states, upgrading
from reconciler.place.moving import preflight
from reconciler.place.moving.wish import home_of
from specs.resource import Ref

_CALM = (State.UP, State.MAINTENANCE, State.DOWN)


def at_rest(context: Context, room: Room) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Clusters and the hosts in them that are up, at least two, in order of name.

    A cluster is at rest if each of its hosts is up, empty in maintenance or declared lost, no VM migrates in it, no
    mover that was asked before has moved one in this pass, and nobody upgrades it host by host or powers it down or up.
    """
    found = states(context)
    moved = frozenset(_moved(room))
    by_cluster: dict[str, list[str]] = {}
    for name, host in sorted(context.wanted.hosts.items()):
        by_cluster.setdefault(host.cluster, []).append(name)
    for cluster, hosts in sorted(by_cluster.items()):
        calm = all(found[name].state in _CALM and name not in moved for name in hosts)
        up = tuple(name for name in hosts if found[name].up)
        busy = upgrading(cluster, context) or by_hand(Ref("Cluster", cluster), POWER, context)
        if calm and not busy and len(up) > 1 and not any(_migrates(context.observed.hosts.get(name)) for name in hosts):
            yield cluster, up


def movable(asked: Demand, context: Context) -> bool:
    """Whether a VM could go anywhere at all, without an operator; those that cannot are not worth a try."""
    home = home_of(asked.vm, context) if asked.vm.migration.mode == "automatic" or not asked.present else None
    return home is not None and preflight.stuck(home, context) is None


def _moved(room: Room) -> Iterator[str]:
    """Hosts that VMs came to or left by moves of this pass."""
    for name, host in room.where.items():
        before = room.on(host)[name].host
        if before and before != host:
            yield from (before, host)


def _migrates(host: object) -> bool:
    return isinstance(host, SeenHost) and any(each.migrating for each in host.vms)
