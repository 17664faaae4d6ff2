"""SchedulingPolicy: which filters and weights choose a VM's host, and what balances its cluster.

The names of filters, weights, balancers, parameters and built-in policies are oVirt's.
"""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import ConfigDict, Field, Strict
from pydantic.alias_generators import to_pascal

from specs.kinds.common import Line
from specs.model import Model, Name, Size, Unit, declared

BUILT_IN = ("none", "evenly_distributed", "power_saving", "vm_evenly_distributed", "cluster_maintenance")
"""The policies that need no document."""

MANDATORY_FILTERS = (
    "Reachable",
    "HostState",
    "Hold",
    "PinToHost",
    "Network",
    "Storage",
    "Emulation",
    "Emulated-Machine",
    "HostDevice",
    "CPU-Level",
    "CPUTopology",
    "CpuPinning",
)
"""What no policy can leave out: the VM would not start there, or an operator does not want it there."""

OPTIONAL_FILTERS = (
    "CPU",
    "CPUOverloaded",
    "Memory",
    "NUMA",
    "HugePages",
    "VmToHostsAffinityGroups",
    "VmAffinityGroups",
    "ClusterInMaintenance",
)

WEIGHTS = (
    "OptimalForCpuEvenDistribution",
    "OptimalForMemoryEvenDistribution",
    "OptimalForCpuPowerSaving",
    "OptimalForMemoryPowerSaving",
    "OptimalForEvenGuestDistribution",
    "PreferredHosts",
    "OptimalForHaReservation",
    "VmAffinityGroups",
    "VmToHostsAffinityGroups",
    "CPU for high performance VMs",
    "CPU and NUMA pinning compatibility",
    "Fit VM to single host NUMA node",
)

Balancer = Literal["None", "OptimalForEvenDistribution", "OptimalForPowerSaving", "OptimalForEvenGuestDistribution"]
Factor = Annotated[int, Strict(), Field(ge=0, le=1000), Unit("number from 0 to 1000")]


class PolicyParameters(Model):
    """What filters, weights and balancers of a policy go by."""

    model_config = ConfigDict(alias_generator=to_pascal)

    high_utilization: Annotated[int, Strict(), Field(ge=50, le=99), Unit("percent, 50 to 99")] | None = declared(
        "CPU load above which a host is overutilized.", effect="policy"
    )
    low_utilization: Annotated[int, Strict(), Field(ge=0, le=49), Unit("percent, 0 to 49")] | None = declared(
        "CPU load below which a host is underutilized.", effect="policy"
    )
    cpu_over_commit_duration_minutes: Annotated[int, Strict(), Field(ge=1, le=60), Unit("minutes")] | None = declared(
        "How long a load must last before it counts.", effect="policy"
    )
    max_free_memory_for_over_utilized: Size | None = declared(
        "Free memory below which a host is overutilized.", effect="policy"
    )
    min_free_memory_for_under_utilized: Size | None = declared(
        "Free memory above which a host is underutilized.", effect="policy"
    )
    high_vm_count: Annotated[int, Strict(), Field(ge=0, le=10000), Unit("number")] | None = declared(
        "Running VMs beyond which a host gives some away.", effect="policy"
    )
    migration_threshold: Annotated[int, Strict(), Field(ge=2, le=10000), Unit("number")] | None = declared(
        "How many VMs more than the emptiest host it must have for that.", effect="policy"
    )


class SchedulingPolicy(Model):
    """A policy of one's own, which clusters name in `schedulingPolicy`."""

    description: Line | None = declared("Text for people.", effect="policy")
    filters: tuple[str, ...] | None = declared(
        "Filters beside the mandatory ones; without it, those of the built-in policies.", effect="policy"
    )
    weights: Annotated[Mapping[str, Factor] | None, Unit("mapping of weight to factor")] = declared(
        "Weights and how much each counts; without it, those of `none`.", effect="policy"
    )
    balancer: Balancer | None = declared("What moves VMs when hosts are loaded unevenly.", effect="policy")
    parameters: PolicyParameters | None = declared("Parameters of its parts.", effect="policy")


class ClusterPolicy(Model):
    """The policy of a cluster, with parameters that go before the policy's own."""

    shorthand: ClassVar[tuple[str, ...]] = ("policy",)

    policy: Name | None = declared(
        f"`{'`, `'.join(BUILT_IN)}`, or a SchedulingPolicy; without it, `none`.", effect="policy"
    )
    parameters: PolicyParameters | None = declared("Parameters that differ from the policy's.", effect="policy")
