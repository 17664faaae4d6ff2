"""Bridges: what a network asks of the bridge that a host brings, and what the host's has, as far as it can be read.

Pure. Called by diff/networks.py and plan/steps/network.py (what is defined where), hosts/required.py (whether a host
lacks a network) and the status. A host that does not tell of its links is not kept from trying.
"""

from __future__ import annotations

from drivers.seen import Link, SeenHost
from reconciler.desired.wanted import WantedNetwork
from reconciler.observe.observed import Observed
from reconciler.place.hosts.gates import BRIDGE_TAGS
from specs.fields import Fields
from specs.kinds.network import ON_BRIDGES


def lacking(wanted: WantedNetwork, host: SeenHost) -> str:
    """Why the host's bridge cannot be that of the network, in words; "" if it can, or if it cannot be told."""
    name = bridge_of(wanted, host)
    if not name:
        return f"no bridge is declared for {host.name}" if wanted.kind in ON_BRIDGES and not wanted.external else ""
    link = host.links.get(name)
    if link is None:
        return f"{host.name} has no bridge {name}" if _told(wanted, host, name) else ""
    if wanted.kind == "ovs":
        return f"{name} of {host.name} is a bridge of Linux, not of Open vSwitch" if link.type == "bridge" else ""
    return _of_another_kind(name, link, host) or _misfit(wanted, name, link, host)


def _told(wanted: WantedNetwork, host: SeenHost, name: str) -> bool:
    """Whether the absence of a bridge can be read. Open vSwitch's may be listed only once a network names it."""
    bridges = host.capabilities.bridges
    if bridges is None or name in bridges:
        return False
    known = {str(each.config.get("bridge")) for each in host.networks}
    return wanted.kind != "ovs" or (bool(host.links) and name in known)


def _of_another_kind(name: str, link: Link, host: SeenHost) -> str:
    return "" if link.type == "bridge" else f"{name} of {host.name} is no bridge of Linux"


def _misfit(wanted: WantedNetwork, name: str, link: Link, host: SeenHost) -> str:
    tags = {host.links[each].tag: each for each in sorted(link.members) if each in host.links}
    carries = {tag: each for tag, each in tags.items() if tag}
    if wanted.vlan and carries and wanted.vlan not in carries:
        told = ", ".join(f"{tag} ({each})" for tag, each in sorted(carries.items()))
        return f"{name} of {host.name} carries VLAN {told}, not {wanted.vlan}"
    if wanted.device and wanted.device not in link.members:
        return f"{name} of {host.name} has no VXLAN device {wanted.device} in it"
    if wanted.mtu and link.mtu and link.mtu < wanted.mtu:
        return f"{name} of {host.name} takes packets of {link.mtu} bytes, not {wanted.mtu}"
    return ""


def unusable(wanted: WantedNetwork, host: str, observed: Observed, brought: bool) -> str:
    """Why no VM can be on the network of that host, "" if one can; `brought`: this plan makes or starts it there."""
    there = observed.seen.get(host)
    if there is not None and wanted.kind in ON_BRIDGES and (why := lacking(wanted, there)):
        return why  # libvirt's network may be active all the same
    seen = observed.network(host, wanted.name)
    if brought or (seen is not None and seen.active):
        return ""
    return "not active" if seen else "not defined"


def cut_off(wanted: WantedNetwork, host: SeenHost) -> str:
    """Why nothing leaves the host by the network's bridge, in words: all that is plugged into it is down."""
    name = bridge_of(wanted, host)
    link = host.links.get(name) if name else None
    ports = sorted(each for each in link.members if each in host.links) if link is not None else []
    if not ports or any(host.links[each].up is not False for each in ports):
        return ""
    return f"{', '.join(ports)} in {name} of {host.name} {'is' if len(ports) == 1 else 'are'} down"


def relied(wanted: WantedNetwork, host: SeenHost) -> str:
    """The bridge that has to carry the network's VLAN by itself, "" where libvirt tags or there is no VLAN.

    libvirt tags ports of Open vSwitch, and those of Linux's bridges from 11.0 on. A bridge that is named after the
    VLAN, or that has an interface of that VLAN in it, carries it already: tagging again would be wrong.
    """
    if not wanted.vlan or wanted.kind != "bridge" or wanted.external:
        return ""
    name = bridge_of(wanted, host)
    link = host.links.get(name)
    inside = link is not None and any(
        host.links[each].tag == wanted.vlan for each in link.members if each in host.links
    )
    tagged = host.libvirt >= BRIDGE_TAGS and host.name not in wanted.carried and not inside
    return "" if tagged else name


def bridge_of(wanted: WantedNetwork, host: SeenHost) -> str:
    """The name of the host's bridge for the network, "" where libvirt makes its own."""
    return str(wanted.fields_on(host.name).get("bridge") or "")


def defined_on(wanted: WantedNetwork, host: SeenHost) -> Fields:
    """What libvirt's definition of the network says on that host."""
    fields = wanted.fields_on(host.name)
    return {path: value for path, value in fields.items() if path != "vlan"} if relied(wanted, host) else fields


def advice(wanted: WantedNetwork, host: SeenHost) -> str:
    """What the host's administrator can do about what `lacking` says."""
    name = bridge_of(wanted, host)
    if wanted.device:
        return (
            f"on the host: `ip link add {wanted.device} type vxlan id {wanted.vni} dstport 4789` with `remote` or "
            f"`group`, `ip link add {name} type bridge`, `ip link set {wanted.device} master {name}`, and both up"
        )
    return "make it on the host, or name the one that it has under `bridge.hosts`"
