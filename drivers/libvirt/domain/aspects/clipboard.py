"""Clipboard: the channel by which the guest's SPICE agent shares it, with SPICE (`spicevmc`) or with VNC (vdagent).

Both channels have the same name in the guest, so a VM has one of them at most. SPICE's also brings the agent's mouse
and file transfer.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.libvirt.domain.aspect import Aspect
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element, children, ensure, new, remove
from specs.fields import Scalar

TYPES = {"spicevmc": "graphics.spice.agent", "qemu-vdagent": "graphics.vnc.clipboard"}
_NAME = "com.redhat.spice.0"


def _read(element: Element, draft: Draft) -> None:
    path = TYPES.get(element.get("type", ""))
    if path == "graphics.vnc.clipboard":
        share = element.find("source/clipboard")
        if share is not None and share.get("copypaste") == "yes":
            draft.fields[path] = True
    elif path is not None:
        draft.fields[path] = True


def _write(kind: str) -> Callable[[Element, Scalar], None]:
    def write(domain: Element, value: Scalar) -> None:
        devices = ensure(domain, "devices")
        there = [each for each in children(devices, "channel") if each.get("type") == kind]
        if value and not there:
            devices.append(_new(kind))
        elif value and kind == "qemu-vdagent":
            ensure(there[0], "source/clipboard").set("copypaste", "yes")
        elif not value:
            for each in there:
                remove(each)

    return write


def _new(kind: str) -> Element:
    channel = new("channel", type=kind)
    if kind == "qemu-vdagent":
        ensure(channel, "source/clipboard").set("copypaste", "yes")
    channel.append(new("target", type="virtio", name=_NAME))
    return channel


ASPECT = Aspect(
    devices={"channel": _read},
    absent={path: False for path in TYPES.values()},
    write={path: _write(kind) for kind, path in TYPES.items()},
)
