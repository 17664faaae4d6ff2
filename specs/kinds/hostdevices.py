"""HostDevice: a device of the host that a VM has for itself, known by its address or asked for by its kind."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator

from specs.errors import BadValue
from specs.kinds.devices import BootOrder
from specs.kinds.platform import HostPath
from specs.model import Named, Unit, Yes, declared, matching

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


DeviceId = Annotated[
    str,
    BeforeValidator(lambda value: value.lower() if isinstance(value, str) else value),
    AfterValidator(
        matching(
            r"[0-9a-f]{4}:[0-9a-f]{4}", "vendor and product", "write both in hex, as `lspci -n` has them: 10de:1eb8"
        )
    ),
    Unit("vendor:product, such as `10de:1eb8`"),
]
CLASSES = {"storage": "01", "nvme": "010802", "network": "02", "display": "03", "accelerator": "12"}
"""Words for PCI classes, and the hex digits that these begin with."""


def _class(value: object) -> str:
    text = value.lower().removeprefix("0x") if isinstance(value, str) else ""
    if not re.fullmatch(r"[0-9a-f]{2}|[0-9a-f]{4}|[0-9a-f]{6}", found := CLASSES.get(text, text)):
        fix = f"write {', '.join(CLASSES)}, or the first 2, 4 or 6 hex digits of the class, quoted"
        raise BadValue(f"`{str(value)[:60]}` is not a class of PCI devices", fix=fix)
    return found


PciClass = Annotated[
    str, BeforeValidator(_class), Unit(f"{', '.join(f'`{each}`' for each in CLASSES)} or hex digits such as `0302`")
]
DeviceWord = Annotated[
    str,
    AfterValidator(
        matching(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,63}", "a name", "write it as the host has it, such as ens1f0")
    ),
]
CHOICES = ("device", "pci_class", "mdev_type", "virtual_function_of")
"""The fields that ask for any free device of a kind."""


class HostDevice(Named):
    """A device of the host: PCI, USB or mediated (mdev), by its address; or a free one of a kind, of which the host

    gives one when the VM is placed.
    """

    address: DeviceAddress | None = declared("Which device.", effect="restart")
    device: DeviceId | None = declared("Any free PCI or USB device of this vendor and product.", effect="policy")
    pci_class: PciClass | None = declared("Any free PCI device of this class.", effect="policy")
    mdev_type: DeviceWord | None = declared(
        "Any free mediated device of this type, such as `nvidia-35`; the host has made them.", effect="policy"
    )
    virtual_function_of: DeviceWord | None = declared(
        "Any free virtual function of this NIC of the host (SR-IOV): its link's name, or its PCI address.",
        effect="policy",
    )
    managed: Yes | None = declared("libvirt takes a PCI device from its driver, and gives it back.", effect="restart")
    rom: Yes | None = declared("The guest sees the ROM of a PCI device.", effect="restart")
    rom_file: HostPath | None = declared("File with the ROM, instead of the device's own.", effect="restart")
    display: Yes | None = declared("A mediated device draws on the VM's console.", effect="restart")
    startup: Literal["mandatory", "requisite", "optional"] | None = declared(
        "Whether the VM starts without a USB device that is not there.", effect="restart"
    )
    boot_order: BootOrder | None = declared("Place in the order of boot devices, lowest first.", effect="restart")
