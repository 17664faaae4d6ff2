"""Smbios: what the firmware tells the guest about its hardware."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from specs.errors import BadValue
from specs.kinds.common import Line
from specs.model import Model, Unit, declared


def _plain(value: str) -> str:
    if "," in value or not value:
        raise BadValue("such a text is not empty and has no comma")
    return value


OemStrings = Annotated[tuple[Annotated[Line, AfterValidator(_plain)], ...], Unit("text without commas")]


class SmbiosBios(Model):
    """Table 0."""

    vendor: Line | None = declared("Vendor of the firmware.", effect="restart")
    version: Line | None = declared("Its version.", effect="restart")
    date: Line | None = declared("Its date, MM/DD/YYYY.", effect="restart")
    release: Line | None = declared("Its release, such as 4.2.", effect="restart")


class SmbiosSystem(Model):
    """Table 1."""

    manufacturer: Line | None = declared("Manufacturer of the machine.", effect="restart")
    product: Line | None = declared("Its product name.", effect="restart")
    version: Line | None = declared("Its version.", effect="restart")
    serial: Line | None = declared("Its serial number.", effect="restart")
    sku: Line | None = declared("Its stock keeping unit.", effect="restart")
    family: Line | None = declared("Its family.", effect="restart")


class SmbiosBaseboard(Model):
    """Table 2."""

    manufacturer: Line | None = declared("Manufacturer of the board.", effect="restart")
    product: Line | None = declared("Its product name.", effect="restart")
    version: Line | None = declared("Its version.", effect="restart")
    serial: Line | None = declared("Its serial number.", effect="restart")
    asset: Line | None = declared("Its asset tag.", effect="restart")
    location: Line | None = declared("Its place in the chassis.", effect="restart")


class SmbiosChassis(Model):
    """Table 3."""

    manufacturer: Line | None = declared("Manufacturer of the chassis.", effect="restart")
    version: Line | None = declared("Its version.", effect="restart")
    serial: Line | None = declared("Its serial number.", effect="restart")
    asset: Line | None = declared("Its asset tag.", effect="restart")
    sku: Line | None = declared("Its stock keeping unit.", effect="restart")


class Smbios(Model):
    """What the firmware tells the guest about its hardware."""

    mode: Literal["emulate", "host", "sysinfo"] | None = declared(
        "QEMU's own tables, the host's, or those below (which any of them implies).", effect="restart"
    )
    bios: SmbiosBios | None = declared("The firmware.", effect="restart")
    system: SmbiosSystem | None = declared("The machine.", effect="restart")
    baseboard: SmbiosBaseboard | None = declared("The main board.", effect="restart")
    chassis: SmbiosChassis | None = declared("The case.", effect="restart")
    oem_strings: OemStrings | None = declared("Texts for programs in the guest.", effect="restart")
