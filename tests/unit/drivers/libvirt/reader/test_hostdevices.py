"""Addresses of a host's devices, from the names and the XML that libvirt gives them."""

from __future__ import annotations

import pytest

from drivers.libvirt.reader.hostdevices import by_name, usb_addresses
from specs.kinds.hostdevices import kind_of

MOUSE = """<device><name>usb_1_1_2</name><capability type='usb_device'><bus>1</bus><device>4</device>
<product id='0xc52b'>Receiver</product><vendor id='0x046d'>Logitech</vendor></capability></device>"""


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("pci_0000_65_00_1", "0000:65:00.1"),
        ("mdev_5e0b4ad6_9c4b_4d0c_8f0e_0c5d6f6a7b02", "5e0b4ad6-9c4b-4d0c-8f0e-0c5d6f6a7b02"),
        ("mdev_5e0b4ad6_9c4b_4d0c_8f0e_0c5d6f6a7b02_0000_00_02_0", "5e0b4ad6-9c4b-4d0c-8f0e-0c5d6f6a7b02"),
        ("usb_1_1_2", ""),
        ("computer", ""),
        ("pci_0000_65_00_9", ""),
    ],
)
def test_a_name_tells_the_address(name: str, address: str) -> None:
    assert by_name(name) == address
    assert not address or kind_of(address)


def test_a_usb_device_has_two_addresses() -> None:
    assert list(usb_addresses(MOUSE)) == ["046d:c52b", "1.4"]
    assert list(usb_addresses("<device><name>x</name></device>")) == []
