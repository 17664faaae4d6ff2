"""Console: the graphics of a VM, and what a screen has (video card, sound, inputs, USB)."""

import re
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, BeforeValidator, Field, Strict, WithJsonSchema

from specs.errors import BadValue
from specs.kinds.common import SecretRef
from specs.model import Address, Model, Size, Unit, Yes, declared, matching


def _port(value: object) -> object:
    if value == "auto" or (isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= 65535):
        return value
    raise BadValue(f"`{str(value)[:60]}` is not a port", fix="write a number up to 65535, or `auto`")


def _time(value: object) -> str:
    """Canonical: UTC, to the second."""
    try:
        found = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        raise BadValue(f"`{str(value)[:60]}` is not a time", fix="write it as 2030-01-31T18:00:00Z") from None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


Port = Annotated[
    str | int,
    BeforeValidator(_port),
    Unit("port or `auto`"),
    WithJsonSchema({"anyOf": [{"const": "auto"}, {"type": "integer", "minimum": 1, "maximum": 65535}]}),
]
Time = Annotated[str, BeforeValidator(_time), Unit("time, such as 2030-01-31T18:00:00Z")]
Keymap = Annotated[
    str, AfterValidator(matching(r"[a-z]{2}(-[a-z]{2})?", "a keymap", "write it as `de` or `en-us`")), Unit("keymap")
]
HostNetwork = Annotated[
    str,
    AfterValidator(matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a network's name", "use letters, digits, `.`, `-`")),
    Unit("name"),
]


class Vnc(Model):
    """What only VNC has."""

    port: Port | None = declared("Its port on the host.", effect="restart")
    websocket: Port | None = declared("Port of its web socket, for consoles in a browser.", effect="restart")
    keymap: Keymap | None = declared("Keyboard layout, for viewers that send no key codes.", effect="restart")
    share_policy: Literal["allow-exclusive", "force-shared", "ignore"] | None = declared(
        "Whether a viewer may have it for itself.", effect="restart"
    )
    clipboard: Yes | None = declared("Clipboard shared with the guest's agent (QEMU 6.1).", effect="restart")


class Spice(Model):
    """What only SPICE has."""

    port: Port | None = declared("Its port on the host.", effect="restart")
    tls_port: Port | None = declared("Its port for TLS.", effect="restart")
    default_mode: Literal["secure", "insecure"] | None = declared(
        "Whether channels use TLS; without it, both may.", effect="restart"
    )
    keymap: Keymap | None = declared("Keyboard layout, for viewers that send no key codes.", effect="restart")
    agent: Yes | None = declared("Channel of the guest's SPICE agent.", effect="restart")
    clipboard: Yes | None = declared("Whether the agent shares the clipboard.", effect="restart")
    file_transfer: Yes | None = declared("Whether files can be dropped into the guest.", effect="restart")
    streaming: Literal["filter", "all", "off"] | None = declared("Which video is sent as a stream.", effect="restart")
    image_compression: Literal["auto_glz", "auto_lz", "quic", "glz", "lz", "off"] | None = declared(
        "How pictures are packed.", effect="restart"
    )
    mouse: Literal["client", "server"] | None = declared("Who draws the pointer.", effect="restart")


class Graphics(Model):
    """The graphical console; `graphics: vnc` is short for `{type: vnc}`."""

    shorthand: ClassVar[tuple[str, ...]] = ("type",)

    type: Literal["vnc", "spice", "both", "none"] | None = declared("Protocol, or none.", effect="restart")
    listen: Address | None = declared("Address of the host to listen on.", effect="restart")
    network: HostNetwork | None = declared("Network of libvirt on whose address to listen.", effect="restart")
    password: Annotated[SecretRef | None, Unit("secret")] = declared(
        "Password of the console, for VNC at most 8 characters.", effect="live"
    )
    password_expires: Time | None = declared("When the password lets nobody in any more.", effect="live")
    vnc: Vnc | None = declared("What only VNC has.", effect="restart")
    spice: Spice | None = declared("What only SPICE has.", effect="restart")


def _resolution(value: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]{2,4}x[1-9][0-9]{2,4}", value):
        raise BadValue(f"`{value[:60]}` is not a resolution", fix="write it as 1920x1080")
    return value


class Video(Model):
    """The first video card; `video: virtio` is short for `{model: virtio}`."""

    shorthand: ClassVar[tuple[str, ...]] = ("model",)

    model: Literal["vga", "virtio", "qxl", "bochs", "cirrus", "vmvga", "ramfb", "none"] | None = declared(
        "Model that the guest sees.", effect="restart"
    )
    heads: Annotated[int, Strict(), Field(ge=1, le=16), Unit("number")] | None = declared("Monitors.", effect="restart")
    vram: Size | None = declared("Video memory.", effect="restart")
    ram: Size | None = declared("Primary memory of a qxl card.", effect="restart")
    vga_memory: Size | None = declared("Frame buffer of a qxl card in VGA mode.", effect="restart")
    resolution: Annotated[str, AfterValidator(_resolution), Unit("resolution, such as 1920x1080")] | None = declared(
        "Resolution that it begins with.", effect="restart"
    )
    acceleration: Yes | None = declared("3D acceleration by the host.", effect="restart")


class Usb(Model):
    """USB: the controller, and ports by which SPICE redirects devices of whoever looks."""

    controller: (
        Literal["qemu-xhci", "nec-xhci", "ich9-ehci1", "piix3-uhci", "piix4-uhci", "vt82c686b-uhci", "none"] | None
    ) = declared("Model of the controller.", effect="restart")
    redirections: Annotated[int, Strict(), Field(ge=0, le=12), Unit("number")] | None = declared(
        "Devices that can be redirected at a time.", effect="hotplug"
    )


_Bus = Literal["usb", "virtio", "none"]


class Inputs(Model):
    """Input devices beside the PS/2 ones that every PC has."""

    tablet: _Bus | None = declared("Tablet: a pointer with a place.", effect="hotplug")
    mouse: _Bus | None = declared("Mouse.", effect="hotplug")
    keyboard: _Bus | None = declared("Keyboard.", effect="hotplug")
