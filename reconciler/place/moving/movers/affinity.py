"""Mover `affinity`: VMs that break a group where they are. Pure.

As oVirt enforces rules: in each cluster that is at rest, one step in each pass, and the worst first: hard rules about
hosts, hard rules between VMs, then soft rules, where a step has to improve the sum of all soft rules. A step is one VM;
only VMs that hard rules hold together leave a host that is not allowed to them in one go. Each step makes the earlier
of these measures better and none before it worse, so that steps come to an end. A rule that a drain broke is restored
in the same way, once the cluster is at rest again.

`moves` asks for one wish after the other and carries each out in the room before it asks for the next: so a mover
sees what became of its wish by where the VM is then.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from itertools import islice

from reconciler.diff.context import Context
from reconciler.place import affinity
from reconciler.place.choose import Room
from reconciler.place.demand import Demand
from reconciler.place.moving.movers.rest import at_rest, movable
from reconciler.place.moving.wish import Wish
from reconciler.place.standing import Circle
from specs.resource import Location
from specs.structs import Struct, field, replace

_MOST_TRIED = 50
"""Steps of one kind that are tried in one pass and cluster, where many VMs cannot be moved."""

Steps = Generator[Wish, None, bool]
"""Wishes, and at the end whether one of them came true."""


class _Cluster(Struct, frozen=True, kw_only=True):
    """One cluster in one pass; `hosts` are those that are up."""

    name: str
    hosts: tuple[str, ...]
    context: Context
    room: Room

    def vm(self, name: str) -> Demand | None:
        """A VM of this cluster on a host that is up."""
        host = self.room.where.get(name, "")
        asked = self.room.on(host).get(name)
        return asked if asked is not None and host in self.hosts and asked.vm.cluster == self.name else None

    def where(self, group: str) -> Location | None:
        """Where a group is declared."""
        found = self.context.wanted.affinity.get(group)
        return found.location if found else None

    def better(self, asked: Demand, measure: Callable[[Demand, str, Room], tuple[float, ...]]) -> tuple[str, ...]:
        """The hosts on which the measure of a VM is less than where it is."""
        now = measure(asked, self.room.where[asked.name], self.room)
        return tuple(each for each in self.hosts if measure(asked, each, self.room) < now)


def wishes(context: Context, room: Room) -> Iterator[Wish]:
    """One step in each cluster that is at rest and has a group that is broken; held where a hard rule stays broken."""
    if not context.wanted.affinity:
        return
    for name, hosts in at_rest(context, room):
        cluster = _Cluster(name=name, hosts=hosts, context=context, room=room)
        for stage in (_off_hosts, _hard_circles, _soft):
            if (yield from stage(cluster)):
                break


def _off_hosts(cluster: _Cluster) -> Steps:
    """VMs that hard rules about hosts do not want where they are."""
    room = cluster.room
    found = [asked for name in sorted(room.standing.ruled) if (asked := cluster.vm(name)) and _misplaced(asked, room)]
    found.sort(key=lambda asked: -_misplaced(asked, room))
    for asked in found[:_MOST_TRIED]:
        moved = False
        for name in _unit(asked, room):
            wish = _host_wish(asked.name, name, cluster, must=name == asked.name and asked.running)
            moved = (yield from _try(wish, cluster)) or moved
        if moved:
            return True
    return False


def _misplaced(asked: Demand, room: Room) -> int:
    """How many hard rules about hosts it breaks."""
    host = room.where[asked.name]
    return sum(each.hard and not each.keeps(host) for each in room.standing.rules_of(asked.name))


def _unit(asked: Demand, room: Room) -> list[str]:
    """The VM, and those that hard rules hold together with it on hosts that are not allowed to all of them."""
    names = [asked.name]
    for circle in room.standing.circles_of(asked.name):
        if circle.hard and circle.positive and asked.running:
            with_it = sorted(name for name in circle.vms if name != asked.name and _runs(name, room))
            names += [name for name in with_it if not circle.allows(room.where[name])]
    return names


def _runs(name: str, room: Room) -> bool:
    host = room.where.get(name)
    return host is not None and room.on(host)[name].running


def _host_wish(cause: str, name: str, cluster: _Cluster, must: bool = False) -> Wish:
    room = cluster.room
    host = room.where[cause]
    rule = next(
        (each for each in room.standing.rules_of(cause) if each.hard and not each.keeps(host)),
        room.standing.rules_of(cause)[0],
    )
    wants = f"wants {{}} on {', '.join(sorted(rule.hosts))}" if rule.positive else f"keeps {{}} off {host}"
    why = f"affinitygroup/{rule.group} " + wants.format("it" if cause == name else f"vm/{cause}, with it,")
    return Wish(vm=name, why=why, must=must, where=cluster.where(rule.group))


def _hard_circles(cluster: _Cluster) -> Steps:
    """VMs that break a hard rule between VMs, those of large groups first."""
    room = cluster.room
    broken = [each for each in room.standing.circles if each.hard and each.broken]
    broken.sort(key=lambda each: (-len(each.vms), each.groups))
    stuck = []
    better = _Better(cluster)
    tried = 0
    for circle in broken[:_MOST_TRIED]:
        breaking = _breaking(circle, cluster)
        for asked in breaking:
            among = better.hosts(asked)
            if not among or tried >= _MOST_TRIED or not movable(asked, cluster.context):
                continue
            tried += 1
            if (yield from _try(_circle_wish(circle, asked, among, cluster), cluster)):
                return True
        if breaking:  # the one which has the most hosts to tell of
            stuck.append((circle, max(breaking, key=lambda asked: len(asked.vm.hosts))))
    for circle, asked in stuck:
        yield replace(_circle_wish(circle, asked, better.hosts(asked), cluster), must=True)
    return False


def _circle_wish(circle: Circle, asked: Demand, among: tuple[str, ...], cluster: _Cluster) -> Wish:
    why, where = _why(circle, asked, cluster.room), cluster.where(circle.groups[0])
    return Wish(vm=asked.name, why=why, among=among, must=False, where=where)


class _Better(Struct, frozen=True):
    """The hosts that are better for hard rules between VMs: the same for all VMs of one host and the same rules."""

    cluster: _Cluster
    known: dict[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)

    def hosts(self, asked: Demand) -> tuple[str, ...]:
        """In order of name; as long as nothing moves."""
        room = self.cluster.room
        rules = (each.label for each in room.standing.circles_of(asked.name) if each.hard)
        key = (room.where[asked.name], *rules)
        if key not in self.known:
            self.known[key] = self.cluster.better(asked, _hard_measure)
        return self.known[key]


def _breaking(circle: Circle, cluster: _Cluster) -> list[Demand]:
    """The VMs of a broken circle that should leave: of the fewest together, of any that are not apart."""
    room = cluster.room
    listed = [asked for name in sorted(circle.vms) if (asked := cluster.vm(name)) and asked.running]
    if circle.positive:
        return sorted(listed, key=lambda asked: (circle.counts[room.where[asked.name]], asked.name))
    crowded = [asked for asked in listed if circle.counts[room.where[asked.name]] > 1]
    return sorted(crowded, key=lambda asked: (-circle.counts[room.where[asked.name]], -_pairs(asked, room), asked.name))


def _pairs(asked: Demand, room: Room) -> float:
    return affinity.vm_score(asked, room.where[asked.name], room)


def _why(circle: Circle, asked: Demand, room: Room) -> str:
    host = room.where[asked.name]
    if not circle.positive:
        return f"{circle.label}: not on one host with {affinity.members(circle, asked, host, room)}"
    at = min((each for each in circle.counts if each != host), key=lambda each: (-circle.counts[each], each))
    return f"{circle.label}: together with {affinity.members(circle, asked, at, room)} on {at}"


def _hard_measure(asked: Demand, host: str, room: Room) -> tuple[float, ...]:
    """Pairs that it breaks against hard rules."""
    return (affinity.hard_pairs(asked, host, room),)


def _soft(cluster: _Cluster) -> Steps:
    """VMs whose move would improve the sum of all soft rules: first for rules about hosts, then between VMs."""
    room = cluster.room
    names = {*room.standing.ruled, *(vm for each in room.standing.circles if not each.hard for vm in each.vms)}
    scored = [(asked, _scores(asked, room)) for name in sorted(names) if (asked := cluster.vm(name)) is not None]
    worst = [each for each in scored if sum(each[1])]
    worst.sort(key=lambda each: (-each[1][0], -each[1][1], each[0].name))
    listed = (asked for asked, _ in worst if movable(asked, cluster.context))
    for asked in islice(listed, _MOST_TRIED):
        among = tuple(each for each in cluster.better(asked, _soft_measure) if not _harder(asked, each, room))
        if among and (yield from _try(_soft_wish(asked, among, cluster), cluster)):
            return True
    return False


def _scores(asked: Demand, room: Room) -> tuple[float, float]:
    host = room.where[asked.name]
    return affinity.host_score(asked, host, room), affinity.soft_pairs(asked, host, room)


def _soft_measure(asked: Demand, host: str, room: Room) -> tuple[float, ...]:
    return (affinity.soft_score(asked, host, room),)


def _harder(asked: Demand, host: str, room: Room) -> bool:
    """Whether the move would break more pairs of hard rules."""
    return _hard_measure(asked, host, room) > _hard_measure(asked, room.where[asked.name], room)


def _soft_wish(asked: Demand, among: tuple[str, ...], cluster: _Cluster) -> Wish:
    room, host = cluster.room, cluster.room.where[asked.name]
    for rule in room.standing.rules_of(asked.name):
        if not rule.hard and not rule.keeps(host):
            wants = f"rather on {', '.join(sorted(rule.hosts))}" if rule.positive else f"rather not on {host}"
            why = f"affinitygroup/{rule.group}: {wants}"
            return Wish(vm=asked.name, why=why, among=among, must=False, where=cluster.where(rule.group))
    circles = [each for each in room.standing.circles_of(asked.name) if not each.hard and each.pairs(host, host)]
    circle = max(circles, key=lambda each: (each.pairs(host, host) * each.priority, each.groups))
    where = cluster.where(circle.groups[0])
    return Wish(vm=asked.name, why=_why(circle, asked, room), among=among, must=False, where=where)


def _try(wish: Wish, cluster: _Cluster) -> Steps:
    """The wish, and whether it came true."""
    before = cluster.room.where[wish.vm]
    yield wish
    return cluster.room.where[wish.vm] != before
