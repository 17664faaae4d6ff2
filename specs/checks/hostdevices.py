"""Host devices: what is declared of one fits its kind, and no device is given twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specs.checks.scope import Scope, wrong
from specs.errors import Finding
from specs.kinds.hostdevices import CHOICES, kind_of
from specs.resource import Resource

_OF = {"managed": "pci", "rom": "pci", "rom_file": "pci", "display": "mdev", "startup": "usb"}
_WORDS = {"pci": "PCI", "usb": "USB", "mdev": "mediated"}
_YAML = {
    "rom_file": "romFile",
    "pci_class": "pciClass",
    "mdev_type": "mdevType",
    "virtual_function_of": "virtualFunctionOf",
}


def findings(scope: Scope) -> Iterator[Finding]:
    """What is wrong with the host devices of all VMs."""
    for vm in scope.of("VirtualMachine"):
        seen: dict[str, str] = {}
        for device in vm.spec.host_devices or ():
            path = f"hostDevices[{device.name}]"
            yield from _one(vm, device, path)
            yield from _fits(vm, device, path)
            if device.address is None:
                continue
            if (other := seen.setdefault(device.address, device.name)) != device.name:
                what = f"{device.address} is given twice"
                yield wrong(vm, f"{path}.address", what, f"{other} is this device too", "take one away")


def _one(vm: Resource, device: Any, path: str) -> Iterator[Finding]:
    ways = [each for each in ("address", *CHOICES) if getattr(device, each) is not None]
    if len(ways) != 1:
        names = [_YAML.get(each, each) for each in ("address", *CHOICES)]
        told = ", ".join(_YAML.get(each, each) for each in ways) or "nothing"
        why = f"{told} says which device"
        yield wrong(vm, path, "a host device is asked for in one way", why, f"write one of {', '.join(names)}")


def _kind(device: Any) -> str:
    """The kind as far as it is known: a vendor and product may be those of a PCI or of a USB device."""
    if device.address is not None:
        return kind_of(device.address)
    return "mdev" if device.mdev_type else "" if device.device else "pci"


def _fits(vm: Resource, device: Any, path: str) -> Iterator[Finding]:
    kind = _kind(device)
    for field, needs in _OF.items():
        if kind and getattr(device, field) is not None and kind != needs:
            why = f"{device.address or 'what it asks for'} is a {_WORDS[kind]} one"
            what = f"only a {_WORDS[needs]} device has this"
            yield wrong(vm, f"{path}.{_YAML.get(field, field)}", what, why, "take it away")
    if device.rom is False and device.rom_file is not None:
        yield wrong(vm, f"{path}.romFile", "a file for a ROM that is not there", "`rom` is false", "take one away")
