"""Drives: what disks and CD-ROMs have in common, both being `<disk>` elements.

Source, driver, bus, identity, limits and boot order: how they are read, written, and how a new drive is built with a
target and an address that are free in the definition and on the running VM. Used by disks.py and cdroms.py.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.libvirt.domain import boot, iotune
from drivers.libvirt.domain.aspect import NotNow, Place, Write
from drivers.libvirt.domain.attributes import At, Attributes
from drivers.libvirt.domain.buses import drive_address, ensure_scsi, free_target, scsi_controller
from drivers.libvirt.domain.tree import CannotWrite, Element, drop, ensure, first, new, number, put, put_text
from specs.fields import Fields, Scalar

ATTRIBUTES = Attributes({
    "format": At("driver", "type"),
    "cache": At("driver", "cache"),
    "io": At("driver", "io"),
    "discard": At("driver", "discard"),
    "detectZeroes": At("driver", "detect_zeroes"),
    "errorPolicy": At("driver", "error_policy"),
    "readErrorPolicy": At("driver", "rerror_policy"),
    "copyOnRead": At("driver", "copy_on_read", "on"),
    "iothread": At("driver", "iothread", "number"),
    "queues": At("driver", "queues", "number"),
    "logicalBlockSize": At("blockio", "logical_block_size", "number"),
    "physicalBlockSize": At("blockio", "physical_block_size", "number"),
    "rotationRate": At("target", "rotation_rate", "number"),
    "removable": At("target", "removable", "on"),
    "sgio": At("", "sgio"),
    "rawIo": At("", "rawio", "yes"),
})  # fmt: skip
_TEXTS = ("serial", "wwn", "vendor", "product")
_FLAGS = {"readonly": "readOnly", "shareable": "shareable", "transient": "transient"}

HOTPLUG = ("virtio", "scsi", "usb")


def values(element: Element, found: dict[str, Scalar]) -> str:
    """Reads the drive's fields into `found` and returns its target."""
    target = ""
    ATTRIBUTES.own(element, found)
    if element.get("device") == "lun":
        found["lun"] = True
    for child in element:
        tag = child.tag
        if (reader := _CHILDREN.get(tag)) is not None:
            reader(child, found)
        if tag == "target":
            target = child.get("dev", "")
            if bus := child.get("bus"):
                found["bus"] = bus
        elif tag == "source":
            found["source"] = source_of(element.get("type", ""), child)
            if _is_reserved(child):
                found["reservations"] = True
    return target


def _is_reserved(source: Element) -> bool:
    found = first(source, "reservations")
    return found is not None and found.get("managed") == "yes"


def _flag(element: Element, found: dict[str, Scalar]) -> None:
    found[_FLAGS[str(element.tag)]] = True


def _text(element: Element, found: dict[str, Scalar]) -> None:
    if element.text:
        found[str(element.tag)] = element.text


def _boot(element: Element, found: dict[str, Scalar]) -> None:
    order = number(element.get("order"))
    if order is not None:
        found["bootOrder"] = order


_CHILDREN: dict[object, Callable[[Element, dict[str, Scalar]], None]] = {
    **dict.fromkeys(("driver", "blockio", "target"), ATTRIBUTES.child),
    **dict.fromkeys(_FLAGS, _flag),
    **dict.fromkeys(_TEXTS, _text),
    "boot": _boot,
    "iotune": iotune.read,
}


def source_of(kind: str, source: Element) -> str:
    """A path for files and block devices, `TYPE:NAME` for all else."""
    if kind == "file":
        return source.get("file", "")
    if kind == "block":
        return source.get("dev", "")
    if kind == "volume":
        return f"volume:{source.get('pool', '')}/{source.get('volume', '')}"
    if kind == "network":
        return f"network:{source.get('protocol', '')}/{source.get('name', '')}"
    return f"{kind}:{source.get('dir') or source.get('dev') or source.get('path') or ''}"


def write_source(device: Element, value: Scalar) -> None:
    """Points the device at a path; "" or None takes the medium out."""
    path = str(value or "")
    if path and not path.startswith("/"):
        raise CannotWrite("source", f"must be an absolute path, not {path}")
    kind = "block" if path.startswith("/dev/") else "file"
    if kind != device.get("type") or not path:
        drop(device, "source")
    for stale in ("backingStore", "mirror"):  # they described the former source
        drop(device, stale)
    device.set("type", kind)
    if not path:
        return
    source = device.find("source")
    if source is None:
        source = new("source")
        device.insert(1 if device.find("driver") is not None else 0, source)
    put(source, "dev" if kind == "block" else "file", path)
    put(source, "index", None)


def write_bus(device: Element, value: Scalar) -> None:
    """Another bus is another target and another address; a new bus is a new place in the guest anyway."""
    target = ensure(device, "target")
    if target.get("bus") == value:
        return
    domain = device.getroottree().getroot()
    if value == "scsi":
        ensure_scsi(domain)
    drop(device, "address")
    target.set("dev", free_target(str(value), domain))
    put(target, "bus", value)
    if (address := drive_address(str(value), domain)) is not None:
        device.append(address)


def _write_flag(tag: str) -> Write:
    return lambda device, value: put_text(device, tag, "" if value else None)


def _write_text(tag: str) -> Write:
    return lambda device, value: put_text(device, tag, value)


def _write_lun(device: Element, value: Scalar) -> None:
    """The guest's SCSI commands reach the device itself; only a block device takes them."""
    device.set("device", "lun" if value else "disk")


def _write_reservations(device: Element, value: Scalar) -> None:
    """Persistent SCSI reservations by way of libvirt's own helper."""
    source = device.find("source")
    if source is None:
        raise CannotWrite("reservations", "the drive is empty")
    drop(source, "reservations")
    if value:
        source.append(new("reservations", managed="yes"))


WRITE: dict[str, Write] = {
    "source": write_source,
    "bus": write_bus,
    **ATTRIBUTES.write,
    **{field: _write_flag(tag) for tag, field in _FLAGS.items()},
    **{tag: _write_text(tag) for tag in _TEXTS},
    "lun": _write_lun,
    "reservations": _write_reservations,
    "bootOrder": boot.write,
    **iotune.WRITE,
}


def build(place: Place, fields: Fields, device: str) -> Element:
    """A new `<disk>` of that device type. A medium that cannot be read stops no VM."""
    bus = str(fields.get("bus") or "virtio")
    if bus == "scsi":
        ensure_scsi(place.domain)
    drive = new("disk", type="file", device=device)
    driver = new("driver", name="qemu")
    if device == "cdrom":
        driver.set("error_policy", "report")
    drive.append(driver)
    drive.append(new("target", dev=free_target(bus, place.domain, place.live), bus=bus))
    drive.append(new("alias", name=place.alias))
    if (address := drive_address(bus, place.domain, place.live)) is not None:
        drive.append(address)
    for field, write in WRITE.items():
        if field != "bus" and fields.get(field) is not None:
            write(drive, fields[field])
    return drive


def target_of(drive: Element) -> str:
    """The drive's target, by which an adopted one is known."""
    found = drive.find("target")
    return found.get("dev", "") if found is not None else ""


def check_hotplug(live: Element, fields: Fields) -> None:
    """Raises NotNow if a running VM cannot take a drive on that bus."""
    bus = str(fields.get("bus") or "virtio")
    if bus not in HOTPLUG:
        raise NotNow(f"a drive on the {bus} bus cannot be added to a running VM")
    if bus == "scsi" and scsi_controller(live) is None:
        raise NotNow("the running VM has no virtio-scsi controller")
