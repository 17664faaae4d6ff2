"""Settings of a network interface that are groups of their own: limits, VLAN tags, virtual ports, PXE."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, Strict

from specs.errors import BadValue
from specs.model import Model, Size, Unit, Yes, declared, matching

_KIB = 1024


def _whole_kib(value: int) -> int:
    if value % _KIB or not value:
        raise BadValue(f"{value} bytes are no whole KiB", fix="libvirt counts in KiB; write 512KiB or 10MiB")
    return value


Rate = Annotated[Size, AfterValidator(_whole_kib)]
VlanTag = Annotated[int, Strict(), Field(ge=0, le=4095), Unit("VLAN tag")]
Parameter = Annotated[
    str,
    AfterValidator(matching(r"[A-Za-z0-9_]+=[^,=]+", "a parameter", "write `NAME=VALUE`, such as `IP=192.0.2.7`")),
    Unit("`NAME=VALUE`"),
]
Word = Annotated[
    str,
    AfterValidator(matching(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}", "a name", "use letters, digits, `.`, `_`, `:`, `-`")),
    Unit("name"),
]
RomFile = Annotated[
    str, AfterValidator(matching(r"/[^\x00-\x1f]{1,1023}", "an absolute path", "begin with `/`")), Unit("path")
]


class Traffic(Model):
    """What may pass in one direction, in a second."""

    average: Rate | None = declared("Bytes in a second on average.", effect="live")
    peak: Rate | None = declared("Bytes in a second at most.", effect="live")
    burst: Rate | None = declared("Bytes that may pass at the peak.", effect="live")


class Bandwidth(Model):
    """Limits of what passes; the host needs the kernel's HTB, SFQ and ingress schedulers, or Open vSwitch."""

    inbound: Traffic | None = declared("What the guest receives.", effect="live")
    outbound: Traffic | None = declared("What the guest sends.", effect="live")


class Vlan(Model):
    """VLAN tags: one, or a trunk. Needs Open vSwitch or SR-IOV, or libvirt 11.0 for a bridge of Linux."""

    tags: Annotated[tuple[VlanTag, ...] | None, Unit("list of VLAN tags")] = declared("The tags.", effect="live")
    trunk: Yes | None = declared("Whether the guest itself tags; several tags are a trunk.", effect="live")
    native: VlanTag | None = declared("Tag of what the guest sends untagged on a trunk.", effect="live")


class VirtualPort(Model):
    """The port of a virtual switch."""

    type: Literal["openvswitch", "802.1Qbg", "802.1Qbh", "midonet"] | None = declared(
        "Kind of switch.", effect="restart"
    )
    interface_id: Word | None = declared("Its identity for the switch.", effect="restart")
    profile_id: Word | None = declared("Name of the port profile.", effect="restart")


class Rom(Model):
    """The ROM of the interface, from which PXE boots."""

    enabled: Yes | None = declared("Whether there is one; without it the interface does not boot.", effect="restart")
    bar: Yes | None = declared("Whether the guest sees it.", effect="restart")
    file: RomFile | None = declared("Another ROM than the model's own; a file of the host.", effect="restart")
