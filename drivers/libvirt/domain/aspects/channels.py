"""Virtio channels: `<channel>` with a virtio target, named entries of the list `channels`.

Each is a pipe between a program in the guest (`/dev/virtio-ports/NAME`) and one on the host. The guest agent's and
those of SPICE are fields of their own (agent.py, clipboard.py). A channel comes and goes while the VM runs.
"""

from __future__ import annotations

from drivers.libvirt.domain import chardev
from drivers.libvirt.domain.aspect import DeviceList, Place
from drivers.libvirt.domain.aspects import agent
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import CannotWrite, Element, ensure, first, new, put
from specs.fields import Fields, Scalar

_ELSEWHERE = ("spicevmc", "qemu-vdagent")


def _read(element: Element, draft: Draft) -> None:
    target = first(element, "target")
    if target is None or target.get("type") != "virtio" or element.get("type") in _ELSEWHERE:
        return
    name = target.get("name", "")
    if name == agent.CHANNEL:
        return
    found: dict[str, Scalar] = {"target": name}
    chardev.read(element, found)
    path = draft.name("channels", element, name, name)
    for field, value in found.items():
        draft.fields[f"{path}.{field}"] = value


def _write_target(channel: Element, value: Scalar) -> None:
    if not value:
        raise CannotWrite("target", "a channel needs the name that the guest sees")
    put(ensure(channel, "target"), "name", value)


def build(place: Place, fields: Fields) -> Element:
    """A new channel; libvirt makes its port, and the socket's path where none is given."""
    channel = new("channel", type="unix")
    channel.append(new("target", type="virtio"))
    channel.append(new("alias", name=place.alias))
    for field, write in {"target": _write_target, **chardev.WRITE}.items():
        if fields.get(field) is not None or field == "target":
            write(channel, fields.get(field))
    return channel


def _any(live: Element, fields: Fields) -> None:
    """Every channel can be tried; whether a port is free, libvirt knows."""


def _key(channel: Element) -> str:
    target = channel.find("target")
    return target.get("name", "") if target is not None else ""


LIST = DeviceList(
    name="channels",
    devices={"channel": _read},
    build=build,
    write={"target": _write_target, **chardev.WRITE},
    hotplug=_any,
    key=_key,
)
