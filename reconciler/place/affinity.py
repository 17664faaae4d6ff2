"""Affinity in placement: filters for hard rules, weights for soft ones, and who breaks a group now.

Pure. The functions stand in the tables of place/filters and place/weights by the names that oVirt gives them:
VmAffinityGroups, VmToHostsAffinityGroups, OptimalForHaReservation. `broken` is what the faces show of a group.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.desired.affinity import WantedAffinity
from reconciler.place.demand import Demand
from reconciler.place.room import Room
from reconciler.place.standing import Circle

_HARD = 10**6
"""How much more a hard rule weighs than soft ones, where it is no filter: while a host is emptied."""
_SHOWN = 3


def counted(asked: Demand, room: Room) -> str:
    """The host on which the VM counts in rules between VMs, "" if it does not."""
    host = room.where.get(asked.name, "")
    there = room.on(host).get(asked.name) if host else None
    return host if there is not None and there.running else ""


def in_yielding_circle(asked: Demand, room: Room) -> bool:
    """Whether a hard rule between VMs, one that yields when a host is emptied, concerns it."""
    return asked.running and any(each.hard and not each.holds for each in room.standing.circles_of(asked.name))


def in_holding_circle(asked: Demand, room: Room) -> bool:
    """Whether a hard rule between VMs that never yields concerns it."""
    return asked.running and any(each.hard and each.holds for each in room.standing.circles_of(asked.name))


def yielding(asked: Demand, host: str, room: Room) -> str | None:
    """Hard rules between VMs that yield when a host is emptied."""
    return _against(asked, host, room, holds=False)


def holding(asked: Demand, host: str, room: Room) -> str | None:
    """Hard rules between VMs that never yield."""
    return _against(asked, host, room, holds=True)


def _against(asked: Demand, host: str, room: Room, holds: bool) -> str | None:
    own = counted(asked, room)
    for circle in room.standing.circles_of(asked.name):
        if circle.hard and circle.holds == holds and (why := _breaks(circle, asked, host, own, room)):
            return why
    return None


def _breaks(circle: Circle, asked: Demand, host: str, own: str, room: Room) -> str:
    """Why the VM cannot be on the host for the sake of a hard circle, "" if it can."""
    there = circle.counts.get(host, 0) - (own == host)
    if not circle.positive:
        return f"{circle.label}: {members(circle, asked, host, room)} is there" if there else ""
    if there:
        return ""
    if circle.total == (own != ""):  # the first one of them
        forked = circle.narrowed and not circle.allows(host) and _usable(circle, room)
        return f"{circle.label}: not all of its VMs may run there" if forked else ""
    anchors = [each for each in circle.counts if each != own or circle.counts[each] > 1]
    bound = [each for each in anchors if circle.allows(each)]
    if not bound:
        return ""  # no place where they are is left to them by rules about hosts: they have to go anyway
    at = min(bound, key=lambda each: (-circle.counts[each], each))
    return f"{circle.label}: {members(circle, asked, at, room)} is on {at}"


def _usable(circle: Circle, room: Room) -> bool:
    """Whether one of the hosts that may run all VMs of a circle is up."""
    return any(each in room.seen and each not in room.unfit for each in circle.common or ())


def members(circle: Circle, asked: Demand, host: str, room: Room) -> str:
    """The other VMs of a circle that run on a host, in words."""
    there = room.on(host)
    names = sorted(there.keys() & circle.vms)
    others = [name for name in names if name != asked.name and there[name].running]
    more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
    return ", ".join(f"vm/{name}" for name in others[:_SHOWN]) + more


def in_hard_host_rule(asked: Demand, room: Room) -> bool:
    """Whether a hard rule about hosts concerns it."""
    return any(each.hard for each in room.standing.rules_of(asked.name))


def host_rule(asked: Demand, host: str, room: Room) -> str | None:
    """Hard rules about hosts, which never yield."""
    for rule in room.standing.rules_of(asked.name):
        if rule.hard and not rule.keeps(host):
            if not rule.positive:
                return f"affinitygroup/{rule.group} keeps it off this host"
            return f"affinitygroup/{rule.group} wants it on {', '.join(sorted(rule.hosts))}"
    return None


def in_circle(asked: Demand, room: Room) -> bool:
    """Whether any rule between VMs concerns it."""
    return asked.running and bool(room.standing.circles_of(asked.name))


def vm_score(asked: Demand, host: str, room: Room) -> float:
    """Pairs of VMs that it breaks there, by the priority of the rule; hard ones above all."""
    return hard_pairs(asked, host, room) * _HARD + soft_pairs(asked, host, room)


def hard_pairs(asked: Demand, host: str, room: Room) -> int:
    """Pairs of VMs that it breaks there against hard rules."""
    if not asked.running:
        return 0
    own = counted(asked, room)
    return sum(each.pairs(host, own) for each in room.standing.circles_of(asked.name) if each.hard)


def soft_pairs(asked: Demand, host: str, room: Room) -> int:
    """Pairs of VMs that it breaks there against soft rules, by their priority."""
    if not asked.running:
        return 0
    own = counted(asked, room)
    return sum(each.pairs(host, own) * each.priority for each in room.standing.circles_of(asked.name) if not each.hard)


def soft_score(asked: Demand, host: str, room: Room) -> float:
    """All soft rules that it breaks there, by their priority: what enforcement improves and balancing leaves alone."""
    return host_score(asked, host, room) + soft_pairs(asked, host, room)


def circle_hosts(asked: Demand, room: Room) -> set[str]:
    """The hosts on which VMs of its circles run, or all of them may: all others are alike to rules between VMs."""
    circles = room.standing.circles_of(asked.name)
    return {host for each in circles for host in (*each.counts, *(each.common or () if each.narrowed else ()))}


def rule_hosts(asked: Demand, room: Room) -> set[str]:
    """The hosts that rules about hosts name: all others are alike to them."""
    return {host for rule in room.standing.rules_of(asked.name) for host in rule.hosts}


def in_soft_host_rule(asked: Demand, room: Room) -> bool:
    """Whether a soft rule about hosts concerns it."""
    return any(not each.hard for each in room.standing.rules_of(asked.name))


def host_score(asked: Demand, host: str, room: Room) -> float:
    """Soft rules about hosts that it breaks there, by their priority."""
    rules = room.standing.rules_of(asked.name)
    return sum(each.priority for each in rules if not each.hard and not each.keeps(host))


def is_ha(asked: Demand, room: Room) -> bool:
    """Whether it matters that it runs."""
    return asked.vm.ha_priority > 0


def broken_rules(asked: Demand, target: str, room: Room) -> tuple[str, ...]:
    """Hard rules between VMs that it would break on the target and does not break where it is, in words."""
    own = counted(asked, room)
    return tuple(
        f"{each.label} ({'together' if each.positive else 'apart'})"
        for each in (room.standing.circles_of(asked.name) if asked.running else ())
        if each.hard and each.pairs(target, own) > (each.pairs(own, own) if own else 0)
    )


def broken(group: WantedAffinity, where: Mapping[str, str], running: frozenset[str]) -> tuple[str, ...]:
    """The VMs that break a group where they are, in order of name. `where`: VM → host; `running` are those that run."""
    found: set[str] = set()
    there = {name: where[name] for name in group.vms if name in where}
    if group.host_rule and group.hosts:
        positive = group.host_rule == "positive"
        found.update(name for name, host in there.items() if (host in group.hosts) != positive)
    by_host: dict[str, list[str]] = {}
    for name, host in there.items():
        if name in running:
            by_host.setdefault(host, []).append(name)
    if group.vm_rule == "negative":
        found.update(name for names in by_host.values() if len(names) > 1 for name in names)
    elif group.vm_rule == "positive" and len(by_host) > 1:
        most = min(by_host, key=lambda host: (-len(by_host[host]), host))
        found.update(name for host, names in by_host.items() if host != most for name in names)
    return tuple(sorted(found))
