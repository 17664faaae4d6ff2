"""Consoles: graphics that can start, and devices that need SPICE or USB have it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specs.checks.scope import wrong
from specs.errors import Finding
from specs.resource import Resource

_SPICE = ("spice", "both")
_VNC = ("vnc", "both")
_HEADS = ("qxl", "virtio")


def findings(resource: Resource) -> Iterator[Finding]:
    """What is wrong with the console of a VM or an instance type."""
    graphics = resource.spec.graphics
    if graphics is not None:
        yield from _graphics(resource, graphics)
        yield from _ports(resource, graphics)
    yield from _spice(resource, graphics)
    yield from _usb(resource)
    yield from _video(resource)


def _graphics(resource: Resource, graphics: Any) -> Iterator[Finding]:
    kind = graphics.type or "vnc"
    for name, part, fits in (("vnc", graphics.vnc, _VNC), ("spice", graphics.spice, _SPICE)):
        if part is not None and kind not in fits:
            why = f"`graphics.type` is {kind}"
            yield wrong(
                resource, f"graphics.{name}", f"there is no {name.upper()}", why, f"write `type: {name}` or `both`"
            )
    if graphics.listen and graphics.network:
        why = "it listens on the network's address then"
        yield wrong(resource, "graphics.network", "both `listen` and `network`", why, "take one away")
    if graphics.password_expires and graphics.password is None:
        yield wrong(resource, "graphics.passwordExpires", "there is no password that could expire", fix="write one")
    both = graphics.vnc and graphics.vnc.clipboard and graphics.spice and graphics.spice.agent
    if both:
        why = "a guest has one such channel, for VNC or for SPICE"
        yield wrong(resource, "graphics.vnc.clipboard", "there is SPICE's agent too", why, "take one away")


def _ports(resource: Resource, graphics: Any) -> Iterator[Finding]:
    """Ports that two servers of the same VM would have."""
    seen: dict[int, str] = {}
    for part, name in (("vnc", "port"), ("vnc", "websocket"), ("spice", "port"), ("spice", "tls_port")):
        value = getattr(getattr(graphics, part), name, None) if getattr(graphics, part) else None
        path = f"graphics.{part}.{'tlsPort' if name == 'tls_port' else name}"
        if value == "auto" and name == "tls_port":
            yield wrong(resource, path, "`auto` goes for both ports of SPICE", fix="write `port: auto` instead")
        if not isinstance(value, int):
            continue
        if name == "port" and part == "vnc" and value < 5900:
            why = "VNC counts its displays from 5900 on"
            yield wrong(resource, path, f"{value} is not a port for VNC", why, "use 5900 or more")
        if value in seen:
            yield wrong(
                resource, path, f"port {value} is used twice", f"{seen[value]} has it too", "change one of them"
            )
        seen.setdefault(value, path)


def _spice(resource: Resource, graphics: Any) -> Iterator[Finding]:
    """QEMU does not start a VM with devices of SPICE without SPICE."""
    if graphics is not None and graphics.type in _SPICE:
        return
    spec = resource.spec
    found = {"smartcard": spec.smartcard == "passthrough", "usb.redirections": bool(spec.usb and spec.usb.redirections)}
    for path, needs in found.items():
        if needs:
            yield wrong(resource, path, "this needs SPICE", "`graphics.type` is not spice", "write `graphics: spice`")


def _usb(resource: Resource) -> Iterator[Finding]:
    spec = resource.spec
    if spec.usb is None or spec.usb.controller != "none":
        return
    why = "`usb.controller` is none"
    if spec.usb.redirections:
        yield wrong(resource, "usb.redirections", "there is no USB", why, "take one away")
    for kind in ("tablet", "mouse", "keyboard"):
        if spec.inputs is not None and getattr(spec.inputs, kind) == "usb":
            yield wrong(resource, f"inputs.{kind}", "there is no USB", why, "use virtio")


def _video(resource: Resource) -> Iterator[Finding]:
    video = resource.spec.video
    if video is None:
        return
    if video.heads is not None and video.heads > 1 and video.model not in _HEADS:
        why = f"only {' and '.join(_HEADS)} have more"
        yield wrong(resource, "video.heads", "this card has one monitor", why, "set `video.model`")
    for path, value in (("video.ram", video.ram), ("video.vgaMemory", video.vga_memory)):
        if value is not None and video.model != "qxl":
            yield wrong(resource, path, "only a qxl card has this", fix="set `video.model: qxl`, or take it away")
    if video.vram is not None and video.model in ("virtio", "ramfb", "none"):
        yield wrong(resource, "video.vram", f"a {video.model} card has no memory of its own", fix="take it away")
    if video.acceleration and video.model != "virtio":
        yield wrong(resource, "video.acceleration", "only a virtio card draws in 3D", fix="set `video.model: virtio`")
