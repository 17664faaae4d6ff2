"""HostDevice: a device of the host that a VM has for itself, known by its address alone."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator

from specs.errors import BadValue
from specs.kinds.devices import BootOrder
from specs.kinds.platform import HostPath
from specs.model import Named, Unit, Yes, declared

PCI = re.compile(r"(?:([0-9a-f]{4}):)?([0-9a-f]{2}):([0-9a-f]{2})\.([0-7])")
USB = re.compile(r"[0-9a-f]{4}:[0-9a-f]{4}|[0-9]{1,3}\.[0-9]{1,3}")
MDEV = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def kind_of(address: str) -> str:
    """`pci`, `usb` or `mdev` by the form of the address, "" for none of them."""
    forms = (("pci", PCI), ("usb", USB), ("mdev", MDEV))
    return next((kind for kind, form in forms if form.fullmatch(address)), "")


def _address(value: object) -> str:
    text = value.lower() if isinstance(value, str) else ""
    if found := PCI.fullmatch(text):
        return f"{found[1] or '0000'}:{found[2]}:{found[3]}.{found[4]}"
    if not kind_of(text):
        fix = (
            "write PCI as 0000:65:00.0, USB as 046d:c52b (vendor:product) or 1.4 (bus.device), mdev as its UUID; quoted"
        )
        raise BadValue(f"`{str(value)[:60]}` is not the address of a device", fix=fix)
    return text


DeviceAddress = Annotated[
    str, BeforeValidator(_address), Unit("PCI `0000:65:00.0`, USB `046d:c52b` or `1.4`, mdev UUID")
]


class HostDevice(Named):
    """A device of the host: PCI, USB or mediated (mdev), by the form of its address."""

    address: DeviceAddress = declared("Which device.", effect="restart", required=True)
    managed: Yes | None = declared("libvirt takes a PCI device from its driver, and gives it back.", effect="restart")
    rom: Yes | None = declared("The guest sees the ROM of a PCI device.", effect="restart")
    rom_file: HostPath | None = declared("File with the ROM, instead of the device's own.", effect="restart")
    display: Yes | None = declared("A mediated device draws on the VM's console.", effect="restart")
    startup: Literal["mandatory", "requisite", "optional"] | None = declared(
        "Whether the VM starts without a USB device that is not there.", effect="restart"
    )
    boot_order: BootOrder | None = declared("Place in the order of boot devices, lowest first.", effect="restart")
