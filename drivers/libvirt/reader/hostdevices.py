"""Devices of a host that a VM could be given: their addresses as docs/fields.md writes them, asked in every reading.

PCI and mediated devices tell their address by their name; only USB devices are asked for more. Called by reader.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import libvirt
from lxml import etree

from drivers.errors import DriverError, Unsupported
from drivers.libvirt.connect import Connections

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
