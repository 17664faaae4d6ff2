"""Filters: what makes a host impossible for a VM, in one table. Adding one is a function and a line here.

The order is that in which they are asked: the first reason is the one that is told.
"""

from __future__ import annotations

from reconciler.place import affinity, hostdevices
from reconciler.place.filters import able, cpu, host, memory, network, numa, storage
from reconciler.place.rules import Filter, Reads

FILTERS: tuple[Filter, ...] = (
    Filter(name="Reachable", why=host.reachable),
    Filter(name="HostState", why=host.state),
    Filter(name="Hold", why=host.hold),
    Filter(name="Network", why=network.network),
    Filter(name="Storage", why=storage.storage),
    Filter(name="Emulation", why=able.emulation),
    Filter(name="Emulated-Machine", why=able.abilities),
    Filter(name="CPU-Level", why=cpu.level),
    Filter(name="CPUTopology", why=cpu.topology, concerns=cpu.is_pinned),
    Filter(name="CpuPinning", why=cpu.pinning, concerns=cpu.is_pinned),
    Filter(name="HostDevice", why=hostdevices.why_not, reads=Reads.ROOM, concerns=hostdevices.concerns),
    Filter(name="NUMA", why=numa.numa, reads=Reads.ROOM, concerns=numa.is_bound),
    Filter(name="HugePages", why=numa.hugepages, reads=Reads.ROOM, concerns=numa.takes_huge_pages),
    Filter(
        name="VmToHostsAffinityGroups", why=affinity.host_rule, reads=Reads.ROOM, concerns=affinity.in_hard_host_rule
    ),
    Filter(
        name="VmAffinityGroups",
        why=affinity.yielding,
        reads=Reads.ROOM,
        concerns=affinity.in_yielding_circle,
        yields=True,
    ),
    Filter(
        name="VmAffinityGroups", why=affinity.holding, reads=Reads.ROOM, concerns=affinity.in_holding_circle
    ),  # `duringMaintenance: hold`
    Filter(name="Memory", why=memory.memory, reads=Reads.HOST),
)
