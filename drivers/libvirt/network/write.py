"""Fields → network XML: a new definition, or the observed one with our fields patched in.

Pure. What gitvirt does not know of stays as it is, and so does a field that nobody declares any more; only entries
of `hosts` and `dns` that an earlier mark declared and that are gone now are removed.
"""

from __future__ import annotations

import ipaddress
import re

from lxml import etree

from drivers.base import NewNetwork
from drivers.libvirt.network.document import Element, mark_of, parse, set_mark, text
from drivers.libvirt.network.read import TYPES, fields, host_name
from specs.fields import Fields, Scalar, entries, entry_of

_MAC = re.compile(r"^[0-9a-f]{2}(:[0-9a-f]{2}){5}$")
_OF_LIBVIRT = ("bridge", "mac", "ip", "dns", "domain", "mtu")
"""What only a network has that libvirt runs itself; a `bridge` network is somebody else's bridge."""
_OF_HOST = ("bridge", "ovs")
_MODES = {"ovs": "bridge", **{word: mode for mode, word in TYPES.items()}}


def build(new: NewNetwork) -> str:
    """The XML of a network that does not exist yet."""
    root = etree.Element("network")
    etree.SubElement(root, "name").text = new.name
    etree.SubElement(root, "uuid").text = new.uuid
    _write(root, new.fields)
    set_mark(root, new.mark)
    return text(root)


def patch(observed: str, new: NewNetwork) -> str:
    """The observed inactive XML with the fields and the mark of `new`."""
    root = parse(observed)
    before = fields(root)
    old = mark_of(root)
    if old is not None:
        _drop_released(root, old.declared, new.fields)
    if "type" in new.fields and (new.fields["type"] in _OF_HOST) != (before["type"] in _OF_HOST):
        for tag in _OF_LIBVIRT:
            for each in root.findall(tag):
                root.remove(each)
    changed = {path: value for path, value in new.fields.items() if before.get(path) != value}
    _write(root, {**_context(new.fields, changed), **changed})
    set_mark(root, new.mark)
    return text(root)


def unmarked(observed: str) -> str:
    """The observed inactive XML without our mark."""
    root = parse(observed)
    set_mark(root, None)
    return text(root)


def host_element(name: str, values: Fields) -> Element:
    """One static lease; `values` has mac and address."""
    attributes = {"mac": _word(values.get("mac")), "ip": _word(values.get("address"))}
    if not _MAC.match(name):
        attributes["name"] = name
    return etree.Element("host", {key: value for key, value in attributes.items() if value})


def dns_element(address: str, values: Fields) -> Element:
    """One DNS host entry; `values` has names, joined by commas."""
    host = etree.Element("host", ip=address)
    for name in _word(values.get("names")).split(","):
        if name:
            etree.SubElement(host, "hostname").text = name
    return host


def _context(wanted: Fields, changed: Fields) -> Fields:
    """Fields that are written together: an address needs its subnet, a range its other end, a host its two sides."""
    pairs = (("subnet", "address"), ("dhcp.start", "dhcp.end"))
    found = {path for pair in pairs if any(each in changed for each in pair) for path in pair}
    for path in changed:
        parts = entry_of(path)
        if parts:
            found |= {each for each in wanted if (of := entry_of(each)) and of[:2] == parts[:2]}
    return {path: wanted[path] for path in found if path in wanted}


def _drop_released(root: Element, declared: Fields, wanted: Fields) -> None:
    for name in entries(declared, "hosts").keys() - entries(wanted, "hosts").keys():
        for each in root.findall("ip/dhcp/host"):
            if host_name(each) == name:
                _remove(each)
    for address in entries(declared, "dns").keys() - entries(wanted, "dns").keys():
        for each in root.findall("dns/host"):
            if each.get("ip") == address:
                _remove(each)


def _write(root: Element, wanted: Fields) -> None:
    if "type" in wanted:
        _forward(root, _word(wanted["type"]))
    if "uplink" in wanted:
        _uplink(_ensure(root, "forward"), _word(wanted["uplink"]))
    if "vlan" in wanted:
        _vlan(_ensure(root, "vlan"), _word(wanted["vlan"]))
    for path, attribute in (("bridge", "name"), ("mtu", "size"), ("domain", "name")):
        if path in wanted:
            _ensure(root, path).set(attribute, _word(wanted[path]))
    if "subnet" in wanted or "address" in wanted:
        _address(_ensure(root, "ip"), wanted)
    _services(root, wanted)


def _services(root: Element, wanted: Fields) -> None:
    """DHCP and DNS."""
    if "dhcp.start" in wanted or "dhcp.end" in wanted:
        ranged = _ensure(_ensure(_ensure(root, "ip"), "dhcp"), "range")
        for end in ("start", "end"):
            if f"dhcp.{end}" in wanted:
                ranged.set(end, _word(wanted[f"dhcp.{end}"]))
    for name, values in entries(wanted, "hosts").items():
        _replace(_ensure(_ensure(root, "ip"), "dhcp"), host_element(name, values), name, host_name)
    for address, values in entries(wanted, "dns").items():
        _replace(_ensure(root, "dns"), dns_element(address, values), address, lambda each: each.get("ip", ""))


def _forward(root: Element, kind: str) -> None:
    forward = root.find("forward")
    _switch(root, kind == "ovs")
    if kind == "isolated":
        if forward is not None:
            _remove(forward)
        return
    forward = _ensure(root, "forward")
    forward.set("mode", _MODES.get(kind, kind))
    if kind != "nat":
        for each in forward.findall("nat"):
            forward.remove(each)
    if kind not in ("nat", "routed"):
        _uplink(forward, "")


def _switch(root: Element, on: bool) -> None:
    """The ports are those of Open vSwitch, or not; a port of another kind is none of ours."""
    port = root.find("virtualport")
    if on:
        _ensure(root, "virtualport").set("type", "openvswitch")
    elif port is not None and port.get("type") == "openvswitch":
        _remove(port)


def _uplink(forward: Element, name: str) -> None:
    """libvirt writes the interface twice, and refuses two that are not the same."""
    for each in forward.findall("interface"):
        forward.remove(each)
    if name:
        forward.set("dev", name)
    elif "dev" in forward.attrib:
        del forward.attrib["dev"]


def _vlan(vlan: Element, tag: str) -> None:
    for each in vlan.findall("tag"):
        vlan.remove(each)
    if "trunk" in vlan.attrib:
        del vlan.attrib["trunk"]
    etree.SubElement(vlan, "tag", id=tag)


def _address(ip: Element, wanted: Fields) -> None:
    old = {"address": ip.get("address", ""), "prefix": ip.get("prefix") or ip.get("netmask") or ""}
    subnet = _word(wanted.get("subnet")) or str(ipaddress.ip_interface("/".join(old.values())).network)
    network = ipaddress.ip_network(subnet, strict=False)
    if "netmask" in ip.attrib:
        del ip.attrib["netmask"]
    ip.set("address", _word(wanted.get("address")) or str(network.network_address + 1))
    ip.set("prefix", str(network.prefixlen))
    if network.version == 6:
        ip.set("family", "ipv6")


def _replace(parent: Element, element: Element, name: str, name_of: object) -> None:
    """Puts the entry in the place of the one of that name, or behind the others."""
    for each in parent.findall("host"):
        if callable(name_of) and name_of(each) == name:
            element.tail = each.tail
            parent.replace(each, element)
            return
    parent.append(element)


def _ensure(parent: Element, tag: str) -> Element:
    found = parent.find(tag)
    return found if found is not None else etree.SubElement(parent, tag)


def _remove(element: Element) -> None:
    parent = element.getparent()
    assert parent is not None
    parent.remove(element)


def _word(value: Scalar) -> str:
    return "" if value is None else str(value)
