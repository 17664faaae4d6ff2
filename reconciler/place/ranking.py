"""Ranking: the hosts as all VMs that ask for the same see them, and which of them is best.

Pure. Made and kept by place/choose.py, one for each kind of demand in a plan, and kept in step with the room: only a
host that changed is looked at again, so that a VM costs far less than the number of hosts. As oVirt's RankSelector
does: for each weight, a host's rank is the number of hosts that are no better than it; its score is the sum of ranks
times factors; the highest wins, and of equals the first by name.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType

from reconciler.place.demand import Demand
from reconciler.place.room import Room
from reconciler.place.rules import Filter, Reads, Weight

Values = tuple[float, ...]
_NOBODY: Mapping[str, Values | None] = MappingProxyType({})


def scores(weighed: Mapping[str, Values], factors: Sequence[int]) -> dict[str, int]:
    """The score of each host; `weighed` has a value per weight, `factors` as many numbers."""
    return {host: sum(each) for host, each in points(weighed, factors).items()}


def points(weighed: Mapping[str, Values], factors: Sequence[int]) -> dict[str, tuple[int, ...]]:
    """What each weight adds to the score of each host."""
    columns = _columns(weighed.values(), factors)
    return {host: tuple(_points(values, columns, factors)) for host, values in weighed.items()}


def best(scored: Mapping[str, int]) -> str:
    """The host with the highest score, the first by name of equal ones; "" of none."""
    return min(scored, key=lambda host: (-scored[host], host), default="")


def _columns(values: Iterable[Values], factors: Sequence[int]) -> list[list[float]]:
    """What each weight says of all hosts, in order."""
    return [sorted(column) for column in zip(*values, strict=True)] or [[] for _ in factors]


def _points(values: Values, columns: Sequence[Sequence[float]], factors: Sequence[int]) -> Iterator[int]:
    for value, column, factor in zip(values, columns, factors, strict=True):
        yield factor * (len(column) - bisect_left(column, value))


def first(filters: Iterable[Filter], asked: Demand, host: str, room: Room) -> str:
    """Why the host cannot take the VM, by the first filter that says so; "" if it can."""
    for each in filters:
        if why := each.why(asked, host, room):
            return f"{why} ({each.name})"
    return ""


class Ranking:
    """Hosts in order for one kind of demand. `rejected` are those that cannot take it; it is never changed in place.

    Of hosts that all weights but one find equal, only the best by that one can win. So they stand in groups, each in
    order of that one weight (`fine`: the one with the most different values), and only the first of each competes.
    """

    def __init__(self, asked: Demand, filters: Sequence[Filter], weights: Sequence[tuple[Weight, int]], room: Room):
        self.asked, self.room = asked, room
        self.factors = [factor for _, factor in weights]
        self.weighed: dict[str, Values] = {}
        self.rejected: dict[str, str] = {}
        self._filters = [each for each in filters if each.reads is Reads.HOST]
        self._weights = [weight for weight, _ in weights]
        self._known = len(room.changed)
        still = [each for each in filters if each.reads is Reads.FACTS]
        self.never = {host: why for host in asked.vm.hosts if (why := first(still, asked, host, room))}
        self.rejected = dict(self.never)
        for host in asked.vm.hosts:
            if host not in self.never:
                self._judge(host)
        self._columns = _columns(self.weighed.values(), self.factors)
        self._fine = max(range(len(weights)), key=lambda index: len(set(self._columns[index])), default=-1)
        self._groups: dict[Values, list[tuple[float, str]]] = {}
        for host, values in self.weighed.items():
            self._join(host, values)

    def _judge(self, host: str) -> None:
        """Asks about one host."""
        why = first(self._filters, self.asked, host, self.room)
        if why:
            self.rejected = {**self.rejected, host: why}
            return
        if host in self.rejected:
            self.rejected = {name: each for name, each in self.rejected.items() if name != host}
        self.weighed[host] = tuple(each.weigh(self.asked, host, self.room) for each in self._weights)

    def catch_up(self) -> None:
        """Looks again at the hosts that changed since the last time."""
        changed = dict.fromkeys(self.room.changed[self._known :])
        self._known = len(self.room.changed)
        for host in changed:
            if host in self.weighed:
                self._leave(host, self.weighed.pop(host))
            elif host not in self.rejected or host in self.never:
                continue
            self._judge(host)
            if (values := self.weighed.get(host)) is not None:
                for column, value in zip(self._columns, values, strict=True):
                    insort(column, value)
                self._join(host, values)

    def best(
        self, apart: Mapping[str, Values | None] = _NOBODY, usual: Values | None = (), more: Sequence[int] = ()
    ) -> tuple[str, int]:
        """The host that wins, with its score; ("", 0) if none can take the VM.

        `more` are the factors of weights that are not in the ranking, and `usual` their values on all hosts but those
        in `apart`, which have their own there. None in the place of values: out of the question.
        """
        if usual is None:
            left = {host: (*self.weighed[host], *own) for host, own in apart.items() if own is not None}
            scored = scores(left, [*self.factors, *more])
        else:
            scored = self._compete({host: own for host, own in apart.items() if host in self.weighed}, usual, more)
        winner = best(scored)
        return winner, scored.get(winner, 0)

    def _compete(self, apart: Mapping[str, Values | None], usual: Values, more: Sequence[int]) -> dict[str, int]:
        """The scores of those that may win: the first of each group, and those apart."""
        able = {host: own for host, own in apart.items() if own is not None}
        out = [self.weighed[host] for host, own in apart.items() if own is None]
        gone, own_columns = _columns(out, self.factors), _columns(able.values(), more)
        rest = len(self.weighed) - len(apart)

        def score(host: str, own: Values) -> int:
            values = self.weighed[host]
            shared = sum(_points(values, self._columns, self.factors)) - sum(_points(values, gone, self.factors))
            beaten = (factor * rest for factor, theirs, mine in zip(more, usual, own, strict=True) if theirs >= mine)
            return shared + sum(_points(own, own_columns, more)) + sum(beaten)

        heads = (next((host for _, host in group if host not in apart), "") for group in self._groups.values())
        return {host: score(host, own) for host, own in ({each: usual for each in heads if each} | able).items()}

    def _join(self, host: str, values: Values) -> None:
        insort(self._groups.setdefault(self._group(values), []), (self._lead(values), host))

    def _leave(self, host: str, values: Values) -> None:
        for column, value in zip(self._columns, values, strict=True):
            del column[bisect_left(column, value)]
        key = self._group(values)
        group = self._groups[key]
        del group[bisect_left(group, (self._lead(values), host))]
        if not group:
            del self._groups[key]

    def _group(self, values: Values) -> Values:
        return values[: self._fine] + values[self._fine + 1 :] if values else ()

    def _lead(self, values: Values) -> float:
        return values[self._fine] if values else 0.0
