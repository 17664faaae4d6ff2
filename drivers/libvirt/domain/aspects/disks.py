"""Disks: `<disk device='disk'>` (and `lun`), named entries of the list `disks`.

A disk is attached, detached and grown on a running VM. Its size is its volume's, which no domain XML holds.
"""

from __future__ import annotations

from drivers.libvirt.domain import drives, iotune
from drivers.libvirt.domain.aspect import DeviceList, NotNow, Place, Running
from drivers.libvirt.domain.aspects import cdroms
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element
from specs.fields import Fields, Scalar, entry, entry_of


def read(element: Element, draft: Draft) -> None:
    """Reads any `<disk>`; a CD-ROM goes on to cdroms.py, a floppy is nobody's."""
    device = element.get("device", "disk")
    if device == "cdrom":
        cdroms.read(element, draft)
    elif device in ("disk", "lun"):
        found: dict[str, Scalar] = {"source": "", "readOnly": False}
        target = drives.values(element, found)
        path = draft.name("disks", element, target, target)
        for field, value in found.items():
            draft.fields[f"{path}.{field}"] = value


def build(place: Place, fields: Fields) -> Element:
    """A new disk, on virtio unless the fields say another bus."""
    return drives.build(place, fields, "disk")


def _grow(running: Running, path: str, value: Scalar) -> None:
    parts = entry_of(path)
    assert parts is not None, path
    target = running.draft().targets.get(entry("disks", parts[1]))
    if target is None:
        raise NotNow("the running VM does not have this disk yet")
    if not isinstance(value, int):
        raise NotNow("no size is given")
    running.resize(target, value)


LIST = DeviceList(
    name="disks",
    devices={"disk": read},
    build=build,
    write=drives.WRITE,
    hotplug=drives.check_hotplug,
    key=drives.target_of,
    live={"size": _grow, **iotune.LIVE},
    unwritten=frozenset({"size"}),
)
