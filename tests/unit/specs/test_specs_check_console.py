"""Consoles, platform and host devices: what cannot start is refused when it is read, at its line."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from specs.kinds.hostdevices import kind_of
from tests.unit.specs.test_specs_check import several

Faults = Callable[..., list[str]]


def vm(spec: str) -> object:
    return several(("VirtualMachine", "x", spec))


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{graphics: {type: vnc, spice: {agent: true}}}", "graphics.spice: there is no SPICE"),
        ("{graphics: {type: spice, vnc: {keymap: de}}}", "graphics.vnc: there is no VNC"),
        ("{graphics: {listen: 127.0.0.1, network: lan}}", "graphics.network: both `listen` and `network`"),
        ("{graphics: {passwordExpires: '2030-01-01T00:00:00Z'}}", "graphics.passwordExpires: there is no password"),
        ("{graphics: {type: both, vnc: {clipboard: true}, spice: {agent: true}}}", "there is SPICE's agent too"),
        ("{graphics: {type: both, vnc: {port: 5901}, spice: {port: 5901}}}", "port 5901 is used twice"),
        ("{graphics: {type: spice, spice: {tlsPort: auto}}}", "`auto` goes for both ports"),
        ("{graphics: {vnc: {port: 80}}}", "graphics.vnc.port: 80 is not a port for VNC"),
        ("{graphics: {vnc: {port: 70000}}}", "is not a port"),
        ("{graphics: {passwordExpires: soon}}", "graphics.passwordExpires: `soon` is not a time"),
        ("{graphics: {type: both, password: longer than 8}}", "graphics.password: this password is too long"),
        ("{smartcard: passthrough}", "smartcard: this needs SPICE"),
        ("{graphics: vnc, usb: {redirections: 2}}", "usb.redirections: this needs SPICE"),
        ("{usb: {controller: none}, inputs: {tablet: usb}}", "inputs.tablet: there is no USB"),
        ("{video: {model: vga, heads: 2}}", "video.heads: this card has one monitor"),
        ("{video: {model: virtio, ram: 64MiB}}", "video.ram: only a qxl card"),
        ("{video: {model: virtio, vram: 64MiB}}", "video.vram: a virtio card has no memory of its own"),
        ("{video: {model: vga, acceleration: true}}", "video.acceleration: only a virtio card"),
        ("{video: {resolution: wide}}", "is not a resolution"),
        ("{uefi: {secureBoot: true}}", "uefi: there is no UEFI"),
        ("{firmware: uefi, machine: pc, uefi: {secureBoot: true}}", "machine pc has no secure boot"),
        ("{firmware: uefi, uefi: {enrolledKeys: true}}", "keys without `secureBoot`"),
        ("{firmware: uefi, uefi: {loader: /a, enrolledKeys: true}}", "both `loader` and `enrolledKeys`"),
        ("{firmware: uefi, uefi: {nvramTemplate: /a}}", "`nvramTemplate` without `loader`"),
        (
            "{firmware: uefi, uefi: {nvram: /var/lib/libvirt/qemu/nvram/a_VARS.fd}}",
            "this is the file that it gets anyway",
        ),
        ("{firmware: uefi, uefi: {loader: OVMF.fd}}", "uefi.loader: `OVMF.fd` is not a path"),
        ("{tpm: {version: '2.0'}}", "tpm.version: there is no TPM"),
        ("{tpm: {enabled: true, model: tpm-crb, version: '1.2'}}", "tpm-crb is of version 2.0"),
        ("{machine: pc, tpm: {enabled: true, model: tpm-crb}}", "machine pc has no tpm-crb"),
        ("{watchdog: {action: reset}}", "watchdog.action: there is no watchdog"),
        ("{iommu: {model: virtio, cachingMode: true}}", "iommu.cachingMode: only Intel's IOMMU"),
        ("{iommu: {model: intel, extendedInterrupts: true}}", "interrupts are not remapped"),
        ("{machine: pc, iommu: intel}", "machine pc has no IOMMU"),
        ("{rng: false, rngOptions: {bytes: 1}}", "rngOptions: there is no random number generator"),
        ("{rngOptions: {backend: builtin, source: /dev/random}}", "QEMU's own source reads no file"),
        ("{rngOptions: {period: 1}}", "a period without `bytes`"),
        ("{vsock: 2}", "`2` is not a CID"),
        ("{hostDevices: [{name: a, address: gpu}]}", "`gpu` is not the address of a device"),
        ("{hostDevices: [{name: a, address: 046d:c52b, rom: true}]}", "only a PCI device has this"),
        ("{hostDevices: [{name: a, address: '65:00.0', startup: optional}]}", "only a USB device has this"),
        ("{hostDevices: [{name: a, address: '65:00.0', rom: false, romFile: /a}]}", "a ROM that is not there"),
        (
            "{hostDevices: [{name: a, address: '65:00.0'}, {name: b, address: '0000:65:00.0'}]}",
            "hostDevices[b].address: 0000:65:00.0 is given twice",
        ),
    ],
)
def test_what_cannot_be_is_explained(spec: str, said: str, faults: Faults) -> None:
    found = faults(vm(spec))
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    "spec",
    [
        "{graphics: spice, usb: {redirections: 4}, smartcard: passthrough}",
        "{graphics: {type: spice, password: much longer than eight}}",
        "{firmware: uefi, uefi: {secureBoot: true}, tpm: true}",
        "{graphics: {password: short, passwordExpires: 2030-01-31T18:00:00+02:00}}",
        "{vsock: 3}",
        "{watchdog: i6300esb, panic: pvpanic, sound: ich9, iommu: intel, video: virtio}",
        "{hostDevices: [{name: gpu, address: '65:00.0', managed: false}, {name: key, address: '1.4'}]}",
    ],
)
def test_what_can_be_is_taken(spec: str, faults: Faults) -> None:
    assert [each for each in faults(vm(spec)) if "plain text" not in each] == []


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("0000:65:00.0", "pci"),
        ("046d:c52b", "usb"),
        ("1.4", "usb"),
        ("5e0b4ad6-9c4b-4d0c-8f0e-0c5d6f6a7b02", "mdev"),
        ("gpu", ""),
    ],
)
def test_an_address_tells_its_kind(address: str, kind: str) -> None:
    assert kind_of(address) == kind
