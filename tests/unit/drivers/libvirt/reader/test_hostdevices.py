"""Addresses of a host's devices, from the names and the XML that libvirt gives them."""

from __future__ import annotations

import pytest

from drivers.libvirt.reader.hostdevices import by_name, describe, usb_addresses
from drivers.node import NodeDevice
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


CARD = """<device><name>pci_0000_65_00_0</name><parent>pci_0000_64_00_0</parent><capability type='pci'>
<class>0x020000</class><domain>0</domain><bus>101</bus><slot>0</slot><function>0</function>
<product id='0x1521'>I350</product><vendor id='0x8086'>Intel</vendor>
<capability type='virt_functions' maxCount='7'>
<address domain='0x0000' bus='0x65' slot='0x10' function='0x0'/></capability>
<iommuGroup number='30'><address domain='0x0000' bus='0x65' slot='0x00' function='0x0'/></iommuGroup><numa node='1'/>
</capability></device>"""
LINK = """<device><name>net_ens1f0_aa_bb_cc_dd_ee_ff</name><parent>pci_0000_65_00_0</parent><capability type='net'>
<interface>ens1f0</interface></capability></device>"""
FUNCTION = """<device><name>pci_0000_65_10_0</name><driver><name>igbvf</name></driver>
<parent>pci_0000_64_00_0</parent><capability type='pci'>
<class>0x020000</class><product id='0x1520'/><vendor id='0x8086'/><capability type='phys_function'>
<address domain='0x0000' bus='0x65' slot='0x00' function='0x0'/></capability><iommuGroup number='31'/>
</capability></device>"""
BRIDGE = """<device><name>pci_0000_64_00_0</name><capability type='pci'><class>0x060400</class>
<capability type='pci-bridge'/></capability></device>"""
GPU = """<device><name>mdev_5e0b4ad6_9c4b_4d0c_8f0e_0c5d6f6a7b02_0000_17_00_0</name><parent>pci_0000_17_00_0</parent>
<capability type='mdev'><type id='nvidia-35'/><uuid>5e0b4ad6-9c4b-4d0c-8f0e-0c5d6f6a7b02</uuid><iommuGroup number='12'/>
</capability></device>"""


def test_all_that_a_vm_may_ask_for_is_read() -> None:
    found = describe([LINK, CARD, FUNCTION, BRIDGE, GPU, MOUSE])
    assert {each.address: each for each in found} == {
        "0000:65:00.0": NodeDevice(
            address="0000:65:00.0", kind="pci", vendor="8086", product="1521", pci_class="020000", link="ens1f0",
            group=30, cell=1,
        ),
        "0000:65:10.0": NodeDevice(
            address="0000:65:10.0", kind="pci", vendor="8086", product="1520", pci_class="020000",
            parent="0000:65:00.0", driver="igbvf", group=31,
        ),
        "5e0b4ad6-9c4b-4d0c-8f0e-0c5d6f6a7b02": NodeDevice(
            address="5e0b4ad6-9c4b-4d0c-8f0e-0c5d6f6a7b02", kind="mdev", parent="0000:17:00.0", type="nvidia-35",
            group=12,
        ),
        "046d:c52b": NodeDevice(address="046d:c52b", kind="usb", vendor="046d", product="c52b"),
        "1.4": NodeDevice(address="1.4", kind="usb", vendor="046d", product="c52b"),
    }  # fmt: skip
