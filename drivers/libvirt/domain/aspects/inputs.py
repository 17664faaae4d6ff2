"""Inputs: tablet, mouse and keyboard beside the PS/2 ones, each by the bus that it is on.

A tablet tells where the pointer is, so that it does not run away from the one of the console. Inputs come and go
while the VM runs. A second one of a kind, and devices of the host given as inputs, are left alone.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.libvirt.domain.aspect import Aspect, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element, alias, children, ensure, new, remove
from specs.fields import Scalar

KINDS = ("tablet", "mouse", "keyboard")
_BUSES = ("usb", "virtio")


def _read(element: Element, draft: Draft) -> None:
    path, bus = f"inputs.{element.get('type')}", element.get("bus")
    if bus in _BUSES and draft.fields.get(path) == "none":
        draft.fields[path] = bus


def _there(domain: Element, kind: str) -> Element | None:
    found = children(ensure(domain, "devices"), "input")
    return next((each for each in found if each.get("type") == kind and each.get("bus") in _BUSES), None)


def _new(kind: str, bus: Scalar) -> Element:
    return new("input", type=kind, bus=str(bus))


def _write(kind: str) -> Callable[[Element, Scalar], None]:
    def write(domain: Element, value: Scalar) -> None:
        there = _there(domain, kind)
        if there is not None and there.get("bus") == value:
            return
        if there is not None:
            remove(there)
        if value not in (None, "none"):
            ensure(domain, "devices").append(_new(kind, value))

    return write


def _live(kind: str) -> Callable[[Running, str, Scalar], None]:
    def change(running: Running, path: str, value: Scalar) -> None:
        there = _there(running.live(), kind)
        if there is not None and there.get("bus") == value:
            return
        if there is not None:
            running.detach(alias(there))
        if value not in (None, "none"):
            device = _new(kind, value)
            device.append(new("alias", name=f"ua-{kind}"))
            running.attach(device)

    return change


ASPECT = Aspect(
    devices={"input": _read},
    absent={f"inputs.{kind}": "none" for kind in KINDS},
    write={f"inputs.{kind}": _write(kind) for kind in KINDS},
    live={f"inputs.{kind}": _live(kind) for kind in KINDS},
)
