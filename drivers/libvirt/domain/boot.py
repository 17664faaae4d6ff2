"""Boot order of a device: `<boot order='1'/>`.

libvirt allows either an order per device or `<boot dev=…>` in `<os>`, which it adds by itself; so the first order
set on a device removes those.
"""

from __future__ import annotations

from drivers.libvirt.domain.tree import CannotWrite, Element, drop, ensure
from specs.fields import Scalar


def write(device: Element, value: Scalar) -> None:
    """Sets or removes the device's place in the boot order."""
    if value is None:
        drop(device, "boot")
        return
    if not isinstance(value, int) or value < 1:
        raise CannotWrite("bootOrder", f"must be a number of at least 1, not {value}")
    ensure(device, "boot").set("order", str(value))


def settle(domain: Element) -> None:
    """Removes `<boot dev=…>` of a definition in which a device has an order; called when everything is written."""
    os, devices = domain.find("os"), domain.find("devices")
    if os is not None and devices is not None and devices.find("*/boot") is not None:
        drop(os, "boot")
