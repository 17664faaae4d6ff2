"""Ends of channels and serial ports that do not fit their kind. Called by checks/devices.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specs.checks.scope import wrong
from specs.errors import Finding
from specs.resource import Resource

AGENT = "org.qemu.guest_agent.0"
_FITS = {"path": ("unix", "file"), "address": ("tcp",), "listen": ("unix", "tcp")}


def findings(vm: Resource) -> Iterator[Finding]:
    """What is wrong with the channels of a VM."""
    seen: dict[str, str] = {}
    for channel in vm.spec.channels or ():
        path = f"channels[{channel.name}]"
        yield from _end(vm, channel, path)
        target = channel.target or channel.name
        if target == AGENT:
            why = "the guest agent's channel is `agent: true`"
            yield wrong(vm, f"{path}.target", f"{target} is not yours to declare", why, "leave it out")
        if target in seen:
            yield wrong(vm, f"{path}.target", f"{target} is used twice", f"{seen[target]} has it too", "change one")
        seen.setdefault(target, path)


def _end(vm: Resource, device: Any, path: str) -> Iterator[Finding]:
    kind = device.type or "unix"
    for field, kinds in _FITS.items():
        if getattr(device, field) is not None and kind not in kinds:
            yield wrong(vm, f"{path}.{field}", f"no `{field}` of type {kind}", fix=f"use type {' or '.join(kinds)}")
    if kind == "file" and device.path is None:
        yield wrong(vm, f"{path}.path", "`path` is missing", "a file has one", "name the file")
    if kind == "tcp" and device.address is None:
        yield wrong(vm, f"{path}.address", "`address` is missing", "a socket of tcp has one", "write HOST:PORT")
