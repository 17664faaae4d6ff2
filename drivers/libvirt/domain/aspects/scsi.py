"""The virtio-scsi controller that a VM's SCSI disks share: queues and I/O thread; `scsi.queues`, `scsi.iothread` ….

The first one is meant; further ones are left as they are.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, Write
from drivers.libvirt.domain.buses import ensure_scsi
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import CannotWrite, Element, ensure, number, put, remove
from specs.fields import Scalar

_ATTRIBUTES = {
    "scsi.queues": "queues",
    "scsi.iothread": "iothread",
    "scsi.commandsPerLun": "cmd_per_lun",
    "scsi.maxSectors": "max_sectors",
}


def _read(element: Element, draft: Draft) -> None:
    if not _is_scsi(element) or any(map(_is_scsi, element.itersiblings("controller", preceding=True))):
        return
    driver = element.find("driver")
    if driver is None:
        return
    for field, attribute in _ATTRIBUTES.items():
        if (value := number(driver.get(attribute))) is not None:
            draft.fields[field] = value


def _is_scsi(controller: Element) -> bool:
    return controller.get("type") == "scsi" and controller.get("model") == "virtio-scsi"


def _first(domain: Element) -> Element | None:
    return next((each for each in domain.iterfind("devices/controller") if _is_scsi(each)), None)


def _writer(field: str, attribute: str) -> Write:
    def write(domain: Element, value: Scalar) -> None:
        controller = _first(domain)
        if value is None and controller is None:
            return
        if value is not None and (not isinstance(value, int) or value < 1):
            raise CannotWrite(field, f"must be a number of at least 1, not {value}")
        if controller is None:
            ensure(domain, "devices")
            ensure_scsi(domain)
            controller = _first(domain)
            assert controller is not None
        driver = ensure(controller, "driver")
        put(driver, attribute, value)
        if not driver.attrib:
            remove(driver)

    return write


ASPECT = Aspect(
    devices={"controller/scsi": _read},
    write={field: _writer(field, attribute) for field, attribute in _ATTRIBUTES.items()},
)
