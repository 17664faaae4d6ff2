"""Guest agent: the virtio channel `org.qemu.guest_agent.0`, and whether its guest side is connected."""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element, alias, children, ensure, first, new, remove
from specs.fields import Scalar

CHANNEL = "org.qemu.guest_agent.0"


def _read(element: Element, draft: Draft) -> None:
    target = first(element, "target")
    if target is not None and target.get("name") == CHANNEL:
        draft.fields["agent"] = True
        draft.agent = draft.agent or target.get("state") == "connected"


def _write(domain: Element, value: Scalar) -> None:
    devices = ensure(domain, "devices")
    there = [each for each in children(devices, "channel") if _is_agent(each)]
    if value and not there:
        devices.append(build())
    elif not value:
        for each in there:
            remove(each)


def _is_agent(channel: Element) -> bool:
    target = channel.find("target")
    return target is not None and target.get("name") == CHANNEL


def build() -> Element:
    """A new channel; libvirt makes the socket's path and the virtio-serial controller."""
    channel = new("channel", type="unix")
    channel.append(new("target", type="virtio", name=CHANNEL))
    return channel


def _live(running: Running, path: str, value: Scalar) -> None:
    there = [each for each in running.live().iterfind("devices/channel") if _is_agent(each)]
    if value and not there:
        device = build()
        device.append(new("alias", name="ua-agent"))
        running.attach(device)
    elif not value:
        for each in there:
            running.detach(alias(each))


ASPECT = Aspect(devices={"channel": _read}, absent={"agent": False}, write={"agent": _write}, live={"agent": _live})
