"""Serial console: `<serial type='pty'>` with the `<console>` that libvirt mirrors it into."""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element, children, ensure, first, new, remove
from specs.fields import Scalar


def _read_serial(element: Element, draft: Draft) -> None:
    draft.fields["serial"] = True


def _read_console(element: Element, draft: Draft) -> None:
    if _is_serial(element):
        draft.fields["serial"] = True


def _write(domain: Element, value: Scalar) -> None:
    devices = ensure(domain, "devices")
    there = [*children(devices, "serial"), *(each for each in children(devices, "console") if _is_serial(each))]
    if value and not there:
        serial = new("serial", type="pty")
        serial.append(new("target", port="0"))
        console = new("console", type="pty")
        console.append(new("target", type="serial", port="0"))
        devices.extend([serial, console])
    elif not value:
        for each in there:
            remove(each)


def _is_serial(console: Element) -> bool:
    target = first(console, "target")
    return target is None or target.get("type", "serial") == "serial"


ASPECT = Aspect(
    devices={"serial": _read_serial, "console": _read_console}, absent={"serial": False}, write={"serial": _write}
)
