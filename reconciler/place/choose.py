"""Choice: which host a VM goes to.

Pure. `choose` is called by plan/planner.py for VMs that no host holds yet, and by moving/moves.py for those that leave
theirs. A host that a filter rejects is out; the others are ranked by the weights of the cluster's policy. `survey` asks
the same of every host anew and tells all scores, for people (status/placement.py); both always agree. `refusal` asks
the filters of the host that a VM is on, before it is started there (moving/movers/start.py).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Literal

from reconciler.place import affinity, ranking
from reconciler.place.demand import Demand, demand
from reconciler.place.filters import FILTERS
from reconciler.place.ranking import Ranking, Values
from reconciler.place.room import Room
from reconciler.place.rules import Filter, Reads, Weight
from reconciler.place.weights import WEIGHTS
from specs.structs import Struct, field

__all__ = ["Demand", "Placement", "Room", "choose", "demand", "survey"]

_MOST_KEPT = 256
Rejected = Mapping[str, str]
During = Literal["", "drain"]


class Placement(Struct, frozen=True, kw_only=True):
    """Where a VM goes, and why each other host was not taken. `host` is "" if none can take it.

    `rejected` maps hosts to reasons, with the filter's name. `scores` has the score of the chosen host; those of the
    others are told by `survey`. `yields`: hard rules between VMs that a drain breaks there, in words.
    """

    vm: str
    host: str
    why: str
    rejected: Mapping[str, str]
    scores: Mapping[str, float] = field(default_factory=dict)
    yields: tuple[str, ...] = ()


class Survey(Struct, frozen=True, kw_only=True):
    """What every host would say to a VM: why it cannot take it, or its score; `points` tells what each weight adds."""

    rejected: Mapping[str, str]
    scores: Mapping[str, int]
    points: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @property
    def host(self) -> str:
        """The host that is chosen, "" if none can take it."""
        return ranking.best(self.scores)


class _Rules(Struct, frozen=True, kw_only=True):
    """The rules that concern one VM; filters in the order of the table, weights with their factors."""

    filters: tuple[Filter, ...]
    weights: tuple[tuple[Weight, int], ...]

    def shared(self) -> _Rules:
        """Without those that must be asked for each VM."""
        return _Rules(
            filters=tuple(each for each in self.filters if each.reads is not Reads.ROOM),
            weights=tuple((each, factor) for each, factor in self.weights if each.reads is not Reads.ROOM),
        )

    def own(self) -> _Rules:
        """Those that must be asked for each VM."""
        return _Rules(
            filters=tuple(each for each in self.filters if each.reads is Reads.ROOM),
            weights=tuple((each, factor) for each, factor in self.weights if each.reads is Reads.ROOM),
        )

    def key(self, asked: Demand) -> Hashable:
        """VMs with an equal key get the same answers to all of these."""
        filters = tuple((each.name, each.key(asked)) for each in self.filters)
        return (
            asked.vm.cluster,
            asked.vm.hosts,
            filters,
            tuple((each.name, each.key(asked)) for each, _ in self.weights),
        )


def choose(asked: Demand, room: Room, but: frozenset[str] = frozenset(), during: During = "") -> Placement:
    """The best host that no filter rejects; what the VM asks for is taken off it for the rest of the plan.

    `but` are hosts not to take. `during` a drain, hard rules between VMs give way.
    """
    source = room.where.get(asked.name, "")
    stays = room.leave(asked.name) if source and source not in but else None  # its own host may be the best
    found = _choose(asked, room, but, during)
    if found.host and source and stays is None:
        room.move(asked, found.host)
    elif found.host:
        room.take(asked, found.host)
    elif stays is not None:
        room.take(stays, source)
    return found


def _choose(asked: Demand, room: Room, but: frozenset[str], during: During) -> Placement:
    rules = _rules(asked, room, during)
    own, shared = rules.own(), _ranking(asked, rules.shared(), room)
    rejected: Rejected
    if but or own.filters or own.weights:
        host, score, rejected = _alone(asked, shared, own, room, but)
    else:
        (host, score), rejected = shared.best(), shared.rejected
    if not host:
        why = "no host can take it" if rejected else "its cluster has no hosts"
        return Placement(vm=asked.name, host="", why=why, rejected=rejected)
    return Placement(
        vm=asked.name,
        host=host,
        why=f"best of {len(asked.vm.hosts)} hosts by policy {room.policy(asked.vm.cluster).name}",
        rejected=rejected,
        scores={host: score},
        yields=affinity.broken_rules(asked, host, room) if during else (),
    )


def survey(asked: Demand, room: Room, but: frozenset[str] = frozenset(), during: During = "") -> Survey:
    """Every host's verdict, asked one by one; nothing is taken."""
    rules = _rules(asked, room, during)
    rejected, weighed = {}, {}
    for host in asked.vm.hosts:
        if host in but:
            continue
        if why := ranking.first(rules.filters, asked, host, room):
            rejected[host] = why
        else:
            weighed[host] = tuple(each.weigh(asked, host, room) for each, _ in rules.weights)
    names = [each.name for each, _ in rules.weights]
    points = ranking.points(weighed, [factor for _, factor in rules.weights])
    return Survey(
        rejected=rejected,
        scores={host: sum(each) for host, each in points.items()},
        points={host: dict(zip(names, each, strict=True)) for host, each in points.items()},
    )


def refusal(name: str, room: Room, among: frozenset[str] | None = None, during: During = "") -> str:
    """Why the host of a VM that is off could not take it if it were new, "" if it could; `among`: by these filters."""
    host = room.where[name]
    asked = room.leave(name)
    filters = [each for each in _rules(asked, room, during).filters if among is None or each.name in among]
    why = ranking.first(filters, asked, host, room)
    room.take(asked, host)
    return why


def _rules(asked: Demand, room: Room, during: During) -> _Rules:
    policy = room.policy(asked.vm.cluster)
    return _Rules(
        filters=tuple(
            each
            for each in FILTERS
            if each.name in policy.filters and not (during and each.yields) and each.concerns(asked, room)
        ),
        weights=tuple(
            (each, policy.weights[each.name])
            for each in WEIGHTS
            if each.name in policy.weights and each.concerns(asked, room)
        ),
    )


def _ranking(asked: Demand, rules: _Rules, room: Room) -> Ranking:
    """The ranking that the VM shares with those that ask for the same."""
    key = rules.key(asked)
    found: Ranking | None = room.rankings.pop(key, None)
    if found is None:
        found = Ranking(asked, rules.filters, rules.weights, room)
        if len(room.rankings) >= _MOST_KEPT:
            del room.rankings[next(iter(room.rankings))]  # the one that was not asked for the longest time
    else:
        found.catch_up()
    room.rankings[key] = found
    return found


def _alone(asked: Demand, shared: Ranking, own: _Rules, room: Room, but: frozenset[str]) -> tuple[str, int, Rejected]:
    """The best host where rules must be asked for this VM alone: only on hosts that may answer unlike all others."""
    rejected = {host: why for host, why in shared.rejected.items() if host not in but}
    apart: dict[str, Values | None] = dict.fromkeys(but)
    for host in sorted(_unlike(asked, shared, own, room) - but):  # reasons in the same order whenever they are asked
        apart[host] = _answer(asked, host, own, room, rejected)
    others = [host for host in shared.weighed if host not in apart]
    usual = _answer(asked, others[0], own, room, rejected) if others else None
    if others and usual is None:
        rejected.update(dict.fromkeys(others, rejected[others[0]]))
    return *shared.best(apart, usual, [factor for _, factor in own.weights]), rejected


def _unlike(asked: Demand, shared: Ranking, own: _Rules, room: Room) -> set[str]:
    """The hosts on which one of the rules may answer unlike on all others."""
    found: set[str] = set()
    for apart in (*(each.apart for each in own.filters), *(each.apart for each, _ in own.weights)):
        if apart is None:
            return set(shared.weighed)
        found.update(host for host in apart(asked, room) if host in shared.weighed)
    return found


def _answer(asked: Demand, host: str, own: _Rules, room: Room, rejected: dict[str, str]) -> Values | None:
    """What the weights say of the host, or None: it is rejected."""
    if why := ranking.first(own.filters, asked, host, room):
        rejected[host] = why
        return None
    return tuple(each.weigh(asked, host, room) for each, _ in own.weights)
