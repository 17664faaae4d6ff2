"""NICs: `<interface>`, named entries of the list `nics`.

A NIC is on a libvirt network, or directly on something of the host (`bridge:br0`, `direct:eth0`, `vdpa:/dev/…`), or
on QEMU's own network of one (`user`). Link, network, filter, limits and VLAN tags change on a running VM by an
update with the whole live element, since libvirt takes what is missing for a wish to remove it.
"""

from __future__ import annotations

from copy import deepcopy

from drivers.libvirt.domain import boot, nicparts
from drivers.libvirt.domain.aspect import Change, DeviceList, NotNow, Place, Running, Write
from drivers.libvirt.domain.attributes import At, Attributes
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import CannotWrite, Element, drop, ensure, new, number, put
from specs.fields import Fields, Scalar

KINDS = {"bridge": "bridge", "direct": "dev", "vdpa": "dev"}
"""Type of a NIC that is on no libvirt network → the attribute of its source."""

ATTRIBUTES = Attributes({
    "driver": At("driver", "name"),
    "txMode": At("driver", "txmode"),
    "queues": At("driver", "queues", "number"),
    "rxQueueSize": At("driver", "rx_queue_size", "number"),
    "txQueueSize": At("driver", "tx_queue_size", "number"),
    "mtu": At("mtu", "size", "number"),
    "acpiIndex": At("acpi", "index", "number"),
    "isolated": At("port", "isolated", "yes"),
    "portgroup": At("source", "portgroup"),
    "mode": At("source", "mode"),
    "rom.enabled": At("rom", "enabled", "yes"),
    "rom.bar": At("rom", "bar", "on"),
    "rom.file": At("rom", "file"),
    "trustGuestRxFilters": At("", "trustGuestRxFilters", "yes"),
})  # fmt: skip
_LIVE = ("isolated", "portgroup", "trustGuestRxFilters")


def read(element: Element, draft: Draft) -> None:
    """Reads one `<interface>`."""
    found: dict[str, Scalar] = {"network": element.get("type", ""), "link": "up"}
    ATTRIBUTES.own(element, found)
    for child in element:
        tag = child.tag
        ATTRIBUTES.child(child, found)
        if (reader := nicparts.READ.get(tag)) is not None:
            reader(child, found)
        elif tag == "source":
            found["network"] = network_of(element.get("type", ""), child)
        elif tag == "mac":
            found["mac"] = child.get("address", "").lower()
        elif tag == "model":
            found["model"] = child.get("type", "")
        elif tag == "link":
            found["link"] = child.get("state", "up")
        elif tag == "boot" and (order := number(child.get("order"))) is not None:
            found["bootOrder"] = order
    path = draft.name("nics", element, str(found.get("mac", "")))
    for field, value in found.items():
        draft.fields[f"{path}.{field}"] = value


def network_of(kind: str, source: Element) -> str:
    """The name of the libvirt network, else `TYPE:NAME`. A running NIC on a network of a bridge is of type bridge."""
    if kind == "network" or source.get("network"):
        return source.get("network", "")
    name = source.get("bridge") or source.get("dev") or source.get("path") or source.get("name") or ""
    return f"{kind}:{name}" if name else kind


def write_network(nic: Element, value: Scalar) -> None:
    """Puts the NIC on a network, or what else the value names; what belonged to a connection of another type goes."""
    kind, attribute, name = _place(str(value or ""))
    same = nic.get("type") == kind
    kept = {each: told for each in ("portgroup", "mode") if same and (told := nic.xpath(f"string(source/@{each})"))}
    for tag in ("source", "actual", *(() if same else ("virtualport",))):
        drop(nic, tag)
    nic.set("type", kind)
    if not attribute:
        return
    source = new("source")
    put(source, attribute, name)
    for each, told in kept.items():
        put(source, each, told)
    nic.insert(0, source)


def _place(value: str) -> tuple[str, str, str]:
    """`bridge:br0` → type, attribute of the source, name; the last two are empty for `user`."""
    if value == "user":
        return value, "", ""
    kind, apart, name = value.partition(":")
    if apart and kind not in KINDS:
        raise CannotWrite("network", f"{value} is no network, nor one of {', '.join(KINDS)} with a name")
    if not apart:
        kind, name = "network", value
    if not name:
        raise CannotWrite("network", "a NIC needs a network")
    return kind, KINDS.get(kind, "network"), name


def write_link(nic: Element, value: Scalar) -> None:
    """`down` is written out; `up` is libvirt's default, written where a link was set before."""
    if value in (None, "up") and nic.find("link") is None:
        return
    ensure(nic, "link").set("state", str(value or "up"))


def _write_mac(nic: Element, value: Scalar) -> None:
    if not value:
        raise CannotWrite("mac", "a NIC needs its MAC address, else libvirt would make one up on every change")
    put(ensure(nic, "mac"), "address", str(value).lower())


def _write_model(nic: Element, value: Scalar) -> None:
    drop(nic, "model")
    if value:
        put(ensure(nic, "model"), "type", value)


WRITE: dict[str, Write] = {
    "network": write_network,
    "mac": _write_mac,
    "model": _write_model,
    "link": write_link,
    "bootOrder": boot.write,
    **ATTRIBUTES.write,
    **nicparts.WRITE,
}


def build(place: Place, fields: Fields) -> Element:
    """A new NIC, virtio unless the fields say another model."""
    nic = new("interface", type="network")
    given = {"network": None, "mac": None, **fields}
    given["model"] = given.get("model") or "virtio"
    for field, write in WRITE.items():
        if given.get(field) is not None or field in ("network", "mac"):
            write(nic, given.get(field))
    nic.append(new("alias", name=place.alias))
    return nic


def as_defined(nic: Element) -> None:
    """A running NIC on a network of a bridge is of type bridge; libvirt takes it back only as of type network."""
    source = nic.find("source")
    if source is not None and source.get("network"):
        nic.set("type", "network")


def without_loans(nic: Element, config: Element) -> None:
    """Takes off what the network gave the running NIC, so that it does not go along to another one."""
    own = _of_mac(config, nic.xpath("string(mac/@address)"))
    for tag in ("vlan", "virtualport"):
        drop(nic, tag)
        kept = own.find(tag) if own is not None else None
        if kept is not None:
            nic.append(deepcopy(kept))


def _of_mac(config: Element, mac: object) -> Element | None:
    found = config.iterfind("devices/interface")
    return next((each for each in found if each.xpath("string(mac/@address)") == mac), None)


def _on_running(write: Write) -> Change:
    def change(running: Running, path: str, value: Scalar) -> None:
        nic = running.draft().elements.get(path.partition("]")[0] + "]")
        if nic is None:
            raise NotNow("the running VM does not have this NIC yet")
        if write is write_network and nic.get("type") != "network":
            without_loans(nic, running.config())
        as_defined(nic)
        write(nic, value)
        running.update(nic)

    return change


def address_of(nic: Element) -> str:
    """The NIC's MAC address, by which an adopted one is known."""
    found = nic.find("mac")
    return found.get("address", "").lower() if found is not None else ""


def _any(live: Element, fields: Fields) -> None:
    """Every NIC can be tried; whether a slot is free, libvirt knows."""


LIST = DeviceList(
    name="nics",
    devices={"interface": read},
    build=build,
    write=WRITE,
    hotplug=_any,
    key=address_of,
    live={
        "link": _on_running(write_link),
        "network": _on_running(write_network),
        **{field: _on_running(ATTRIBUTES.write[field]) for field in _LIVE},
        **{field: _on_running(write) for field, write in nicparts.LIVE.items()},
    },
)
