"""Network XML → fields: what docs/fields.md lists for a network.

In: XML that libvirt reported. Out: `Fields`, the mark, and a digest of the whole definition. Pure.
"""

from __future__ import annotations

import contextlib
import hashlib
import ipaddress

from drivers.libvirt.network.document import Element, mark_of, parse, text
from drivers.mark import Mark
from specs.fields import Fields, Scalar, entry
from specs.structs import Struct

TYPES = {"route": "routed"}
"""libvirt's mode → the type of docs/fields.md, where that is another word."""


class NetworkView(Struct, frozen=True, kw_only=True):
    """Both views of one network; `live` is None while it is inactive."""

    name: str
    uuid: str
    config: Fields
    live: Fields | None
    mark: Mark | None
    definition: str


def read(inactive: str, live: str | None) -> NetworkView:
    """The network of the next start (`inactive`) and as it runs now. ValueError if it is no network XML."""
    config = parse(inactive)
    running = parse(live) if live is not None else None
    digest = hashlib.sha256(_stable(config))
    digest.update(_stable(running) if running is not None else b"")
    return NetworkView(
        name=config.findtext("name", ""),
        uuid=config.findtext("uuid", ""),
        config=fields(config),
        live=fields(running) if running is not None else None,
        mark=mark_of(config),
        definition=digest.hexdigest()[:32],
    )


def fields(root: Element) -> Fields:
    """Every path of docs/fields.md that the network has."""
    forward = root.find("forward")
    mode = "isolated" if forward is None else forward.get("mode", "nat")
    port = root.find("virtualport")
    switch = mode == "bridge" and port is not None and port.get("type") == "openvswitch"
    found: dict[str, Scalar] = {"type": "ovs" if switch else TYPES.get(mode, mode)}
    if mode == "bridge" and (bridge := root.find("bridge")) is not None:
        found["bridge"] = bridge.get("name")
    if mode in ("nat", "route"):
        _text(found, "uplink", forward, "dev")
    _vlan(found, root)
    _text(found, "domain", root.find("domain"), "name")
    mtu = root.find("mtu")
    if mtu is not None and mtu.get("size", "").isdigit():
        found["mtu"] = int(mtu.get("size", ""))
    ip = root.find("ip")
    if ip is not None:
        _ip(found, ip)
    _dns(found, root)
    return found


def _vlan(found: dict[str, Scalar], root: Element) -> None:
    """One tag is a number; the tags of a trunk, which somebody else wrote, are a text."""
    tags = [each.get("id", "") for each in root.iterfind("vlan/tag")]
    if tags:
        found["vlan"] = int(tags[0]) if len(tags) == 1 and tags[0].isdigit() else ",".join(tags)


def host_name(element: Element) -> str:
    """What a static lease is called: its name, else its MAC, else its client id."""
    return element.get("name", "") or element.get("mac", "").lower() or element.get("id", "") or element.get("ip", "")


def _ip(found: dict[str, Scalar], ip: Element) -> None:
    address, prefix = ip.get("address", ""), ip.get("prefix") or ip.get("netmask")
    found["address"] = address
    with contextlib.suppress(ValueError):  # libvirt checks addresses itself; what it lets through we leave unnamed
        found["subnet"] = str(ipaddress.ip_interface(f"{address}/{prefix}" if prefix else address).network)
    ranged = ip.find("dhcp/range")
    if ranged is not None:
        _text(found, "dhcp.start", ranged, "start")
        _text(found, "dhcp.end", ranged, "end")
    for host in ip.findall("dhcp/host"):
        name = host_name(host)
        found[entry("hosts", name, "mac")] = host.get("mac", "").lower()
        found[entry("hosts", name, "address")] = host.get("ip", "")


def _dns(found: dict[str, Scalar], root: Element) -> None:
    for host in root.findall("dns/host"):
        names = sorted(each.text.strip() for each in host.findall("hostname") if each.text)
        found[entry("dns", host.get("ip", ""), "names")] = ",".join(names)


def _text(found: dict[str, Scalar], path: str, element: Element | None, attribute: str) -> None:
    value = element.get(attribute) if element is not None else None
    if value:
        found[path] = value


def _stable(root: Element) -> bytes:
    """The document without what changes by itself: how many NICs are plugged in."""
    copy = parse(text(root))
    for each in (copy, *copy.iter("portgroup", "interface")):
        if "connections" in each.attrib:
            del each.attrib["connections"]
    return text(copy).encode()
