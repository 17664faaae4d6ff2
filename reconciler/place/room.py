"""Room: what placement knows of the world, and what the plan under way has given and moved so far.

Pure, mutable, one per plan. Made by the planner (`furnish`), read by every filter, weight and mover. What a VM takes
of its host is counted when it is placed (`take`), given back when it leaves (`leave`), so that the next VM of the same
plan finds what is left.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from typing import Any

from drivers.seen import SeenHost, SeenVm
from reconciler.desired.wanted import WantedCluster, WantedHost
from reconciler.diff.context import Context
from reconciler.diff.holding import hosts_on_hold, owned
from reconciler.observe.observed import Found
from reconciler.place.demand import Demand, demand, overhead, size
from reconciler.place.hosts.hoststate import states
from reconciler.place.policies import POLICIES, Policy, policy_of
from reconciler.place.standing import Standing
from specs.structs import Struct, field, replace


class Taken(Struct, kw_only=True):
    """What the VMs of one host have or are promised.

    `memory` (bytes) and `pending` (vCPUs) are what this plan gives, thus what the host's own report does not count yet;
    negative where VMs leave. `promised` (bytes, with what QEMU needs), `cpus` (vCPUs) and `guests` are those of all VMs
    that run or will. `vms`: every declared VM that is or will be there, by name, whether it runs or not.
    """

    memory: int = 0
    pending: int = 0
    promised: int = 0
    cpus: int = 0
    guests: int = 0
    vms: dict[str, Demand] = field(default_factory=dict)


_NOTHING = Taken()


class Room(Struct, kw_only=True):
    """The hosts of all clusters, and what is left on them.

    `networks` and `storage` say which (host, name) will be there when a VM is made: "" if usable, else why not.
    `held` are hosts on which an operator wants nothing new; `unfit` are hosts that are not up, with the reason.
    `loads`: measured CPU percent of hosts, where known. `changed` lists the hosts in the order in which they changed.
    `standing`: the affinity groups, with their VMs counted by host. `copied`: bytes that moves of this plan bring to a
    (host, storage domain); kept by moving/moves.py. `rankings` belongs to place/choose.py.
    """

    hosts: Mapping[str, WantedHost]
    seen: Mapping[str, SeenHost]
    networks: Mapping[tuple[str, str], str]
    storage: Mapping[tuple[str, str], str]
    clusters: Mapping[str, WantedCluster] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    unfit: Mapping[str, str] = field(default_factory=dict)
    loads: Mapping[str, float] = field(default_factory=dict)
    taken: dict[str, Taken] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    standing: Standing = field(default_factory=Standing)
    copied: dict[tuple[str, str], int] = field(default_factory=dict)
    rankings: dict[Hashable, Any] = field(default_factory=dict)

    def on(self, host: str) -> Mapping[str, Demand]:
        """The declared VMs that are or will be on the host, by name."""
        return self.of(host).vms

    def of(self, host: str) -> Taken:
        """What the VMs of a host have; not to be changed by others than the room."""
        return self.taken.get(host, _NOTHING)

    def free(self, host: str) -> int:
        """Bytes that the host has free, less what was given away since."""
        return self.seen[host].memory_free - self.of(host).memory

    def promisable(self, host: str) -> int:
        """Bytes that the host can still promise: its memory times its cluster's overcommit, less what is promised."""
        cluster = self.clusters.get(self.hosts[host].cluster)
        percent = cluster.memory_overcommit if cluster else 100
        return self.seen[host].memory * percent // 100 - self.of(host).promised

    def load(self, host: str) -> float:
        """CPU load, 1.0 for all CPUs busy. Where it was not measured, every vCPU counts as a busy CPU."""
        cpus, taken = self.seen[host].cpus or 1, self.of(host)
        if host in self.loads:
            return int(self.loads[host]) / 100 + taken.pending / cpus
        return taken.cpus / cpus

    def policy(self, cluster: str) -> Policy:
        """The scheduling policy of a cluster."""
        return self.policies.get(cluster) or POLICIES["none"]

    def take(self, asked: Demand, host: str) -> None:
        """Puts a VM on a host."""
        self._count(asked, host, 1)
        self.taken[host].vms[asked.name] = asked
        self.where[asked.name] = host

    def leave(self, name: str) -> Demand:
        """Takes a VM off the host that it is on; what it was counted with."""
        host = self.where.pop(name)
        asked = self.taken[host].vms.pop(name)
        self._count(asked, host, -1)
        return asked

    def move(self, asked: Demand, target: str) -> None:
        """Puts a VM on another host than the one that it is on."""
        self.leave(asked.name)
        self.take(asked, target)

    def stays(self, asked: Demand) -> None:
        """Notes a VM on the host on which it was found: what the host reports is counted no second time."""
        self.take(asked, asked.host)
        if asked.present:
            self.taken[asked.host].memory -= asked.ordinary
            self.taken[asked.host].pending -= asked.cpus

    def foreign(self, vm: SeenVm, host: str) -> None:
        """Notes a VM that is not declared."""
        if vm.live is not None:
            memory, cpus = size(vm.live)
            taken = self.taken.setdefault(host, Taken())
            taken.promised += memory + overhead(memory, cpus)
            taken.cpus += cpus
            taken.guests += 1

    def _count(self, asked: Demand, host: str, sign: int) -> None:
        taken = self.taken.setdefault(host, Taken())
        self.changed.append(host)
        if asked.running:
            taken.memory += sign * asked.ordinary
            taken.promised += sign * (asked.memory + asked.overhead)
            taken.pending += sign * asked.cpus
            taken.cpus += sign * asked.cpus
            taken.guests += sign
            (self.standing.came if sign > 0 else self.standing.went)(asked.name, host, asked.vm.ha_priority > 0)


def furnish(context: Context, networks: Mapping[tuple[str, str], str], storage: Mapping[tuple[str, str], str]) -> Room:
    """The room of a pass, with every VM that was found on the host where it is."""
    wanted = context.wanted
    room = Room(
        hosts=wanted.hosts,
        seen=context.observed.seen,
        networks=networks,
        storage=storage,
        clusters=wanted.clusters,
        policies={name: policy_of(each, wanted.policies) for name, each in wanted.clusters.items()},
        held=hosts_on_hold(context),
        loads=context.observed.loads,
        unfit={name: str(found) for name, found in states(context).items() if not found.up},
        standing=Standing(wanted.affinity.values(), {name: each.hosts for name, each in wanted.vms.items()}),
    )
    known = set()
    for asked, found in _declared(context):
        room.stays(asked)
        known.add(id(found.vm))
    for each in context.observed.vms():
        if id(each.vm) not in known:
            room.foreign(each.vm, each.host)
    room.changed.clear()  # all of that is as it was found
    return room


def _declared(context: Context) -> Iterator[tuple[Demand, Found]]:
    """The declared VMs that are somewhere; one that is defined twice counts where it runs, one on its way where it
    will be, with all of its memory still to come there."""
    for vm in context.wanted.vms.values():
        there = owned(vm.ref, context)
        coming = _coming(context.observed.arriving.get(vm.ref, ()), context)
        if coming is not None:
            yield replace(demand(vm, coming, context), present=False), coming
        elif there:
            found = min(there, key=lambda each: (not each.vm.running, each.host))
            yield demand(vm, found, context), found


def _coming(shells: Sequence[Found], context: Context) -> Found | None:
    """The shell in which a VM arrives, as far as its migration is known to be under way or nobody could be asked."""
    flight = context.flight(shells[0].vm.uuid) if shells else None
    return shells[0] if flight is not None and (flight.progress is not None or not flight.asked) else None
