"""Weights: what makes a host better or worse for a VM, in one table. Adding one is a function and a line here."""

from __future__ import annotations

from reconciler.place import affinity
from reconciler.place.rules import Reads, Weight
from reconciler.place.weights import hardware

WEIGHTS: tuple[Weight, ...] = (
    Weight(name="VmAffinityGroups", weigh=affinity.vm_score, reads=Reads.ROOM, concerns=affinity.in_circle),
    Weight(
        name="VmToHostsAffinityGroups",
        weigh=affinity.host_score,
        reads=Reads.ROOM,
        concerns=affinity.in_soft_host_rule,
    ),
    Weight(name="OptimalForHaReservation", weigh=affinity.ha_score, reads=Reads.HOST, concerns=affinity.is_ha),
    Weight(
        name="Fit VM to single host NUMA node", weigh=hardware.single_cell, reads=Reads.HOST, concerns=hardware.is_free
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
