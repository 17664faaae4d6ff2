"""Devices of a host that a VM could be given: their addresses as docs/fields.md writes them, asked in every reading.

PCI and mediated devices tell their address by their name; only USB devices are asked for more. What else is known of
them is asked for on demand (`devices`, for ../node.py). Called by reader.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

import libvirt
from lxml import etree

from drivers.errors import DriverError, Unsupported
from drivers.libvirt.connect import Connections
from drivers.node import NodeDevice
from specs.structs import replace

_WHICH = (
    libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_PCI_DEV
    | libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_USB_DEV
    | libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_MDEV
)
_PCI = re.compile(r"pci_([0-9a-f]{4})_([0-9a-f]{2})_([0-9a-f]{2})_([0-7])")
_MDEV = re.compile(r"mdev_([0-9a-f]{8}(?:_[0-9a-f]{4}){3}_[0-9a-f]{12}).*")
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)


def addresses(connections: Connections, conn: libvirt.virConnect) -> frozenset[str] | None:
    """The addresses; None where libvirt's driver of host devices is missing or cannot read them."""
    operation = "list the host's devices"
    try:
        found = connections.call(operation, conn.listAllDevices, _WHICH)
    except DriverError as error:
        if isinstance(error, Unsupported) or type(error) is DriverError:
            return None
        raise
    names = {each.name(): each for each in found}
    usb = [each for name, each in names.items() if name.startswith("usb_")]
    answers = connections.gather(operation, lambda each: str(each.XMLDesc(0)), usb)
    told = [address for each in answers if isinstance(each, str) for address in usb_addresses(each)]
    return frozenset([*(address for name in names if (address := by_name(name))), *told])


def devices(connections: Connections, conn: libvirt.virConnect) -> tuple[NodeDevice, ...]:
    """All that is known of each of them, in order of address; none where libvirt cannot tell."""
    operation = "read the host's devices"
    try:
        found = connections.call(operation, conn.listAllDevices, _WHICH | libvirt.VIR_CONNECT_LIST_NODE_DEVICES_CAP_NET)
    except Unsupported:
        return ()
    answers = connections.gather(operation, lambda each: str(each.XMLDesc(0)), found)
    return describe([each for each in answers if isinstance(each, str)])


def describe(xmls: Sequence[str]) -> tuple[NodeDevice, ...]:
    """The devices of all descriptions of a host, those of network links included; in order of address."""
    roots = [etree.fromstring(each, _PARSER) for each in xmls]
    links = {
        root.findtext("parent", ""): root.findtext("capability/interface", "")
        for root in roots
        if root.find("capability[@type='net']") is not None
    }
    made = [device for root in roots for device in _device(root, links)]
    return tuple(sorted(made, key=lambda each: each.address))


def _device(root: etree._Element, links: Mapping[str, str]) -> Iterator[NodeDevice]:
    """The device of one description, twice for a USB device, which can be named in two ways; `links` by parent."""
    name, capability = root.findtext("name", ""), root.find("capability")
    kind = capability.get("type") if capability is not None else ""
    if capability is None or kind not in ("pci", "usb_device", "mdev"):
        return
    group, cell = capability.find("iommuGroup"), capability.find("numa")
    vendor, product = (_id(capability.find(each)) for each in ("vendor", "product"))
    known = NodeDevice(
        address=by_name(name),
        kind=str(kind).removesuffix("_device"),
        vendor=vendor,
        product=product,
        pci_class=(capability.findtext("class") or "").removeprefix("0x"),
        parent=_parent(root, capability),
        link=links.get(name, ""),
        type=_type(capability),
        driver=root.findtext("driver/name", ""),
        group=int(group.get("number", 0)) if group is not None else None,
        cell=int(cell.get("node", 0)) if cell is not None else None,
    )
    if kind == "usb_device":
        yield from (replace(known, address=each) for each in usb_addresses(etree.tostring(root, encoding="unicode")))
    elif known.address and capability.find("capability[@type='pci-bridge']") is None:
        yield known


def _parent(root: etree._Element, capability: etree._Element) -> str:
    """The physical function of a virtual one, the card of a mediated device."""
    if (place := capability.find("capability[@type='phys_function']/address")) is not None:
        domain, bus, slot, function = (int(place.get(key, "0"), 0) for key in ("domain", "bus", "slot", "function"))
        return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"
    return by_name(root.findtext("parent", "")) if capability.get("type") == "mdev" else ""


def _type(capability: etree._Element) -> str:
    found = capability.find("type")
    return found.get("id", "") if found is not None else ""


def _id(element: etree._Element | None) -> str:
    return element.get("id", "").removeprefix("0x") if element is not None else ""


def by_name(name: str) -> str:
    """The address of a PCI or mediated device from its name in libvirt; "" for any other."""
    if found := _PCI.fullmatch(name):
        return f"{found[1]}:{found[2]}:{found[3]}.{found[4]}"
    found = _MDEV.fullmatch(name)
    return found[1].replace("_", "-") if found else ""


def usb_addresses(xml: str) -> Iterator[str]:
    """Both ways to name a USB device: by vendor and product, by bus and device."""
    device = etree.fromstring(xml, _PARSER).find("capability[@type='usb_device']")
    if device is None:
        return
    vendor, product = device.find("vendor"), device.find("product")
    if vendor is not None and product is not None:
        ids = (each.get("id", "").removeprefix("0x") for each in (vendor, product))
        yield ":".join(ids)
    if (bus := device.findtext("bus")) and (number := device.findtext("device")):
        yield f"{bus}.{number}"
