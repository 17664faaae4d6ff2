"""Graphics: the first `<graphics>`, and with it what a screen needs (video card, tablet for the pointer).

A VM with graphics gets a plain VGA card, which every guest's firmware and installer has a driver for. A password
changes on a running VM; type and address do not.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, NotNow, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import CannotWrite, Element, drop, ensure, new, put
from specs.fields import Scalar, Secret


def _read(element: Element, draft: Draft) -> None:
    fields = draft.fields
    if fields["graphics.type"] != "none":
        return  # only the first counts
    fields["graphics.type"] = element.get("type", "none")
    address = element.get("listen")
    if address is None and (listen := element.find("listen")) is not None:
        address = listen.get("address")
    if address:
        fields["graphics.listen"] = address
    if (password := element.get("passwd")) is not None:
        fields["graphics.password"] = Secret(password)


def _first(domain: Element, path: str) -> Element:
    graphics = domain.find("devices/graphics")
    if graphics is None:
        raise CannotWrite(path, "the VM has no graphics; set graphics.type")
    return graphics


def _write_type(domain: Element, value: Scalar) -> None:
    devices = ensure(domain, "devices")
    if value in (None, "none"):
        drop(devices, "graphics")
        return
    graphics = devices.find("graphics")
    if graphics is not None and graphics.get("type") == value:
        return
    if graphics is None:
        graphics = new("graphics")
        devices.append(graphics)
        _screen(devices)
    listen, password = graphics.find("listen"), graphics.get("passwd")
    graphics.clear()
    graphics.attrib.update({"type": str(value), "port": "-1", "autoport": "yes"})
    put(graphics, "passwd", password)
    if listen is not None:
        graphics.append(listen)


def _screen(devices: Element) -> None:
    if devices.find("video") is None:
        video = new("video")
        video.append(new("model", type="vga"))
        devices.append(video)
    if not any(each.get("type") == "tablet" for each in devices.findall("input")):
        devices.append(new("input", type="tablet", bus="usb"))


def _write_listen(domain: Element, value: Scalar) -> None:
    if value is None and domain.find("devices/graphics") is None:
        return
    graphics = _first(domain, "graphics.listen")
    put(graphics, "listen", None)
    listen = graphics.find("listen")
    if listen is None or listen.get("type") != "address":
        drop(graphics, "listen")
        listen = new("listen", type="address")
        graphics.insert(0, listen)
    put(listen, "address", value)


def _write_password(domain: Element, value: Scalar) -> None:
    if value is None and domain.find("devices/graphics") is None:
        return
    put_password(_first(domain, "graphics.password"), value)


def put_password(graphics: Element, value: Scalar) -> None:
    """Sets or removes the password; VNC knows only eight characters of it."""
    password = value.reveal() if isinstance(value, Secret) else value
    if isinstance(password, str) and len(password) > 8 and graphics.get("type") == "vnc":
        raise CannotWrite("graphics.password", "VNC takes at most 8 characters; shorten it")
    put(graphics, "passwd", password)


def _live_password(running: Running, path: str, value: Scalar) -> None:
    graphics = running.live().find("devices/graphics")
    if graphics is None:
        raise NotNow("the running VM has no graphics")
    if value is None:
        raise NotNow("libvirt cannot take the password off a running VM")
    put_password(graphics, value)
    running.update(graphics)


ASPECT = Aspect(
    devices={"graphics": _read},
    absent={"graphics.type": "none"},
    write={"graphics.type": _write_type, "graphics.listen": _write_listen, "graphics.password": _write_password},
    live={"graphics.password": _live_password},
)
