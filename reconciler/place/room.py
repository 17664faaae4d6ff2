"""Room: what placement knows of the world, and what the plan under way has given and moved so far.

Pure, mutable, one per plan. Made by the planner (`furnish`), read by every filter, weight and mover. What a VM takes
of its host is counted when it is placed (`take`), given back when it leaves (`leave`), so that the next VM of the same
plan finds what is left.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from drivers.seen import SeenHost
from reconciler.desired.wanted import WantedCluster, WantedHost
from reconciler.diff.context import Context
from reconciler.diff.holding import hosts_on_hold, owned
from reconciler.place.demand import Demand, demand
from reconciler.place.hoststate import states


@dataclass(slots=True, kw_only=True)
class Taken:
    """What VMs have of one host, beyond what was observed. In bytes and vCPUs; negative where VMs leave.

    `vms`: every declared VM that is or will be there, by name, whether it runs or not.
    """

    memory: int = 0
    cpus: int = 0
    vms: dict[str, Demand] = field(default_factory=dict)


@dataclass(slots=True, kw_only=True)
class Room:
    """The hosts of all clusters, and what is left on them.

    `networks` and `storage` say which (host, name) will be there when a VM is made: "" if usable, else why not.
    `held` are hosts on which an operator wants nothing new; `unfit` are hosts that are not up, with the reason.
    `loads`: measured CPU percent of hosts, where known. `changed` lists the hosts in the order in which they changed.
    """

    hosts: Mapping[str, WantedHost]
    seen: Mapping[str, SeenHost]
    networks: Mapping[tuple[str, str], str]
    storage: Mapping[tuple[str, str], str]
    clusters: Mapping[str, WantedCluster] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    unfit: Mapping[str, str] = field(default_factory=dict)
    loads: Mapping[str, float] = field(default_factory=dict)
    taken: dict[str, Taken] = field(default_factory=dict)
    where: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)

    def on(self, host: str) -> Mapping[str, Demand]:
        """The declared VMs that are or will be on the host, by name."""
        taken = self.taken.get(host)
        return taken.vms if taken else {}

    def free(self, host: str) -> int:
        """Bytes that the host has free, less what was given away since."""
        taken = self.taken.get(host)
        return self.seen[host].memory_free - (taken.memory if taken else 0)

    def take(self, asked: Demand, host: str) -> None:
        """Puts a VM on a host."""
        self._count(asked, host, 1)
        self.taken[host].vms[asked.name] = asked
        self.where[asked.name] = host

    def leave(self, asked: Demand) -> None:
        """Takes a VM off the host that it is on."""
        host = self.where.pop(asked.name)
        del self.taken[host].vms[asked.name]
        self._count(asked, host, -1)

    def move(self, asked: Demand, target: str) -> None:
        """Puts a VM on another host than the one that it is on."""
        self.leave(asked)
        self.take(asked, target)

    def _count(self, asked: Demand, host: str, sign: int) -> None:
        taken = self.taken.setdefault(host, Taken())
        self.changed.append(host)
        if asked.running:
            taken.memory += sign * asked.memory
            taken.cpus += sign * asked.cpus

    def stays(self, asked: Demand) -> None:
        """Notes a VM on the host on which it was found: what it has already is not counted again."""
        taken = self.taken.setdefault(asked.host, Taken())
        taken.vms[asked.name] = asked
        self.where[asked.name] = asked.host
        if asked.running and not asked.present:
            taken.memory += asked.memory
            taken.cpus += asked.cpus


def furnish(context: Context, networks: Mapping[tuple[str, str], str], storage: Mapping[tuple[str, str], str]) -> Room:
    """The room of a pass, with every declared VM that was found on the host where it is."""
    room = Room(
        hosts=context.wanted.hosts,
        seen=context.observed.seen,
        networks=networks,
        storage=storage,
        clusters=context.wanted.clusters,
        held=hosts_on_hold(context),
        unfit={name: str(found) for name, found in states(context).items() if not found.up},
    )
    for each in _found(context):
        room.stays(each)
    return room


def _found(context: Context) -> Iterator[Demand]:
    """The VMs that are somewhere; one that is defined twice counts where it runs."""
    for vm in context.wanted.vms.values():
        there = owned(vm.ref, context)
        if there:
            yield demand(vm, min(there, key=lambda each: (not each.vm.running, each.host)), context.now)
