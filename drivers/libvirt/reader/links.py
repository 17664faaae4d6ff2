"""The host's own links: bridges with what is in them, VLAN interfaces, cards, as far as libvirt can read them.

In: interface XMLs. Out: `Link`s by name. libvirt lists neither what is in a bridge (it is in the bridge's XML) nor
what looks like a guest's tap, which the bridges of Open vSwitch without the kernel do: those are asked for by name.
Called by reader.py and by network/networks.py.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal

import libvirt
from lxml import etree

from drivers.errors import DriverError, Missing, Unsupported
from drivers.libvirt.connect import Connections
from drivers.seen import Link

GUEST_LINKS = ("vnet", "macvtap", "macvlan", "virbr", "lo")
"""Links that are nobody's bridge to plug VMs into, or libvirt's own: not worth a call each."""

_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
_KINDS: Mapping[str, Literal["bridge", "ethernet", "vlan", "bond"]] = {
    "bridge": "bridge",
    "ethernet": "ethernet",
    "vlan": "vlan",
    "bond": "bond",
}
_STATES = {"up": True, "down": False, "lowerlayerdown": False, "notpresent": False}


def read(connections: Connections, conn: libvirt.virConnect, named: Collection[str]) -> Mapping[str, Link] | None:
    """The links, and those of `named` that exist; None where libvirt's interface driver is missing or cannot read."""
    operation = "list the bridges"
    try:
        interfaces = connections.call(operation, conn.listAllInterfaces, 0)
    except DriverError as error:
        if isinstance(error, Unsupported) or type(error) is DriverError:
            return None
        raise
    candidates = [each for each in interfaces if not each.name().startswith(GUEST_LINKS)]
    answers = connections.gather(operation, lambda each: str(each.XMLDesc(0)), candidates)
    found = links(each for each in answers if isinstance(each, str))
    more = (one(connections, conn, name) for name in sorted(set(named) - found.keys()))
    return {**found, **links(each for each in more if each)}


def filters(connections: Connections, conn: libvirt.virConnect) -> frozenset[str] | None:
    """The names of the host's network filters; None where libvirt's driver of filters is missing."""
    try:
        return frozenset(connections.call("list the network filters", conn.listNWFilters))
    except DriverError as error:
        if isinstance(error, Unsupported) or type(error) is DriverError:
            return None
        raise


def one(connections: Connections, conn: libvirt.virConnect, name: str) -> str | None:
    """The XML of one interface, "" if there is none of that name; None if libvirt cannot tell."""
    operation = f"look for the interface {name}"
    try:
        return str(connections.call(operation, lambda: conn.interfaceLookupByName(name).XMLDesc(0)))
    except Missing:
        return ""
    except DriverError as error:
        if isinstance(error, Unsupported) or type(error) is DriverError:
            return None
        raise


def links(interfaces: Iterable[str]) -> dict[str, Link]:
    """Every link that the XMLs tell of, members of bridges and bonds too; guests' taps are left out."""
    found: dict[str, Link] = {}
    for xml in interfaces:
        for element in _nested(etree.fromstring(xml, _PARSER)):
            found.setdefault(element.get("name", ""), _link(element))
    return {name: link for name, link in sorted(found.items()) if name}


def bridges(found: Mapping[str, Link] | None) -> frozenset[str] | None:
    """The names of the bridges among them; None where the links could not be read."""
    return None if found is None else frozenset(name for name, link in found.items() if link.type == "bridge")


def _nested(element: etree._Element) -> Iterator[etree._Element]:
    """The interface and the ones within it; what a VLAN is on is named there and no more."""
    yield element
    for member in element.iterfind("bridge/interface"):
        if not member.get("name", "").startswith(GUEST_LINKS):
            yield from _nested(member)
    for member in element.iterfind("bond/interface"):
        yield from _nested(member)


def _link(element: etree._Element) -> Link:
    members = [each.get("name", "") for part in ("bridge", "bond") for each in element.iterfind(f"{part}/interface")]
    mtu, state, tag = element.find("mtu"), element.find("link"), element.find("vlan")
    return Link(
        type=_KINDS.get(element.get("type", ""), "other"),
        mtu=_number(mtu, "size"),
        up=_STATES.get(state.get("state", "")) if state is not None else None,
        tag=_number(tag, "tag"),
        members=frozenset(each for each in members if not each.startswith(GUEST_LINKS)),
        addresses=frozenset(each.get("address", "") for each in element.iterfind("protocol/ip")),
    )


def _number(element: etree._Element | None, attribute: str) -> int:
    text = element.get(attribute, "") if element is not None else ""
    return int(text) if text.isdigit() else 0
