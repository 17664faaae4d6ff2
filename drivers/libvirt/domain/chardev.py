"""Character devices: what is at the host's end of a channel.

`type` is pty, unix, file or tcp; `path` a file or a socket, `address` HOST:PORT; `listen` whether QEMU waits for others
to connect; `log` a file that keeps what the guest says. Used by aspects/channels.py.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Write
from drivers.libvirt.domain.tree import CannotWrite, Element, drop, first, new, put, remove
from specs.fields import Scalar

TYPES = ("pty", "unix", "file", "tcp", "null")
_SOCKETS = ("unix", "tcp")


def read(element: Element, found: dict[str, Scalar]) -> None:
    """Reads the host's end; a pty's path is libvirt's own choice and told by no field."""
    kind = element.get("type", "")
    found["type"] = kind
    source = first(element, "source")
    if source is not None:
        _read_source(kind, source, found)
    log = first(element, "log")
    if log is not None and (file := log.get("file")):
        found["log"] = file


def _read_source(kind: str, source: Element, found: dict[str, Scalar]) -> None:
    if kind in ("unix", "file") and (path := source.get("path")):
        found["path"] = path
    if kind == "tcp" and source.get("host"):
        found["address"] = f"{source.get('host')}:{source.get('service', '')}"
    if kind in _SOCKETS and (mode := source.get("mode")):
        found["listen"] = mode == "bind"


def _write_type(device: Element, value: Scalar) -> None:
    kind = str(value or "")
    if kind not in TYPES:
        raise CannotWrite("type", f"must be one of {', '.join(TYPES)}, not {kind}")
    if kind != device.get("type"):
        drop(device, "source")
        drop(device, "protocol")
    device.set("type", kind)
    if kind == "tcp":
        drop(device, "protocol")
        device.insert(0, new("protocol", type="raw"))


def _source(device: Element) -> Element:
    source = device.find("source")
    if source is None:
        source = new("source")
        if device.get("type") in _SOCKETS:
            source.set("mode", "bind")
        device.insert(0, source)
    return source


def _write_path(device: Element, value: Scalar) -> None:
    kind = device.get("type")
    if value and kind not in ("unix", "file"):
        raise CannotWrite("path", f"a device of type {kind} has no path")
    if value:
        put(_source(device), "path", value)
    elif (source := device.find("source")) is not None:
        remove(source)


def _write_address(device: Element, value: Scalar) -> None:
    host, apart, port = str(value or "").rpartition(":")
    if device.get("type") != "tcp" or not apart:
        raise CannotWrite("address", "must be HOST:PORT of a device of type tcp")
    source = _source(device)
    put(source, "host", host.strip("[]"))
    put(source, "service", port)


def _write_listen(device: Element, value: Scalar) -> None:
    if value is None:
        return
    if device.get("type") not in _SOCKETS:
        raise CannotWrite("listen", f"a device of type {device.get('type')} is no socket")
    _source(device).set("mode", "bind" if value else "connect")


def _write_log(device: Element, value: Scalar) -> None:
    drop(device, "log")
    if value:
        device.append(new("log", file=str(value), append="on"))


WRITE: dict[str, Write] = {
    "type": _write_type,
    "path": _write_path,
    "address": _write_address,
    "listen": _write_listen,
    "log": _write_log,
}
"""In the order of writing."""
