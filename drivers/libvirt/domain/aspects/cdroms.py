"""CD-ROM drives: `<disk device='cdrom'>`, named entries of the list `cdroms`; an empty drive has the source "".

Media change on a running VM; a locked tray is forced open only to eject, after a plain try.
"""

from __future__ import annotations

from drivers.errors import DriverError, Missing, Unknown, Unreachable
from drivers.libvirt.domain import boot, drives
from drivers.libvirt.domain.aspect import DeviceList, NotNow, Place, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element
from specs.fields import Fields, Scalar

_FIELDS = ("source", "bus", "bootOrder")


def read(element: Element, draft: Draft) -> None:
    """Called by disks.py for every `<disk device='cdrom'>`."""
    found: dict[str, Scalar] = {"source": ""}
    target = drives.values(element, found)
    path = draft.name("cdroms", element, target, target)
    for field in _FIELDS:
        if field in found:
            draft.fields[f"{path}.{field}"] = found[field]


def build(place: Place, fields: Fields) -> Element:
    """A new drive; on SATA (IDE on the old machine type) unless the fields say another bus."""
    kind = place.domain.find("os/type")
    old = kind is not None and "q35" not in kind.get("machine", "")
    given = {"bus": "ide" if old else "sata", **{key: value for key, value in fields.items() if value is not None}}
    return drives.build(place, {**given, "format": "raw", "readOnly": True}, "cdrom")


def _change_medium(running: Running, path: str, value: Scalar) -> None:
    drive = running.draft().elements.get(path.rpartition(".")[0])
    if drive is None:
        raise NotNow("the running VM does not have this drive yet")
    drives.write_source(drive, value)
    try:
        running.update(drive)
    except (Unreachable, Unknown, Missing):
        raise
    except (DriverError, NotNow) as problem:
        if value:
            raise NotNow(f"the guest has locked the tray, or the medium is not readable: {_text(problem)}") from None
        running.update(drive, force=True)


def _text(problem: Exception) -> str:
    return problem.detail if isinstance(problem, DriverError) else str(problem)


LIST = DeviceList(
    name="cdroms",
    devices={},
    build=build,
    write={"source": drives.write_source, "bus": drives.write_bus, "bootOrder": boot.write},
    hotplug=drives.check_hotplug,
    key=drives.target_of,
    live={"source": _change_medium},
)
