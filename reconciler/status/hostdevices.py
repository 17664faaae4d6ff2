"""Devices of a host that VMs can be given, as rows for `gitvirt describe host/NAME`. Pure."""

from __future__ import annotations

from drivers.node import NodeDevice
from drivers.seen import SeenHost
from reconciler.place.hosts.hostdevices import told
from reconciler.plan.faces import words
from reconciler.status.sections import Section


def section(seen: SeenHost) -> Section:
    """Each device with what it is and who has it; those without an IOMMU group are only counted."""
    rows, without = [], 0
    for device, why in told(seen):
        if device.kind == "pci" and device.group is None and not why.startswith("given"):
            without += 1
            continue
        rows.append([device.address, _what(device), words.plain(why) or "free"])
    if without:
        rows.append([f"{words.count(without, 'PCI device')} without an IOMMU group: the host cannot pass them on"])
    return Section(title="Devices for VMs", rows=rows)


def _what(device: NodeDevice) -> str:
    """`PCI 10de:1eb8, class 030200`; `virtual function of 0000:81:00.0`; `mdev nvidia-35`."""
    if device.kind == "mdev":
        return f"mdev {words.plain(device.type)} of {device.parent}".removesuffix(" of ")
    said = f"{device.kind.upper()} {device.vendor}:{device.product}"
    said += f", class {device.pci_class}" if device.pci_class else ""
    said += f", virtual function of {device.parent}" if device.parent else ""
    return said + (f", link {words.plain(device.link)}" if device.link else "")
