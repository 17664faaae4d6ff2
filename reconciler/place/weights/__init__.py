"""Weights: what makes a host better or worse for a VM, in one table. Adding one is a function and a line here."""

from __future__ import annotations

from reconciler.place import affinity
from reconciler.place.rules import Reads, Weight, nothing
from reconciler.place.weights import guests, hardware, load, memory

WEIGHTS: tuple[Weight, ...] = (
    Weight(
        name="PreferredHosts",
        weigh=guests.preferred,
        reads=Reads.ROOM,
        concerns=guests.prefers,
        apart=guests.those_preferred,
    ),
    Weight(name="OptimalForEvenGuestDistribution", weigh=guests.even, reads=Reads.HOST, key=nothing),
    Weight(name="OptimalForCpuEvenDistribution", weigh=load.even, reads=Reads.HOST, key=nothing),
    Weight(name="OptimalForCpuPowerSaving", weigh=load.saving, reads=Reads.HOST, key=nothing),
    Weight(name="OptimalForMemoryEvenDistribution", weigh=memory.even, reads=Reads.HOST, key=nothing),
    Weight(name="OptimalForMemoryPowerSaving", weigh=memory.saving, reads=Reads.HOST, key=nothing),
    Weight(
        name="OptimalForHaReservation", weigh=guests.important, reads=Reads.HOST, key=nothing, concerns=affinity.is_ha
    ),
    Weight(
        name="VmAffinityGroups",
        weigh=affinity.vm_score,
        reads=Reads.ROOM,
        concerns=affinity.in_circle,
        apart=affinity.circle_hosts,
    ),
    Weight(
        name="VmToHostsAffinityGroups",
        weigh=affinity.host_score,
        reads=Reads.ROOM,
        concerns=affinity.in_soft_host_rule,
        apart=affinity.rule_hosts,
    ),
    Weight(
        name="Fit VM to single host NUMA node",
        weigh=hardware.single_cell,
        reads=Reads.HOST,
        key=hardware.size,
        concerns=hardware.is_free,
    ),
    Weight(
        name="CPU and NUMA pinning compatibility",
        weigh=hardware.pinning,
        reads=Reads.ROOM,
        concerns=hardware.is_placed,
    ),
    Weight(
        name="CPU for high performance VMs",
        weigh=hardware.high_performance,
        concerns=hardware.is_high_performance,
    ),
)
