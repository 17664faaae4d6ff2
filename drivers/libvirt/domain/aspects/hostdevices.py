"""Host devices: `<hostdev mode='subsystem'>` of PCI, USB and mdev, named entries of the list `hostDevices`.

The address tells the type by its form: `0000:65:00.0` (PCI), `046d:c52b` or `1.4` (USB, by vendor and product or by
bus and device), a UUID (mdev). A running USB device shows its place too; what it was asked for by counts. Other
host devices (SCSI, a NIC's) are left alone. They come and go while the VM runs, if host and guest allow.
"""

from __future__ import annotations

from drivers.libvirt.domain import boot
from drivers.libvirt.domain.aspect import DeviceList, Place, Write
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.single import Attribute
from drivers.libvirt.domain.tree import CannotWrite, Element, drop, ensure, new, number, put
from specs.fields import Fields, Scalar
from specs.kinds.hostdevices import PCI, kind_of

_FIELDS = {
    "rom": Attribute(at="rom", name="bar", form="on/off"),
    "romFile": Attribute(at="rom", name="file"),
    "display": Attribute(name="display", form="on/off"),
}


def _int(text: str | None) -> int:
    try:
        return int(text or "0", 0)
    except ValueError:
        return 0


def address_of(hostdev: Element) -> str:
    """The address in our form; "" for a device of another kind."""
    source, kind = hostdev.find("source"), hostdev.get("type")
    if source is None or hostdev.get("mode") != "subsystem":
        return ""
    place = source.find("address")
    if kind == "usb" and (vendor := source.find("vendor")) is not None:
        product = source.find("product")
        return f"{_int(vendor.get('id')):04x}:{_int(product.get('id') if product is not None else None):04x}"
    if place is None:
        return ""
    if kind == "usb":
        return f"{_int(place.get('bus'))}.{_int(place.get('device'))}"
    if kind == "pci":
        domain, bus, slot, function = (_int(place.get(name)) for name in ("domain", "bus", "slot", "function"))
        return f"{domain:04x}:{bus:02x}:{slot:02x}.{function:x}"
    return (place.get("uuid") or "").lower() if kind == "mdev" else ""


def read(element: Element, draft: Draft) -> None:
    """Reads one `<hostdev>`."""
    address = address_of(element)
    if not address:
        return
    found: dict[str, Scalar] = {"address": address}
    if element.get("type") == "pci":
        found["managed"] = element.get("managed") == "yes"
    for field, attribute in _FIELDS.items():
        if (value := attribute.read(element)) is not None:
            found[field] = value
    source, order = element.find("source"), element.find("boot")
    if source is not None and (policy := source.get("startupPolicy")):
        found["startup"] = policy
    if order is not None and (place := number(order.get("order"))) is not None:
        found["bootOrder"] = place
    path = draft.name("hostDevices", element, address, address)
    for field, value in found.items():
        draft.fields[f"{path}.{field}"] = value


def _write_address(hostdev: Element, value: Scalar) -> None:
    text = str(value)
    if address_of(hostdev) == text:
        return
    kind, before = kind_of(text), hostdev.find("source")
    if not kind:
        raise CannotWrite("address", f"{text} is not the address of a PCI, USB or mediated device")
    source = _source(kind, text)
    if kind == "usb" and before is not None:
        put(source, "startupPolicy", before.get("startupPolicy"))
    drop(hostdev, "source")
    hostdev.insert(0, source)
    if hostdev.get("type") == kind:
        return
    hostdev.set("type", kind)
    drop(hostdev, "address")
    put(hostdev, "model", "vfio-pci" if kind == "mdev" else None)
    put(hostdev, "managed", "yes" if kind == "pci" else None)


def _source(kind: str, text: str) -> Element:
    source = new("source")
    if kind == "mdev":
        ensure(source, "address").set("uuid", text)
    elif kind == "pci":
        found = PCI.fullmatch(text)
        assert found is not None, text
        values = dict(zip(("domain", "bus", "slot", "function"), found.groups(default="0000"), strict=True))
        ensure(source, "address").attrib.update({name: f"0x{part}" for name, part in values.items()})
    elif ":" in text:
        vendor, _, product = text.partition(":")
        source.append(new("vendor", id=f"0x{vendor}"))
        source.append(new("product", id=f"0x{product}"))
    else:
        bus, _, device = text.partition(".")
        ensure(source, "address").attrib.update({"bus": bus, "device": device})
    return source


def _write_managed(hostdev: Element, value: Scalar) -> None:
    if hostdev.get("type") == "pci":
        put(hostdev, "managed", "no" if value is False else "yes")


def _write_startup(hostdev: Element, value: Scalar) -> None:
    put(ensure(hostdev, "source"), "startupPolicy", value)


WRITE: dict[str, Write] = {
    "address": _write_address,
    "managed": _write_managed,
    **{field: attribute.write for field, attribute in _FIELDS.items()},
    "startup": _write_startup,
    "bootOrder": boot.write,
}


def build(place: Place, fields: Fields) -> Element:
    """A new host device; libvirt manages a PCI device unless the fields say otherwise."""
    if not fields.get("address"):
        raise CannotWrite("address", "a host device needs one")
    hostdev = new("hostdev", mode="subsystem")
    for field, write in WRITE.items():
        if fields.get(field) is not None:
            write(hostdev, fields[field])
    hostdev.append(new("alias", name=place.alias))
    return hostdev


def _any(live: Element, fields: Fields) -> None:
    """Each can be tried: whether the device is there and free, libvirt knows."""


LIST = DeviceList(name="hostDevices", devices={"hostdev": read}, build=build, write=WRITE, hotplug=_any, key=address_of)
