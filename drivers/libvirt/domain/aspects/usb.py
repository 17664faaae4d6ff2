"""USB: the model of the first controller, and the ports by which SPICE redirects devices of whoever looks.

A redirection port is a `<redirdev>` of spicevmc; ports come and go while the VM runs. Another model of controller
takes the addresses of USB devices away, since each model counts its ports in its own way.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element, alias, children, ensure, new, remove
from specs.fields import Scalar

COMPANIONS = {"ich9-ehci1": ("ich9-uhci1", "ich9-uhci2", "ich9-uhci3")}
"""EHCI knows only fast devices; slow ones need these beside it."""

_REDIRECTIONS = "devices/redirdev[@type='spicevmc']"


def _read_controller(element: Element, draft: Draft) -> None:
    if model := element.get("model"):
        draft.fields.setdefault("usb.controller", model)


def _read_redirection(element: Element, draft: Draft) -> None:
    if element.get("type") == "spicevmc":
        draft.fields["usb.redirections"] = int(str(draft.fields["usb.redirections"])) + 1


def _write_controller(domain: Element, value: Scalar) -> None:
    devices = ensure(domain, "devices")
    there = [each for each in children(devices, "controller") if each.get("type") == "usb"]
    if value is None or (there and there[0].get("model") == value):
        return
    for each in there:
        remove(each)
    for address in devices.findall("*/address[@type='usb']"):
        remove(address)
    devices.extend(controllers(str(value)))


def controllers(model: str) -> list[Element]:
    """The controller of that model, with its companions."""
    first = new("controller", type="usb", index="0", model=model)
    if model.endswith("xhci"):
        first.set("ports", "15")
    found = [first]
    for place, companion in enumerate(COMPANIONS.get(model, ())):
        other = new("controller", type="usb", index="0", model=companion)
        other.append(new("master", startport=str(2 * place)))
        found.append(other)
    return found


def _new() -> Element:
    return new("redirdev", bus="usb", type="spicevmc")


def _write_redirections(domain: Element, value: Scalar) -> None:
    wanted, there = int(str(value or 0)), domain.findall(_REDIRECTIONS)
    for each in there[wanted:]:
        remove(each)
    ensure(domain, "devices").extend(_new() for _ in range(wanted - len(there)))


def _live_redirections(running: Running, path: str, value: Scalar) -> None:
    wanted, there = int(str(value or 0)), running.live().findall(_REDIRECTIONS)
    for each in there[wanted:]:
        running.detach(alias(each))
    taken = {alias(each) for each in there}
    free = (name for number in range(wanted) if (name := f"ua-redirection-{number}") not in taken)
    for _ in range(wanted - len(there)):
        device = _new()
        device.append(new("alias", name=next(free)))
        running.attach(device)


ASPECT = Aspect(
    devices={"controller/usb": _read_controller, "redirdev": _read_redirection},
    absent={"usb.redirections": 0},
    write={"usb.controller": _write_controller, "usb.redirections": _write_redirections},
    live={"usb.redirections": _live_redirections},
)
