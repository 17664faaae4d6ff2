"""Cluster: hosts between which VMs can move. `default` is implied when none is declared."""

from typing import ClassVar, Literal

from specs.kinds.common import FreeMapping, Line
from specs.kinds.cpu import CpuModel
from specs.kinds.migration import ClusterMigration
from specs.kinds.schedulingpolicy import ClusterPolicy
from specs.model import Model, Name, Percentage, Yes, declared


class ClusterCpu(Model):
    """The CPU that VMs of a cluster get."""

    shorthand: ClassVar[tuple[str, ...]] = ("model",)

    model: CpuModel | None = declared("CPU model of VMs that name none; used when a VM is made.", effect="creation")


class Cluster(Model):
    """A set of hosts that share networks and storage."""

    data_center: Name | None = declared("Its data center; may be left out if there is only one.", effect="policy")
    description: Line | None = declared("Text for people.", effect="policy")
    emulation: Literal["auto", "kvm", "tcg"] | None = declared(
        "Hardware virtualization (`kvm`), software emulation (`tcg`), or what the host has (`auto`).",
        effect="creation",
    )
    cpu: ClusterCpu | None = declared("The CPU of its VMs.", effect="creation")
    ha_reservation: Yes | None = declared(
        "Warns when the loss of one host could not be borne by the others for all highly available VMs.",
        effect="policy",
    )
    scheduling_policy: ClusterPolicy | None = declared("How hosts are chosen for its VMs.", effect="policy")
    memory_overcommit: Percentage | None = declared(
        "How much memory may be promised to the VMs of a host; 100% is all that it has.", effect="policy"
    )
    migration: ClusterMigration | None = declared("How its VMs move between hosts.", effect="policy")
    mac_pool: Name | None = declared("MacPool of its VMs' new NICs; without it the data center's.", effect="policy")
    defaults: FreeMapping | None = declared(
        "Partial specs by kind, under every object of this cluster.", effect="policy"
    )
