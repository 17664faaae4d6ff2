"""The kinds that may be declared: one module each, and the one table of them.

To add a kind: a module with its model, a line in `KINDS`, a line in `specs.resource.SHORT_NAMES`.
"""

from collections.abc import Mapping
from functools import cached_property

from specs import shape
from specs.kinds.affinitygroup import AffinityGroup
from specs.kinds.cluster import Cluster
from specs.kinds.datacenter import DataCenter
from specs.kinds.host import Host
from specs.kinds.image import Image
from specs.kinds.instancetype import InstanceType
from specs.kinds.macpool import MacPool
from specs.kinds.network import CANONICAL as NETWORK_CANONICAL
from specs.kinds.network import Network
from specs.kinds.repository import Repository
from specs.kinds.schedulingpolicy import SchedulingPolicy
from specs.kinds.storagedomain import StorageDomain
from specs.kinds.vm import CANONICAL as VM_CANONICAL
from specs.kinds.vm import VirtualMachine
from specs.model import Model
from specs.resource import SHORT_NAMES
from specs.structs import Struct, field

API_VERSION = "gitvirt/v1"


class Kind(Struct, frozen=True, kw_only=True, dict=True):
    """One kind: its model, one line about it, and the effect rules of canonical paths that YAML spells otherwise.

    `levels` are the kinds whose `defaults` may speak of it.
    """

    name: str
    model: type[Model]
    doc: str
    levels: tuple[str, ...] = ()
    canonical: Mapping[str, str] = field(default_factory=dict)

    @property
    def short(self) -> str:
        """As in `vm/web`."""
        return SHORT_NAMES[self.name]

    @cached_property
    def shape(self) -> shape.Shape:
        """The fields of its spec."""
        return shape.of(self.model)

    @cached_property
    def rules(self) -> Mapping[str, str]:
        """Pattern of a path → name of its effect rule; canonical paths win over those of the YAML."""
        return {**{path: each.effect for path, each in self.shape.walk() if each.effect}, **self.canonical}


_ALL = (
    Kind(name="Repository", model=Repository, doc="Who this repository is, and what holds for all of it."),
    Kind(
        name="DataCenter", model=DataCenter, doc="The outermost container of everything else.", levels=("Repository",)
    ),
    Kind(
        name="Cluster",
        model=Cluster,
        doc="Hosts that share networks and storage, between which VMs can move.",
        levels=("Repository", "DataCenter"),
    ),
    Kind(
        name="Host",
        model=Host,
        doc="One libvirt host.",
        levels=("Repository", "DataCenter", "Cluster"),
    ),
    Kind(
        name="MacPool",
        model=MacPool,
        doc="The MAC addresses that new NICs get.",
        levels=("Repository",),
    ),
    Kind(
        name="Network",
        model=Network,
        doc="A virtual network, defined on every host of its data center's clusters.",
        levels=("Repository", "DataCenter"),
        canonical=NETWORK_CANONICAL,
    ),
    Kind(
        name="StorageDomain",
        model=StorageDomain,
        doc="A place for disks and images.",
        levels=("Repository", "DataCenter"),
    ),
    Kind(
        name="Image",
        model=Image,
        doc="A disk image or ISO, brought into a storage domain, pinned by checksum.",
        levels=("Repository",),
    ),
    Kind(
        name="InstanceType",
        model=InstanceType,
        doc="A hardware size that VMs refer to.",
        levels=("Repository",),
    ),
    Kind(
        name="VirtualMachine",
        model=VirtualMachine,
        doc="A virtual machine.",
        levels=("Repository", "DataCenter", "Cluster"),
        canonical=VM_CANONICAL,
    ),
    Kind(
        name="AffinityGroup",
        model=AffinityGroup,
        doc="VMs that run together or apart, on some hosts or away from them.",
        levels=("Repository", "DataCenter", "Cluster"),
    ),
    Kind(
        name="SchedulingPolicy",
        model=SchedulingPolicy,
        doc="How the hosts of VMs are chosen, beside the built-in policies.",
        levels=("Repository",),
    ),
)

KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
"""By name, in the order in which kinds depend on each other."""
