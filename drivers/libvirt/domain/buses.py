"""Buses: which target names and drive addresses are free, and what a target needs to be there.

Targets are allotted per bus (vda …, sda …, hda …) so that no disk that exists is moved. A SCSI disk gets an address
of its own on a virtio-scsi controller, since libvirt's rule (seven units, then another controller of an old model)
does not fit it. Used by disks.py and cdroms.py, for new devices in a definition and on a running VM.
"""

from __future__ import annotations

import string

from drivers.libvirt.domain.tree import CannotWrite, Element, children, new

PREFIXES = {"virtio": "vd", "scsi": "sd", "sata": "sd", "usb": "sd", "ide": "hd", "fdc": "fd"}
_SATA_PORTS = 6
_SCSI_TARGETS = 256


def letters(index: int) -> str:
    """0 → a, 25 → z, 26 → aa: how Linux and libvirt count disks."""
    name = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        name = string.ascii_lowercase[rest] + name
    return name


def free_target(bus: str, *trees: Element | None) -> str:
    """The first target name of the bus that no disk or CD-ROM of the domains has."""
    prefix = PREFIXES.get(bus)
    if prefix is None:
        raise CannotWrite("bus", f"must be one of {', '.join(PREFIXES)}, not {bus}")
    taken = {target.get("dev") for tree in trees if tree is not None for target in tree.iterfind("devices/disk/target")}
    index = 0
    while (name := prefix + letters(index)) in taken:
        index += 1
    return name


def drive_address(bus: str, *trees: Element | None) -> Element | None:
    """The `<address>` of a new disk on that bus; None where libvirt's own choice is right."""
    if bus not in ("scsi", "sata"):
        return None
    domains = [tree for tree in trees if tree is not None]
    controller = scsi_controller(domains[-1]) if bus == "scsi" else "0"
    if controller is None:
        return None
    axis, limit = ("target", _SCSI_TARGETS) if bus == "scsi" else ("unit", _SATA_PORTS)
    taken = {each for tree in domains for each in _places(tree, bus, controller, axis)}
    place = next((number for number in range(limit) if str(number) not in taken), None)
    if place is None:
        return None
    address = new("address", type="drive", controller=controller, bus="0", target="0", unit="0")
    address.set(axis, str(place))
    return address


def _places(tree: Element, bus: str, controller: str, axis: str) -> list[str]:
    found = []
    for disk in tree.iterfind("devices/disk"):
        target, address = disk.find("target"), disk.find("address")
        if target is None or address is None or target.get("bus") != bus:
            continue
        if address.get("controller", "0") == controller:
            found.append(address.get(axis, "0"))
    return found


def scsi_controller(domain: Element) -> str | None:
    """The index of the first virtio-scsi controller; None if there is none."""
    for each in domain.iterfind("devices/controller[@type='scsi']"):
        if each.get("model") == "virtio-scsi":
            return each.get("index", "0")
    return None


def ensure_scsi(domain: Element) -> None:
    """Adds a virtio-scsi controller to the definition if it has none."""
    devices = domain.find("devices")
    if devices is None or scsi_controller(domain) is not None:
        return
    taken = {each.get("index") for each in children(devices, "controller") if each.get("type") == "scsi"}
    index = next(str(number) for number in range(len(taken) + 1) if str(number) not in taken)
    devices.append(new("controller", type="scsi", index=index, model="virtio-scsi"))
