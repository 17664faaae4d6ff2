"""Policies: which filters and weights hold in a cluster, how much each weight counts, and with what parameters.

Pure. The built-in ones are oVirt's: all share the same filters and most weights. Read by the scheduler, by filters and
weights that have parameters, and by the mover that balances.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.desired.scheduling import WantedPolicy
from reconciler.desired.wanted import WantedCluster
from specs.kinds.schedulingpolicy import BUILT_IN, MANDATORY_FILTERS, OPTIONAL_FILTERS
from specs.structs import Struct, replace

_MAINTENANCE = "ClusterInMaintenance"
_USUAL = frozenset(OPTIONAL_FILTERS) - {_MAINTENANCE}
_COMMON: Mapping[str, int] = {
    "PreferredHosts": 99,
    "VmToHostsAffinityGroups": 20,
    "CPU and NUMA pinning compatibility": 5,
    "CPU for high performance VMs": 4,
    "VmAffinityGroups": 1,
    "OptimalForHaReservation": 1,
}
_EVEN: Mapping[str, int] = {**_COMMON, "OptimalForCpuEvenDistribution": 2, "OptimalForMemoryEvenDistribution": 1}
_SAVING: Mapping[str, int] = {**_COMMON, "OptimalForCpuPowerSaving": 2, "OptimalForMemoryPowerSaving": 1}
_GUESTS: Mapping[str, int] = {**_COMMON, "OptimalForEvenGuestDistribution": 2}
_DEFAULTS: Mapping[str, int] = {
    "HighUtilization": 80,
    "LowUtilization": 20,
    "CpuOverCommitDurationMinutes": 2,
    "HighVmCount": 10,
    "MigrationThreshold": 5,
    "MaxFreeMemoryForOverUtilized": 0,
    "MinFreeMemoryForUnderUtilized": 0,
}
"""Parameters that neither the policy nor the cluster says; a size of 0 means "does not matter"."""


class Policy(Struct, frozen=True, kw_only=True):
    """`filters` are all that hold, mandatory ones included; `weights` maps each to its factor (above 0)."""

    name: str
    filters: frozenset[str]
    weights: Mapping[str, int]
    balancer: str
    parameters: Mapping[str, int]


def _built_in(
    name: str, weights: Mapping[str, int], balancer: str = "None", more: frozenset[str] = frozenset()
) -> Policy:
    filters = _USUAL | frozenset(MANDATORY_FILTERS) | more
    return Policy(name=name, filters=filters, weights=weights, balancer=balancer, parameters=_DEFAULTS)


POLICIES: Mapping[str, Policy] = {
    each.name: each
    for each in (
        _built_in("none", _EVEN),
        _built_in("evenly_distributed", _EVEN, "OptimalForEvenDistribution"),
        _built_in("power_saving", _SAVING, "OptimalForPowerSaving"),
        _built_in("vm_evenly_distributed", _GUESTS, "OptimalForEvenGuestDistribution"),
        _built_in("cluster_maintenance", _EVEN, more=frozenset({_MAINTENANCE})),
    )
}
assert tuple(POLICIES) == BUILT_IN


def policy_of(cluster: WantedCluster, declared: Mapping[str, WantedPolicy]) -> Policy:
    """The policy that holds in a cluster, with the cluster's own parameters."""
    said = cluster.scheduling
    policy = POLICIES[said.policy] if said.policy in POLICIES else _declared(declared[said.policy])
    return replace(policy, parameters={**policy.parameters, **said.parameters})


def _declared(said: WantedPolicy) -> Policy:
    usual = POLICIES["none"]
    filters = usual.filters if said.filters is None else frozenset((*MANDATORY_FILTERS, *said.filters))
    weights = usual.weights if said.weights is None else {name: each for name, each in said.weights.items() if each}
    return Policy(
        name=said.name,
        filters=filters,
        weights=weights,
        balancer=said.balancer,
        parameters={**_DEFAULTS, **said.parameters},
    )
