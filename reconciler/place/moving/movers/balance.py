"""Mover `balance`: VMs leave a host that has too much, or too little, as the policy of its cluster says. Pure.

The balancers are oVirt's:

| balancer | a VM leaves | for a host |
|---|---|---|
| OptimalForEvenDistribution | a host with more CPU load than HighUtilization; else one with less promisable memory than MaxFreeMemoryForOverUtilized | that stays clear of both |
| OptimalForPowerSaving | the same; else the emptiest host below LowUtilization, or with more promisable memory than MinFreeMemoryForUnderUtilized | that is fuller, and stays clear of being overutilized |
| OptimalForEvenGuestDistribution | the host with the most running VMs, if these are HighVmCount or more | that has MigrationThreshold VMs fewer, or less than that |

At most one VM in each cluster and pass, and only in clusters at rest (movers/rest.py). It never flaps: a target stays
`_MARGIN` percent points (or 5 % of its memory) clear of the limit that the source broke, so that no VM goes back
unless its load itself changes; a load counts only when it was measured while the same VMs ran (daemon/loads.py); and no
move costs anything by affinity rules or preferred hosts, so that neither mover undoes what the other does. Where loads
are not known, as in the passes of the command line, nothing is balanced by load.
"""  # noqa: E501 (a table)

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from reconciler.diff.context import Context
from reconciler.place import affinity
from reconciler.place.choose import Room
from reconciler.place.demand import Demand
from reconciler.place.moving.movers.rest import at_rest, movable
from reconciler.place.moving.wish import Wish
from specs.structs import Struct

_MARGIN = 5
"""Percent points that a target stays below HighUtilization."""
_MOST_TRIED = 20
"""VMs that are tried in one pass and cluster."""


class _Cluster(Struct, frozen=True, kw_only=True):
    """One cluster at rest. `vm_loads`: host CPUs that a VM keeps busy, by host and name, where known."""

    hosts: tuple[str, ...]
    room: Room
    parameters: Mapping[str, int]
    vm_loads: Mapping[tuple[str, str], float]

    def parameter(self, name: str) -> int:
        """A parameter of the cluster's policy."""
        return self.parameters.get(name, 0)

    def running(self, host: str) -> list[Demand]:
        """The declared VMs that run there."""
        return [each for _, each in sorted(self.room.on(host).items()) if each.present]

    def load(self, host: str) -> float | None:
        """The host's CPU load in percent, where known."""
        return self.room.loads.get(host)

    def share(self, asked: Demand, host: str, of: str) -> float:
        """Percent points of `host` that a VM that runs on `of` would load; by its vCPUs where its own is not known."""
        seen = self.room.seen
        busy = self.vm_loads.get((of, asked.name))
        if busy is None:
            cpus = sum(each.cpus for each in self.running(of)) or 1
            busy = (self.load(of) or 0.0) / 100 * (seen[of].cpus or 1) * asked.cpus / cpus
        return busy * 100 / (seen[host].cpus or 1)


class _Plan(Struct, frozen=True, kw_only=True):
    """A VM that may go, to one of `among`, and why."""

    asked: Demand
    among: tuple[str, ...]
    why: str


Balancer = Callable[[_Cluster], Iterator[_Plan]]


def wishes(context: Context, room: Room) -> Iterator[Wish]:
    """At most one VM that is moved in each cluster."""
    if all(room.policy(name).balancer == "None" for name in context.wanted.clusters):
        return
    for name, hosts in at_rest(context, room):
        policy = room.policy(name)
        cluster = _Cluster(hosts=hosts, room=room, parameters=policy.parameters, vm_loads=context.observed.vm_loads)
        plans = (each for each in BALANCERS[policy.balancer](cluster) if movable(each.asked, context))
        for number, each in enumerate(plans):
            before = room.where[each.asked.name]
            yield Wish(vm=each.asked.name, why=each.why, among=each.among, must=False)
            if room.where[each.asked.name] != before or number + 1 >= _MOST_TRIED:
                break


def _none(cluster: _Cluster) -> Iterator[_Plan]:
    return iter(())


def _even(cluster: _Cluster) -> Iterator[_Plan]:
    yield from _cpu_over(cluster)
    yield from _memory_over(cluster)


def _saving(cluster: _Cluster) -> Iterator[_Plan]:
    yield from _cpu_over(cluster)
    yield from _memory_over(cluster)
    yield from _cpu_under(cluster)
    yield from _memory_under(cluster)


def _cpu_over(cluster: _Cluster) -> Iterator[_Plan]:
    """From the most loaded host, the VM that leaves both hosts best off."""
    high = cluster.parameter("HighUtilization")
    for source, load in _loaded(cluster, reverse=True):
        if load < high:
            return
        found = []
        for asked in cluster.running(source):
            fits = tuple(
                each
                for each in cluster.hosts
                if each != source and cluster.load(each) is not None and _clear(each, asked, source, cluster)
            )
            if fits:
                least = min(_after(asked, each, source, cluster) or 0.0 for each in fits)
                found.append((max(least, load - cluster.share(asked, source, source)), asked, fits))
        for _, asked, fits in sorted(found, key=lambda each: (each[0], each[1].name)):
            yield from _costless(asked, fits, f"{source} is at {load:.0f} % CPU, the limit is {high} %", cluster)


def _cpu_under(cluster: _Cluster) -> Iterator[_Plan]:
    """Empties the least loaded host, for ones that are fuller."""
    low = cluster.parameter("LowUtilization")
    for source, load in _loaded(cluster):
        if load >= low:
            return
        for asked in _smallest(cluster.running(source)):
            fits = tuple(
                each
                for each in cluster.hosts
                if _fuller(each, source, cluster) and _clear(each, asked, source, cluster)
            )
            yield from _costless(asked, fits, f"{source} is at {load:.0f} % CPU and could be empty", cluster)


def _clear(host: str, asked: Demand, source: str, cluster: _Cluster) -> bool:
    """Whether a host that takes the VM stays clear of what would make it give one away."""
    after = _after(asked, host, source, cluster)
    return _roomy(host, asked, cluster) and (after is None or after <= cluster.parameter("HighUtilization") - _MARGIN)


def _fuller(host: str, source: str, cluster: _Cluster) -> bool:
    """Whether a host is loaded more than the source, and runs something; names decide between equal ones."""
    here, there = cluster.load(source), cluster.load(host)
    if here is None or there is None or not cluster.room.of(host).guests:
        return False
    return (there, source) > (here, host)


def _loaded(cluster: _Cluster, reverse: bool = False) -> list[tuple[str, float]]:
    """Hosts of known load that run VMs of ours, in order of it."""
    known = ((each, cluster.load(each)) for each in cluster.hosts if cluster.running(each))
    found = [(each, load) for each, load in known if load is not None]
    return sorted(found, key=lambda each: (-each[1] if reverse else each[1], each[0]))


def _after(asked: Demand, host: str, source: str, cluster: _Cluster) -> float | None:
    """The load of a host if the VM came; None where its load is not known."""
    load = cluster.load(host)
    return None if load is None else load + cluster.share(asked, host, source)


def _memory_over(cluster: _Cluster) -> Iterator[_Plan]:
    """From the host that can promise least: the smallest VM that is enough, else the largest."""
    least = cluster.parameter("MaxFreeMemoryForOverUtilized")
    for source in _by_memory(cluster):
        short = least - cluster.room.promisable(source)
        if short <= 0:
            return
        listed = cluster.running(source)
        if len(listed) < 2:
            continue
        for asked in sorted(listed, key=lambda each: (each.memory < short, abs(each.memory - short), each.name)):
            fits = tuple(each for each in cluster.hosts if each != source and _clear(each, asked, source, cluster))
            yield from _costless(asked, fits, f"{source} has less memory left than its policy wants", cluster)


def _memory_under(cluster: _Cluster) -> Iterator[_Plan]:
    """Empties the host that can promise most, for ones that can promise less."""
    most = cluster.parameter("MinFreeMemoryForUnderUtilized")
    room = cluster.room
    if not most:
        return
    for source in reversed(_by_memory(cluster)):
        left = room.promisable(source)
        if left <= most or cluster.load(source) is not None:
            continue  # what is known of its CPUs has decided already
        for asked in _smallest(cluster.running(source)):
            fits = tuple(
                each
                for each in cluster.hosts
                if room.of(each).guests
                and (room.promisable(each), each) < (left, source)
                and _roomy(each, asked, cluster)
            )
            yield from _costless(asked, fits, f"{source} has memory to spare and could be empty", cluster)


def _by_memory(cluster: _Cluster) -> list[str]:
    return sorted(cluster.hosts, key=lambda each: (cluster.room.promisable(each), each))


def _roomy(host: str, asked: Demand, cluster: _Cluster) -> bool:
    """Whether a host that takes the VM stays clear of the limit below which memory is too little."""
    least, margin = cluster.parameter("MaxFreeMemoryForOverUtilized"), cluster.room.seen[host].memory // 20
    return cluster.room.promisable(host) - asked.memory - asked.overhead >= least + margin


def _guests(cluster: _Cluster) -> Iterator[_Plan]:
    """From the hosts with the most running VMs to those with MigrationThreshold fewer."""
    count = {each: cluster.room.of(each).guests for each in cluster.hosts}
    most, apart = max(count.values()), max(2, cluster.parameter("MigrationThreshold"))
    if most < max(1, cluster.parameter("HighVmCount")):
        return
    fits = tuple(each for each in cluster.hosts if most - count[each] >= apart)
    for source in (each for each in cluster.hosts if count[each] == most and fits):
        for asked in _smallest(cluster.running(source)):
            yield from _costless(asked, fits, f"{source} runs {most} VMs", cluster)


def _smallest(listed: list[Demand]) -> list[Demand]:
    return sorted(listed, key=lambda each: (each.memory, each.name))


def _costless(asked: Demand, fits: tuple[str, ...], why: str, cluster: _Cluster) -> Iterator[_Plan]:
    """The plan, with the hosts that cost nothing by affinity rules and preferred hosts."""
    room, here = cluster.room, cluster.room.where[asked.name]
    now = affinity.hard_pairs(asked, here, room), affinity.soft_score(asked, here, room)
    liked = asked.vm.preferred if here in asked.vm.preferred else ()
    among = tuple(
        each
        for each in fits
        if affinity.hard_pairs(asked, each, room) <= now[0]
        and affinity.soft_score(asked, each, room) <= now[1]
        and (not liked or each in liked)
    )
    if among:
        yield _Plan(asked=asked, among=among, why=why)


BALANCERS: Mapping[str, Balancer] = {
    "None": _none,
    "OptimalForEvenDistribution": _even,
    "OptimalForPowerSaving": _saving,
    "OptimalForEvenGuestDistribution": _guests,
}
"""By the name that policies give them."""
