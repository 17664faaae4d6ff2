"""Host devices: addresses in our form and in libvirt's, new ones, changed ones, and those of other kinds."""

from __future__ import annotations

import pytest

from drivers.base import Edit
from drivers.libvirt.domain.visible import unseen
from specs.fields import Scalar, entries
from tests.unit.drivers.libvirt.domain.samples import edited, reread, text

INACTIVE = text("running-inactive")
PCI, USB, PLACE, MDEV = "0000:65:00.0", "046d:c52b", "1.4", "5e0b4ad6-9c4b-4d0c-8f0e-0c5d6f6a7b02"


@pytest.mark.parametrize(
    "fields",
    [
        {"address": PCI},
        {"address": PCI, "managed": False, "rom": False},
        {"address": PCI, "managed": True, "romFile": "/roms/gpu.rom", "bootOrder": 7},
        {"address": USB, "startup": "optional"},
        {"address": PLACE},
        {"address": MDEV, "display": True},
    ],
)
def test_a_new_device_reads_back(fields: dict[str, Scalar]) -> None:
    made = Edit(path="hostDevices[x]", after=fields)
    after = edited(INACTIVE, made)
    assert unseen([made], reread(after).config) is None
    seen = reread(after)
    assert entries(seen.config, "hostDevices")["x"].items() >= fields.items()
    assert seen.aliases["hostDevices[x]"] == "ua-hostDevice-x"
    gone = edited(after, Edit(path="hostDevices[x]", after=None))
    assert "<hostdev" not in gone


@pytest.mark.parametrize(("before", "after"), [(PCI, USB), (USB, PLACE), (USB, PCI), (PCI, MDEV), (MDEV, PCI)])
def test_another_device_takes_the_place_of_one(before: str, after: str) -> None:
    there = edited(INACTIVE, Edit(path="hostDevices[x]", after={"address": before}))
    change = Edit(path="hostDevices[x].address", after=after)
    changed = edited(there, change)
    direct = edited(INACTIVE, Edit(path="hostDevices[x]", after={"address": after}))
    assert reread(changed).config == reread(direct).config


def test_adopted_devices_are_named_by_their_address() -> None:
    xml = """<domain type='kvm'><name>a</name><os><type>hvm</type></os><devices>
        <hostdev mode='subsystem' type='pci' managed='yes'><source>
          <address domain='0x0000' bus='0x65' slot='0x00' function='0x1'/></source><rom bar='off'/></hostdev>
        <hostdev mode='subsystem' type='usb' managed='no'><source startupPolicy='requisite'>
          <vendor id='0x046d'/><product id='0xc52b'/><address bus='3' device='9'/></source></hostdev>
        <hostdev mode='subsystem' type='scsi'><source><adapter name='scsi_host0'/></source></hostdev>
        <hostdev mode='capabilities' type='misc'><source><char>/dev/x</char></source></hostdev>
        <hostdev mode='subsystem' type='pci'><source/></hostdev>
        </devices></domain>"""
    seen = reread(xml)
    assert entries(seen.config, "hostDevices") == {
        "0000:65:00.1": {"address": "0000:65:00.1", "managed": True, "rom": False},
        "046d:c52b": {"address": "046d:c52b", "startup": "requisite"},
    }
    assert seen.unnamed == {"hostDevices[0000:65:00.1]", "hostDevices[046d:c52b]"}
