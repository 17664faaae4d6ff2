"""Devices of one VM: disks say where their data comes from, media and networks are within reach, nothing is twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specs import units
from specs.checks import channels, disks, nics
from specs.checks.scope import Scope, wrong
from specs.errors import Finding
from specs.resource import Resource

_SECTOR = 512
_MOST_IDE = 4


def findings(scope: Scope, vm: Resource) -> Iterator[Finding]:
    """What is wrong with the devices of a VM."""
    for disk in vm.spec.disks or ():
        path = f"disks[{disk.name}]"
        yield from _origin(vm, disk, path)
        yield from _format(vm, disk, path)
        yield from _bus(vm, disk, path)
        yield from disks.findings(vm, disk, path)
        yield from _disk_domain(scope, vm, disk, path)
        yield from _image(scope, vm, (f"{path}.image", disk.image, "iso", "a disk"))
    for drive in vm.spec.cdroms or ():
        yield from _bus(vm, drive, f"cdroms[{drive.name}]")
        yield from _image(scope, vm, (f"cdroms[{drive.name}].image", drive.image, "disk", "a CD-ROM drive"))
    yield from _ide(vm)
    yield from _networks(scope, vm)
    yield from channels.findings(vm)
    yield from _twice(vm)


def _origin(vm: Resource, disk: Any, path: str) -> Iterator[Finding]:
    """A disk begins empty (size), with an image, or is a volume or a block device that exists: exactly one of these."""
    if disk.device is not None:
        yield from disks.of_device(vm, disk, path)
        return
    if disk.external and disk.volume is None:
        yield wrong(
            vm, f"{path}.volume", "`volume` is missing", "an external disk is a volume already", "name that volume"
        )
    elif disk.size is None and disk.image is None and disk.volume is None:
        yield wrong(vm, f"{path}.size", "`size` is missing", "this disk has no image", "write a size, or an image")
    if disk.volume is not None and disk.image is not None:
        why = "a volume that exists keeps its content"
        yield wrong(vm, f"{path}.image", "both `image` and `volume`", why, "take one away")
    if disk.external and disk.size is not None:
        yield wrong(vm, f"{path}.size", "`size` of an external disk", "it is never grown", "take it away")


def _format(vm: Resource, disk: Any, path: str) -> Iterator[Finding]:
    if disk.clone is not None and disk.image is None:
        yield wrong(vm, f"{path}.clone", "`clone` without `image`", fix="name the image, or take it away")
    if disk.format == "raw" and disk.image is not None and disk.clone != "copy":
        why = "a linked clone is an overlay, which raw cannot be"
        yield wrong(
            vm, f"{path}.format", "a linked clone cannot be raw", why, "write `clone: copy`, or `format: qcow2`"
        )
    if disk.size is not None and (disk.size == 0 or disk.size % _SECTOR):
        shown = units.format_size(disk.size)
        yield wrong(vm, f"{path}.size", f"{shown} is no size of a disk", "disks are made of 512 bytes", "use whole KiB")


def _bus(vm: Resource, device: Any, path: str) -> Iterator[Finding]:
    """The presets of `os:` may make a machine that has IDE; without them a new VM is a q35."""
    machine = vm.spec.machine or ("q35" if vm.spec.os is None else "")
    if device.bus == "ide" and "q35" in machine:
        yield wrong(vm, f"{path}.bus", "q35 has no IDE", f"machine is {machine}", "use sata, or machine pc")


def _ide(vm: Resource) -> Iterator[Finding]:
    lists = (("disks", vm.spec.disks), ("cdroms", vm.spec.cdroms))
    on_ide = [f"{name}[{each.name}].bus" for name, devices in lists for each in devices or () if each.bus == "ide"]
    for path in on_ide[_MOST_IDE:]:
        yield wrong(vm, path, f"more than {_MOST_IDE} IDE devices", "the machine pc has one controller", "use sata")


def _disk_domain(scope: Scope, vm: Resource, disk: Any, path: str) -> Iterator[Finding]:
    domain = scope.get("StorageDomain", disk.storage_domain)
    if domain is None:
        return
    path = f"{path}.storageDomain"
    if domain.spec.function == "iso":
        yield wrong(vm, path, f"{domain.ref} is for ISO images", fix="use a data domain")
    if not scope.serves(domain.spec, vm.spec.cluster):
        yield _out_of_reach(vm, path, domain)


def _image(scope: Scope, vm: Resource, use: tuple[str, str | None, str, str]) -> Iterator[Finding]:
    path, name, unfit, device = use
    image = scope.get("Image", name)
    if image is None:
        return
    if image.spec.type == unfit:
        yield wrong(vm, path, f"{image.ref} is not for {device}", f"its type is {unfit}", "use another image")
    domain = scope.get("StorageDomain", image.spec.storage_domain)
    if domain is not None and not scope.serves(domain.spec, vm.spec.cluster):
        yield _out_of_reach(vm, path, domain)


def _networks(scope: Scope, vm: Resource) -> Iterator[Finding]:
    for nic in vm.spec.nics or ():
        yield from nics.findings(scope, vm, nic)
        network = scope.get("Network", nic.network or nic.name)
        if network is not None and not scope.serves(network.spec, vm.spec.cluster):
            yield _out_of_reach(vm, f"nics[{nic.name}].network", network)


def _out_of_reach(vm: Resource, path: str, target: Resource) -> Finding:
    why = f"its data center or `clusters:` leave out cluster {vm.spec.cluster}"
    return wrong(vm, path, f"{target.ref} is not on the hosts of this VM", why, "use another, or widen it")


def _twice(vm: Resource) -> Iterator[Finding]:
    """Boot orders, serial numbers and volumes that two devices of the VM share."""
    lists = (
        ("disks", vm.spec.disks),
        ("cdroms", vm.spec.cdroms),
        ("nics", vm.spec.nics),
        ("hostDevices", vm.spec.host_devices),
    )
    seen: dict[tuple[str, object], str] = {}
    for list_name, devices in lists:
        for device in devices or ():
            path = f"{list_name}[{device.name}]"
            for key, field, value in _unique(device):
                if (key, value) in seen:
                    why = f"{seen[key, value]} has it too"
                    yield wrong(vm, f"{path}.{field}", f"{key} {value} is used twice", why, "change one of them")
                seen.setdefault((key, value), path)


def _unique(device: Any) -> Iterator[tuple[str, str, object]]:
    if device.boot_order is not None:
        yield "boot order", "bootOrder", device.boot_order
    if getattr(device, "serial", None) is not None:
        yield "serial", "serial", device.serial
    if getattr(device, "volume", None) is not None:
        yield "volume", "volume", f"{device.storage_domain}/{device.volume}"
    if getattr(device, "device", None) is not None:
        yield "block device", "device", device.device
