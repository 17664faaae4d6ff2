"""What a VM asks of its host when it names no device: a free one of a kind. Pure; part of WantedVm."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivers.node import NodeDevice
from specs.structs import Struct


class DeviceChoice(Struct, frozen=True, kw_only=True):
    """One of these is set: vendor:product, a PCI class (its first hex digits), an mdev type, a NIC with functions."""

    device: str = ""
    pci_class: str = ""
    mdev_type: str = ""
    function_of: str = ""

    def fits(self, device: NodeDevice, there: Mapping[str, NodeDevice]) -> bool:
        """Whether it is one of those that are asked for; `there` are all devices of its host by address."""
        if self.device:
            return f"{device.vendor}:{device.product}" == self.device and "." in device.address
        if self.pci_class:
            return device.kind == "pci" and device.pci_class.startswith(self.pci_class)
        if self.mdev_type:
            return device.kind == "mdev" and device.type == self.mdev_type
        nic = there.get(device.parent)
        return device.kind == "pci" and nic is not None and self.function_of in (nic.link, nic.address)

    def __str__(self) -> str:
        if self.function_of:
            return f"virtual function of {self.function_of}"
        if self.mdev_type:
            return f"mediated device of type {self.mdev_type}"
        return f"device {self.device}" if self.device else f"PCI device of class {self.pci_class}"


def choices(spec: Any) -> dict[str, DeviceChoice]:
    """The entries of a VM's `hostDevices` that name no address, by name."""
    return {
        each.name: DeviceChoice(
            device=each.device or "",
            pci_class=each.pci_class or "",
            mdev_type=each.mdev_type or "",
            function_of=each.virtual_function_of or "",
        )
        for each in spec.host_devices or ()
        if each.address is None
    }
