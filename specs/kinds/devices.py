"""Devices of a VM: disks, CD-ROM drives, NICs. Lists of named entries."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, Strict

from specs.kinds.image import VolumeName
from specs.model import Mac, Name, Named, Size, Unit, Yes, declared, matching

BootOrder = Annotated[int, Strict(), Field(ge=1, le=1000), Unit("number")]
Serial = Annotated[
    str,
    AfterValidator(matching(r"[A-Za-z0-9_.+ -]{1,247}", "a serial number", "use letters, digits, space and `_ . + -`")),
    Unit("text"),
]


class Disk(Named):
    """A disk of the VM."""

    size: Size | None = declared("Capacity; grows, never shrinks. Without it, the image's.", effect="disk-size")
    image: Name | None = declared("Image that it begins with.", effect="creation")
    clone: Literal["linked", "copy"] | None = declared("Refer to the image, or copy it.", effect="creation")
    storage_domain: Name | None = declared(
        "Where its volume is; may be left out if there is one data domain.", effect="forbidden"
    )
    format: Literal["qcow2", "raw"] | None = declared("Format of the volume.", effect="creation")
    volume: VolumeName | None = declared("Name of a volume that exists already.", effect="restart")
    external: Yes | None = declared("The volume is another's: used, never created, grown or removed.", effect="policy")
    bus: Literal["virtio", "scsi", "sata", "ide", "usb"] | None = declared(
        "Bus that the guest sees it on.", effect="restart"
    )
    cache: Literal["none", "writeback", "writethrough", "directsync", "unsafe", "default"] | None = declared(
        "Cache mode of the host.", effect="restart"
    )
    io: Literal["native", "threads", "io_uring"] | None = declared("How the host does its I/O.", effect="restart")
    discard: Literal["unmap", "ignore"] | None = declared(
        "Whether blocks that the guest frees are freed.", effect="restart"
    )
    read_only: Yes | None = declared("The guest cannot write to it.", effect="restart")
    serial: Serial | None = declared("Serial number that the guest sees.", effect="restart")
    boot_order: BootOrder | None = declared("Place in the order of boot devices, lowest first.", effect="restart")


class Cdrom(Named):
    """A CD-ROM drive."""

    image: Name | None = declared("Image in the drive; `null`: none.", effect="live", empty=True)
    bus: Literal["sata", "scsi", "ide", "usb"] | None = declared("Bus that the guest sees it on.", effect="restart")
    boot_order: BootOrder | None = declared("Place in the order of boot devices, lowest first.", effect="restart")


class Nic(Named):
    """A network interface; `lan` is short for `{name: lan, network: lan}`."""

    shorthand: ClassVar[tuple[str, ...]] = ("name", "network")

    network: Name | None = declared("Network that it is connected to.", effect="live")
    mac: Mac | None = declared("MAC address; without it a free one, once.", effect="restart")
    model: Literal["virtio", "e1000", "e1000e", "rtl8139"] | None = declared(
        "Model that the guest sees.", effect="restart"
    )
    link: Literal["up", "down"] | None = declared("Whether the cable is plugged in.", effect="live")
    boot_order: BootOrder | None = declared("Place in the order of boot devices, lowest first.", effect="restart")
