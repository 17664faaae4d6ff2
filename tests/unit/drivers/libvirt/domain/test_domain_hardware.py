"""Single devices: fields → XML → the same fields, what is foreign stays, and what libvirt implies is not read."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from lxml import etree

from drivers.base import Edit
from drivers.libvirt.domain.table import ABSENT
from drivers.libvirt.domain.tree import CannotWrite
from drivers.libvirt.domain.visible import unseen
from specs.fields import Scalar
from tests.unit.drivers.libvirt.domain.samples import edited, reread, text

INACTIVE = text("running-inactive")
MIB = 1 << 20

WHOLE: Mapping[str, Mapping[str, Scalar]] = {
    "secure boot": {"firmware": "uefi", "uefi.secureBoot": True},
    "setup mode": {"firmware": "uefi", "uefi.secureBoot": True, "uefi.enrolledKeys": False},
    "plain uefi": {"firmware": "uefi", "uefi.secureBoot": False, "uefi.nvram": "/shared/web.fd"},
    "own loader": {
        "firmware": "uefi", "uefi.loader": "/fw/code.fd", "uefi.secureBoot": True, "uefi.nvramTemplate": "/fw/vars.fd",
        "uefi.nvram": "/shared/web.fd",
    },
    "tpm": {"tpm.enabled": True},
    "old tpm": {"tpm.enabled": True, "tpm.model": "tpm-tis", "tpm.version": "1.2", "tpm.persistent": True},
    "spice": {
        "graphics.type": "spice", "graphics.spice.port": 6000, "graphics.spice.tlsPort": 6001,
        "graphics.spice.defaultMode": "secure", "graphics.spice.keymap": "de", "graphics.spice.agent": True,
        "graphics.spice.clipboard": False, "graphics.spice.fileTransfer": False, "graphics.spice.streaming": "all",
        "graphics.spice.imageCompression": "glz", "graphics.spice.mouse": "client", "usb.redirections": 4,
        "smartcard": "passthrough", "graphics.network": "default",
    },
    "vnc": {
        "graphics.vnc.port": 5910, "graphics.vnc.websocket": "auto", "graphics.vnc.keymap": "en-us",
        "graphics.vnc.sharePolicy": "ignore", "graphics.vnc.clipboard": True,
        "graphics.passwordExpires": "2030-01-31T18:00:00Z",
    },
    "both": {"graphics.type": "both", "graphics.vnc.port": 5901, "graphics.spice.port": "auto"},
    "video": {
        "video.model": "qxl", "video.heads": 2, "video.vram": 64 * MIB, "video.ram": 32 * MIB,
        "video.vgaMemory": 16 * MIB, "video.resolution": "1280x1024",
    },
    "3d": {"video.model": "virtio", "video.acceleration": True},
    "sound": {"sound": "ich9"},
    "usb": {"usb.controller": "ich9-ehci1"},
    "inputs": {"inputs.tablet": "virtio", "inputs.keyboard": "usb", "inputs.mouse": "virtio"},
    "watchdog": {"watchdog.model": "i6300esb", "watchdog.action": "pause"},
    "rng": {
        "rngOptions.model": "virtio-non-transitional", "rngOptions.source": "/dev/hwrng", "rngOptions.bytes": 1024,
        "rngOptions.period": 2000,
    },
    "builtin": {"rngOptions.backend": "builtin"},
    "panic": {"panic": "isa"},
    "vsock": {"vsock": 42},
    "any vsock": {"vsock": "auto"},
    "iommu": {
        "iommu.model": "intel", "iommu.interruptRemapping": True, "iommu.cachingMode": True,
        "iommu.extendedInterrupts": False, "iommu.deviceCache": True,
    },
}  # fmt: skip


def edits(fields: Mapping[str, Scalar]) -> list[Edit]:
    return [Edit(path=path, after=value) for path, value in fields.items()]


@pytest.mark.parametrize("name", WHOLE)
def test_what_is_written_reads_back(name: str) -> None:
    made = edits(WHOLE[name])
    once = edited(INACTIVE, *made)
    assert unseen(made, reread(once).config) is None
    again = edited(once, *made)
    assert dict(reread(again).config) == dict(reread(once).config)


@pytest.mark.parametrize(
    ("there", "switch", "value"),
    [
        ("tpm", "tpm.enabled", False),
        ("watchdog", "watchdog.model", "none"),
        ("sound", "sound", "none"),
        ("panic", "panic", "none"),
        ("vsock", "vsock", "none"),
        ("iommu", "iommu.model", "none"),
        ("spice", "usb.redirections", 0),
        ("spice", "smartcard", "none"),
        ("inputs", "inputs.mouse", "none"),
        ("vnc", "graphics.vnc.clipboard", False),
        ("secure boot", "firmware", "bios"),
    ],
)
def test_what_is_switched_off_is_gone_altogether(there: str, switch: str, value: Scalar) -> None:
    with_it = edited(INACTIVE, *edits(WHOLE[there]))
    without = reread(edited(with_it, Edit(path=switch, after=value))).config
    assert unseen([Edit(path=switch, after=value)], without) is None
    group = switch.rpartition(".")[0] + "."
    if group in ("tpm.", "watchdog.", "iommu."):
        assert [path for path in without if path.startswith(group) and path != switch] == []


def test_a_vm_without_these_devices_reads_as_having_none() -> None:
    bare = reread("<domain type='kvm'><name>a</name><os><type>hvm</type></os><devices/></domain>").config
    assert {path: value for path, value in bare.items() if path in ABSENT} == ABSENT
    assert not [path for path in bare if path.startswith(("uefi.", "video.", "rngOptions."))]


def test_without_spice_nothing_that_speaks_it_is_left() -> None:
    with_spice = edited(INACTIVE, *edits(WHOLE["spice"]))
    without = reread(edited(with_spice, Edit(path="graphics.type", after="vnc"))).config
    assert (without["usb.redirections"], without["smartcard"]) == (0, "none")
    assert without["graphics.spice.agent"] is False
    assert without["graphics.network"] == "default"  # the new one listens where the old one did


def test_a_picked_loader_is_nobodys_choice() -> None:
    picked = """<domain type='kvm'><name>a</name><os{}><type machine='q35'>hvm</type>
        <firmware><feature enabled='yes' name='enrolled-keys'/><feature enabled='yes' name='secure-boot'/></firmware>
        <loader readonly='yes' secure='yes' type='pflash'>/usr/share/OVMF/OVMF_CODE_4M.ms.fd</loader>
        <nvram template='/usr/share/OVMF/OVMF_VARS_4M.ms.fd'>/var/lib/libvirt/qemu/nvram/a_VARS.fd</nvram></os>
        </domain>"""
    expected = {"uefi.secureBoot": True, "uefi.enrolledKeys": True}
    for attribute in ("", " firmware='efi'"):  # of a running VM on 9.0; of a definition from 9.2 on
        fields = reread(picked.format(attribute)).config
        assert fields["firmware"] == "uefi"
        assert {path: value for path, value in fields.items() if path.startswith("uefi.")} == expected


def test_a_watchdog_that_every_q35_machine_has_is_left_alone() -> None:
    there = INACTIVE.replace("</devices>", "<watchdog model='itco' action='reset'/></devices>")
    assert reread(there).config["watchdog.model"] == "none"
    after = edited(there, Edit(path="watchdog.model", after="i6300esb"), Edit(path="watchdog.action", after="dump"))
    assert reread(after).config["watchdog.action"] == "dump"
    assert "<watchdog model='itco' action='reset'/>".replace("'", '"') in after


def test_devices_of_other_kinds_are_kept_as_they_are() -> None:
    foreign = (
        "<input type='evdev'><source dev='/dev/input/event1'/></input>"
        "<rng model='virtio'><backend model='egd' type='udp'>"
        "<source mode='connect' host='x' service='1'/></backend></rng>"
        "<redirdev bus='usb' type='tcp'><source mode='connect' host='x' service='4000'/></redirdev>"
        "<smartcard mode='host-certificates'><certificate>a</certificate></smartcard>"
        "<tpm model='tpm-tis'><backend type='passthrough'><device path='/dev/tpm0'/></backend></tpm>"
        "<channel type='spiceport'><source channel='a'/><target type='virtio' name='b'/></channel>"
    )
    there = INACTIVE.replace("</devices>", foreign + "</devices>")
    off: dict[str, Scalar] = {
        "rng": False, "usb.redirections": 0, "smartcard": "none", "tpm.enabled": False, "inputs.tablet": "none",
        "graphics.vnc.clipboard": False, "graphics.spice.agent": False,
    }  # fmt: skip
    after = etree.fromstring(edited(there, *edits(off))).find("devices")
    assert after is not None
    for each in etree.fromstring(f"<devices>{foreign}</devices>"):
        wanted = etree.tostring(each, with_tail=False)
        assert wanted in [etree.tostring(other, with_tail=False) for other in after], wanted


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("graphics.spice.mouse", "client", "no SPICE"),
        ("uefi.secureBoot", True, "firmware: uefi"),
        ("tpm.version", "2.0", "set tpm.enabled"),
        ("watchdog.action", "reset", "set watchdog.model"),
        ("iommu.cachingMode", True, "set iommu.model"),
    ],
)
def test_a_property_of_what_is_not_there_is_refused(path: str, value: Scalar, told: str) -> None:
    with pytest.raises(CannotWrite, match=told):
        edited(INACTIVE, Edit(path=path, after=value))
