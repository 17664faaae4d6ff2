"""Filters: what makes a host impossible for a VM, in one table. Adding one is a function and a line here.

The order is that in which they are asked: the first reason is the one that is told.
"""

from __future__ import annotations

from reconciler.place import affinity
from reconciler.place.filters import able, cpu, host, load, memory, network, numa, storage
from reconciler.place.hosts import hostdevices
from reconciler.place.rules import Filter, Reads, nothing

_TABLE: tuple[Filter, ...] = (
    Filter(name="Reachable", why=host.reachable, key=nothing),
    Filter(name="HostState", why=host.state, key=nothing),
    Filter(name="Hold", why=host.hold, key=nothing),
    Filter(name="PinToHost", why=host.pinned, key=nothing),  # only asked about hosts that are no candidates
    Filter(name="ClusterInMaintenance", why=host.maintained, key=nothing, concerns=host.starts),
    Filter(name="Network", why=network.network, key=network.key),
    Filter(name="Storage", why=storage.storage, key=storage.key),
    Filter(name="Emulation", why=able.emulation, key=able.emulation_key),
    Filter(name="Emulated-Machine", why=able.abilities, key=able.abilities_key),
    Filter(name="CPU-Level", why=cpu.level, key=cpu.level_key),
    Filter(name="CPUTopology", why=cpu.topology, concerns=cpu.is_pinned),
    Filter(name="CpuPinning", why=cpu.pinning, concerns=cpu.is_pinned),
    Filter(name="HostDevice", why=hostdevices.why_not, reads=Reads.ROOM, concerns=hostdevices.concerns),
    Filter(name="CPU", why=load.count, key=load.count_key),
    Filter(name="CPUOverloaded", why=load.overloaded, key=nothing, concerns=load.measured),
    Filter(name="Memory", why=memory.free, reads=Reads.HOST, key=memory.key, concerns=memory.runs),
    Filter(name="Memory", why=memory.promised, reads=Reads.HOST, key=memory.key, concerns=memory.runs),
    Filter(name="NUMA", why=numa.numa, reads=Reads.ROOM, concerns=numa.is_bound),
    Filter(name="HugePages", why=numa.hugepages, reads=Reads.ROOM, concerns=numa.takes_huge_pages),
    Filter(
        name="VmToHostsAffinityGroups",
        why=affinity.host_rule,
        reads=Reads.ROOM,
        concerns=affinity.in_hard_host_rule,
        apart=affinity.rule_hosts,
    ),
    Filter(
        name="VmAffinityGroups",
        why=affinity.yielding,
        reads=Reads.ROOM,
        concerns=affinity.in_yielding_circle,
        apart=affinity.circle_hosts,
        yields=True,
    ),
    Filter(
        name="VmAffinityGroups",
        why=affinity.holding,
        reads=Reads.ROOM,
        concerns=affinity.in_holding_circle,
        apart=affinity.circle_hosts,
    ),  # `duringMaintenance: hold`
)
FILTERS: tuple[Filter, ...] = tuple(sorted(_TABLE, key=lambda each: each.reads))
"""Those whose answers are the same through a whole plan come first."""
