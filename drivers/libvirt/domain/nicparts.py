"""Parts of a NIC that are more than an attribute: filter, bandwidth, VLAN tags, coalescing, port, virtual port.

Each part has a reader by tag and writers by field. Used by aspects/nics.py.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.libvirt.domain.aspect import Write
from drivers.libvirt.domain.tree import CannotWrite, Element, children, drop, ensure, new, number, put, remove
from specs.fields import Scalar

Found = dict[str, Scalar]
_KIB = 1024
_LIMITS = ("average", "peak", "burst")


def _read_filter(element: Element, found: Found) -> None:
    if name := element.get("filter"):
        found["filter"] = name
    told = [f"{each.get('name')}={each.get('value')}" for each in children(element, "parameter")]
    if told:
        found["filterParameters"] = ",".join(told)


def _write_filter(nic: Element, value: Scalar) -> None:
    if not value:
        drop(nic, "filterref")
    else:
        put(ensure(nic, "filterref"), "filter", value)


def _write_parameters(nic: Element, value: Scalar) -> None:
    reference = nic.find("filterref")
    if reference is None:
        if value:
            raise CannotWrite("filterParameters", "the NIC has no filter")
        return
    drop(reference, "parameter")
    for each in str(value or "").split(","):
        name, there, told = each.partition("=")
        if there:
            reference.append(new("parameter", name=name, value=told))


def _read_bandwidth(element: Element, found: Found) -> None:
    for way in element:
        for limit in _LIMITS:
            if (value := number(way.get(limit))) is not None:
                found[f"bandwidth.{way.tag}.{limit}"] = value * _KIB


def _bandwidth_writer(way: str, limit: str) -> Write:
    def write(nic: Element, value: Scalar) -> None:
        if value is not None and not isinstance(value, int):
            raise CannotWrite(f"bandwidth.{way}.{limit}", f"must be a number of bytes, not {value}")
        element = ensure(nic, f"bandwidth/{way}")
        put(element, limit, value // _KIB if value else None)
        _tidy(nic, element)

    return write


def _read_vlan(element: Element, found: Found) -> None:
    tags = list(children(element, "tag"))
    if tags:
        found["vlan.tags"] = ",".join(each.get("id", "") for each in tags)
    if element.get("trunk") == "yes":
        found["vlan.trunk"] = True
    for each in tags:
        if each.get("nativeMode") is not None and (native := number(each.get("id"))) is not None:
            found["vlan.native"] = native


def _write_tags(nic: Element, value: Scalar) -> None:
    vlan = ensure(nic, "vlan")
    modes = {each.get("id"): each.get("nativeMode") for each in children(vlan, "tag")}
    drop(vlan, "tag")
    for tag in [each for each in str(value if value is not None else "").split(",") if each]:
        element = new("tag", id=tag)
        put(element, "nativeMode", modes.get(tag))
        vlan.append(element)
    _tidy(nic, vlan)


def _write_trunk(nic: Element, value: Scalar) -> None:
    vlan = ensure(nic, "vlan")
    put(vlan, "trunk", "yes" if value else None)
    _tidy(nic, vlan)


def _write_native(nic: Element, value: Scalar) -> None:
    known = False
    for tag in nic.findall("vlan/tag"):
        native = value is not None and tag.get("id") == str(value)
        put(tag, "nativeMode", (tag.get("nativeMode") or "untagged") if native else None)
        known = known or native
    if value is not None and not known:
        raise CannotWrite("vlan.native", f"{value} is none of the NIC's tags")


def _read_coalesce(element: Element, found: Found) -> None:
    frames = element.find("rx/frames")
    if frames is not None and (most := number(frames.get("max"))) is not None:
        found["rxFrames"] = most


def _write_frames(nic: Element, value: Scalar) -> None:
    frames = ensure(nic, "coalesce/rx/frames")
    put(frames, "max", value or None)
    _tidy(nic, frames)


def _read_virtual_port(element: Element, found: Found) -> None:
    if kind := element.get("type"):
        found["virtualPort.type"] = kind
    parameters = element.find("parameters")
    for attribute, field in (("interfaceid", "interfaceId"), ("profileid", "profileId")):
        if parameters is not None and (value := parameters.get(attribute)):
            found[f"virtualPort.{field}"] = value


def _write_port_type(nic: Element, value: Scalar) -> None:
    if value:
        put(ensure(nic, "virtualport"), "type", value)
    else:
        drop(nic, "virtualport")


def _port_writer(attribute: str) -> Write:
    def write(nic: Element, value: Scalar) -> None:
        parameters = ensure(nic, "virtualport/parameters")
        put(parameters, attribute, value)
        _tidy(nic, parameters)

    return write


def _tidy(nic: Element, element: Element) -> None:
    """Takes the element away if nothing is left in it, and what is empty around it."""
    current: Element | None = element
    while current is not None and current is not nic and not current.attrib and not len(current):
        parent = current.getparent()
        remove(current)
        current = parent


READ: dict[object, Callable[[Element, Found], None]] = {
    "filterref": _read_filter,
    "bandwidth": _read_bandwidth,
    "vlan": _read_vlan,
    "coalesce": _read_coalesce,
    "virtualport": _read_virtual_port,
}
"""Tag below `<interface>` → reader."""

LIVE: dict[str, Write] = {
    "filter": _write_filter,
    "filterParameters": _write_parameters,
    **{
        f"bandwidth.{way}.{limit}": _bandwidth_writer(way, limit)
        for way in ("inbound", "outbound")
        for limit in _LIMITS
    },
    "vlan.tags": _write_tags,
    "vlan.trunk": _write_trunk,
    "vlan.native": _write_native,
    "rxFrames": _write_frames,
}
"""Fields that libvirt changes on a running VM, with the NIC's whole element."""

WRITE: dict[str, Write] = {
    **LIVE,
    "virtualPort.type": _write_port_type,
    "virtualPort.interfaceId": _port_writer("interfaceid"),
    "virtualPort.profileId": _port_writer("profileid"),
}
