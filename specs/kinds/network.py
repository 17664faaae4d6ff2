"""Network: a libvirt network, alike on every host of its data center that needs it."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, Strict

from specs.kinds.common import Drift, Line
from specs.kinds.vnicprofile import VnicProfile
from specs.model import Address, Cidr, EntryName, Mac, Model, Name, Named, Unit, Uuid, Yes, declared, matching

CANONICAL: Mapping[str, str] = {
    "bridge": "network-restart",
    "domain": "network-restart",
    "hosts[*]": "live",
    "hosts[*].mac": "live",
    "hosts[*].address": "live",
    "dns[*]": "live",
    "dns[*].names": "live",
}
"""Rules of the canonical paths that YAML writes as `bridge.default`, `dns.domain`, `dhcp.hosts` and `dns.hosts`."""

ON_BRIDGES = ("bridge", "ovs", "vxlan")
"""Types that use a bridge of the host; libvirt runs nothing for them: no addresses, no DHCP, no DNS."""

LinkName = Annotated[
    str,
    AfterValidator(
        matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,14}", "an interface", "write the name of one, at most 15 long")
    ),
    Unit("interface name"),
]
BridgeName = Annotated[
    str,
    AfterValidator(
        matching(
            r"(?:[A-Za-z0-9]|\{(?:vlan|vni)\})(?:[A-Za-z0-9._-]|\{(?:vlan|vni)\}){0,14}",
            "a bridge",
            "write the name of an interface, at most 15 long, such as `br0` or `br{vlan}`",
        )
    ),
    Unit("interface name, in which `{vlan}` and `{vni}` are filled in"),
]
DnsName = Annotated[
    str,
    AfterValidator(
        matching(
            r"(?=.{1,253}$)[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62})(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,62}))*",
            "a DNS name",
            "use letters, digits, `-` and `.`",
        )
    ),
    Unit("DNS name"),
]


class Bridge(Model):
    """The bridge that the hosts have; `bridge: br0` is short for `{default: br0}`; `br{vlan}` is a pattern."""

    shorthand: ClassVar[tuple[str, ...]] = ("default",)

    default: BridgeName | None = declared(
        "Name of the bridge on hosts that `hosts` does not name.", effect="network-restart"
    )
    hosts: Annotated[Mapping[Name, BridgeName] | None, Unit("mapping of host to interface name")] = declared(
        "Name of the bridge on single hosts: `{kvm3: vmbr20}`.", effect="network-restart"
    )


class Lease(Named):
    """An address that a MAC always gets."""

    name: Name = declared("Name that DNS answers for it.", effect="identity", required=True)
    mac: Mac = declared("MAC of the NIC.", effect="live", required=True)
    address: Address = declared("Address that it gets.", effect="live", required=True)


class Dhcp(Model):
    """Addresses that libvirt gives out in the subnet."""

    start: Address | None = declared("First address of the range.", effect="live")
    end: Address | None = declared("Last address of the range.", effect="live")
    hosts: tuple[Lease, ...] | None = declared("Fixed leases.", effect="live")


class Dns(Model):
    """Names that libvirt answers in the network."""

    domain: DnsName | None = declared("DNS domain of the network.", effect="network-restart")
    hosts: Annotated[Mapping[Address, tuple[DnsName, ...]] | None, Unit("mapping of address to names")] = declared(
        "Names of addresses: `{192.168.150.5: [nas, nas.lan]}`.", effect="live"
    )


class Vxlan(Model):
    """An overlay between hosts. libvirt cannot make its device: each host brings one, within the bridge."""

    shorthand: ClassVar[tuple[str, ...]] = ("id",)

    id: Annotated[int, Strict(), Field(ge=1, le=0xFFFFFF), Unit("VXLAN network identifier")] = declared(
        "VXLAN network identifier (VNI).", effect="policy", required=True
    )
    device: BridgeName | None = declared(
        "The VXLAN device that the bridge must have in it; without it `vxlan{vni}`.", effect="policy"
    )


Role = Literal["management", "migration", "display", "storage", "vm"]


class Network(Model):
    """A network that NICs are connected to."""

    data_center: Name | None = declared("Its data center; may be left out if there is only one.", effect="policy")
    clusters: tuple[Name, ...] | None = declared("Only the hosts of these clusters get it.", effect="policy")
    description: Line | None = declared("Text for people.", effect="policy")
    type: Literal["nat", "routed", "isolated", "open", "bridge", "ovs", "vxlan"] | None = declared(
        "Behind the host's address, routed, without a way out, without libvirt's firewall; or on a bridge of the host: "
        "of Linux, of Open vSwitch, or one with a VXLAN device in it.",
        effect="network-restart",
    )
    bridge: Bridge | None = declared(
        "The host's bridge, for types bridge, ovs and vxlan; checked, never created.", effect="network-restart"
    )
    vlan: Annotated[int, Strict(), Field(ge=1, le=4094), Unit("VLAN tag")] | None = declared(
        "VLAN of the VMs' ports, on types bridge and ovs.", effect="network-restart"
    )
    vxlan: Vxlan | None = declared(
        "The overlay, for type vxlan; `vxlan: 100` is short for `{id: 100}`.", effect="policy"
    )
    uplink: LinkName | None = declared(
        "The only interface of the host that types nat and routed forward to.", effect="network-restart"
    )
    roles: Annotated[tuple[Role, ...] | None, Unit("list")] = declared(
        "What it is used for; without it, by VMs.", effect="policy"
    )
    required: Yes | None = declared(
        "A host that lacks what it needs is non-operational: nothing new is placed there.", effect="policy"
    )
    addresses: Annotated[Mapping[Name, Address] | None, Unit("mapping of host to IP address")] = declared(
        "The hosts' own addresses on it, for its roles: `{kvm1: 10.9.0.1}`.", effect="policy"
    )
    profiles: tuple[VnicProfile, ...] | None = declared("vNIC profiles that NICs on it may name.", effect="policy")
    default_profile: EntryName | None = declared("The profile of NICs that name none.", effect="policy")
    subnet: Cidr | None = declared("Addresses of the network.", effect="network-restart")
    address: Address | None = declared(
        "The host's own address in it; without it the first of the subnet.", effect="network-restart"
    )
    dhcp: Dhcp | None = declared("DHCP service.", effect="live")
    dns: Dns | None = declared("DNS service.", effect="live")
    mtu: Annotated[int, Strict(), Field(ge=576, le=65535), Unit("number of bytes")] | None = declared(
        "Largest packet.", effect="network-restart"
    )
    external: Yes | None = declared(
        "It exists already: referred to, never created, changed or removed.", effect="policy"
    )
    uuid: Uuid | None = declared("UUID of an existing network that is to be adopted.", effect="forbidden")
    drift: Drift | None = declared("What to do about changes made outside of Git.", effect="policy")
