"""Host devices: what is declared of one fits its kind, and no device is given twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specs.checks.scope import Scope, wrong
from specs.errors import Finding
from specs.kinds.hostdevices import kind_of
from specs.resource import Resource

_OF = {"managed": "pci", "rom": "pci", "rom_file": "pci", "display": "mdev", "startup": "usb"}
_WORDS = {"pci": "PCI", "usb": "USB", "mdev": "mediated"}
_YAML = {"rom_file": "romFile"}


def findings(scope: Scope) -> Iterator[Finding]:
    """What is wrong with the host devices of all VMs."""
    for vm in scope.of("VirtualMachine"):
        seen: dict[str, str] = {}
        for device in vm.spec.host_devices or ():
            path = f"hostDevices[{device.name}]"
            yield from _fits(vm, device, path)
            if (other := seen.setdefault(device.address, device.name)) != device.name:
                what = f"{device.address} is given twice"
                yield wrong(vm, f"{path}.address", what, f"{other} is this device too", "take one away")


def _fits(vm: Resource, device: Any, path: str) -> Iterator[Finding]:
    kind = kind_of(device.address)
    for field, needs in _OF.items():
        if getattr(device, field) is not None and kind != needs:
            why = f"{device.address} is a {_WORDS[kind]} one"
            what = f"only a {_WORDS[needs]} device has this"
            yield wrong(vm, f"{path}.{_YAML.get(field, field)}", what, why, "take it away")
    if device.rom is False and device.rom_file is not None:
        yield wrong(vm, f"{path}.romFile", "a file for a ROM that is not there", "`rom` is false", "take one away")
