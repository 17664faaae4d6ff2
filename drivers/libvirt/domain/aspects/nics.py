"""NICs: `<interface>`, named entries of the list `nics`.

A NIC is on a libvirt network, or directly on a bridge (`bridge:br0`). Link and network change on a running VM by an
update with the whole live element, since libvirt takes what is missing for a wish to remove it.
"""

from __future__ import annotations

from drivers.libvirt.domain import boot
from drivers.libvirt.domain.aspect import Change, DeviceList, NotNow, Place, Running, Write
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import CannotWrite, Element, drop, ensure, new, number, put
from specs.fields import Fields, Scalar

BRIDGE = "bridge:"


def read(element: Element, draft: Draft) -> None:
    """Reads one `<interface>`."""
    found: dict[str, Scalar] = {"network": element.get("type", ""), "link": "up"}
    for child in element:
        tag = child.tag
        if tag == "source":
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
    """The name of the libvirt network, else `TYPE:NAME`."""
    if kind == "network":
        return source.get("network", "")
    name = source.get("bridge") or source.get("dev") or source.get("path") or source.get("name") or ""
    return f"{kind}:{name}" if name else kind


def write_network(nic: Element, value: Scalar) -> None:
    """Puts the NIC on a network or a bridge; what belonged to the former connection goes."""
    name = str(value or "")
    kind, attribute = ("bridge", "bridge") if name.startswith(BRIDGE) else ("network", "network")
    name = name.removeprefix(BRIDGE)
    if not name:
        raise CannotWrite("network", "a NIC needs a network")
    for tag in ("source", "actual", "virtualport"):
        drop(nic, tag)
    nic.set("type", kind)
    source = new("source")
    put(source, attribute, name)
    nic.insert(0, source)


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
}


def build(place: Place, fields: Fields) -> Element:
    """A new NIC, virtio unless the fields say another model."""
    nic = new("interface", type="network")
    given = {"network": None, "mac": None, **fields}
    given["model"] = given.get("model") or "virtio"
    for field, write in WRITE.items():
        if field in given:
            write(nic, given[field])
    nic.append(new("alias", name=place.alias))
    return nic


def _on_running(write: Write) -> Change:
    def change(running: Running, path: str, value: Scalar) -> None:
        nic = running.draft().elements.get(path.rpartition(".")[0])
        if nic is None:
            raise NotNow("the running VM does not have this NIC yet")
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
    live={"link": _on_running(write_link), "network": _on_running(write_network)},
)
