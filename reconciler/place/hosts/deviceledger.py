"""DeviceLedger: which devices of one host can be given to a VM, and why each other one cannot. Pure.

In: the host, and who has which of its devices. Read by place/hosts/hostdevices.py and by `gitvirt describe host`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drivers.node import NodeDevice
from drivers.seen import SeenHost

_SET_ASIDE = ("", "vfio-pci", "pci-stub")
"""Kernel drivers of physical PCI devices that the host does not use itself: any other one is named by address only."""


class DeviceLedger:
    """`there`: all devices of the host by address, a USB device under both of its names; `used`: address → its VM.

    `asking`: the VM that is to be given one, as `used` names it; it may have a whole IOMMU group.
    """

    def __init__(self, seen: SeenHost, used: Mapping[str, str], asking: str = "") -> None:
        self.there = {each.address: each for each in seen.devices or ()}
        self.used = used
        taken = [each for address, each in self.there.items() if address in used]
        self._groups = {each.group for each in taken if each.group is not None and used[each.address] != asking}
        self._parents = {each.parent for each in taken}
        members = (name for link in seen.links.values() for name in link.members)
        self._links = {*members, *(name for name, link in seen.links.items() if link.addresses)}

    def single(self) -> Iterator[NodeDevice]:
        """Every device once, in order of address: USB devices by bus and number."""
        return (each for _, each in sorted(self.there.items()) if "." in each.address or each.kind != "usb")

    def owner(self, device: NodeDevice) -> str:
        """The VM that has it, "" if none."""
        also = f"{device.vendor}:{device.product}" if device.kind == "usb" else ""
        return self.used.get(device.address) or self.used.get(also, "")

    def why_not(self, device: NodeDevice) -> str:
        """Why it cannot be given to whoever asks for its kind, "" if it is free."""
        if owner := self.owner(device):
            return f"given to {owner}"
        if device.kind == "usb":
            return ""
        if device.group is None:
            return "no IOMMU group: the host cannot pass it on"
        if device.address in self._parents:
            return "a virtual function of it is given"
        if device.group in self._groups:
            return "in one IOMMU group with a device that is given"
        return self._of_the_host(device)

    def _of_the_host(self, device: NodeDevice) -> str:
        """A physical device that a driver of the host has, or a virtual function that its network goes through."""
        if device.kind == "pci" and not device.parent and device.driver not in _SET_ASIDE:
            return f"the host's own: driver {device.driver}"
        return f"the host's own: link {device.link}" if device.link and device.link in self._links else ""
