"""Controllers: the room that a new domain has for devices, also for those that come while it runs.

Every domain gets a virtio-scsi and a virtio-serial controller. A q35 machine gets a PCIe root port for each device
that needs one and `SPARE` more, since libvirt adds none to a running VM. Used by definition.py and platform.py.
"""

from __future__ import annotations

from drivers.libvirt.domain.tree import Element, children, ensure, new, remove

SPARE = 12
_OWN_SLOT = {"interface", "rng", "memballoon", "hostdev", "vsock", "filesystem"}


def furnish(domain: Element) -> None:
    """Adds the controllers that are missing; called when all devices of a new domain are there."""
    devices = ensure(domain, "devices")
    there = {each.get("type") for each in children(devices, "controller")}
    if "scsi" not in there:
        devices.append(new("controller", type="scsi", index="0", model="virtio-scsi"))
    if "virtio-serial" not in there:
        devices.append(new("controller", type="virtio-serial", index="0"))
    if not is_q35(domain):
        return
    if "usb" not in there:
        devices.append(new("controller", type="usb", index="0", model="qemu-xhci", ports="15"))
    if "pci" not in there:
        devices.append(new("controller", type="pci", index="0", model="pcie-root"))
        for index in range(1, _needed(devices) + SPARE + 1):
            devices.append(new("controller", type="pci", index=str(index), model="pcie-root-port"))


def is_q35(domain: Element) -> bool:
    """Whether the machine has PCI Express: q35 and its versions."""
    kind = domain.find("os/type")
    return kind is not None and "q35" in kind.get("machine", "")


def _needed(devices: Element) -> int:
    count = 0
    for device in devices:
        if device.tag == "disk":
            target = device.find("target")
            count += target is not None and target.get("bus") == "virtio"
        elif device.tag == "controller":
            count += device.get("type") in ("scsi", "virtio-serial", "usb")
        else:
            count += device.tag in _OWN_SLOT
    return count


def reset(domain: Element) -> None:
    """Takes away what another machine family has no use for: PCI addresses and the controllers of its chipset."""
    devices = ensure(domain, "devices")
    for device in list(devices):
        if device.tag == "controller" and device.get("type") in ("pci", "usb", "ide", "sata"):
            remove(device)
            continue
        for address in device.findall("address[@type='pci']"):
            remove(address)
