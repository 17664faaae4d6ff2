"""Virtio channels and serial ports: pipes between a guest and its host."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from specs.model import Named, Unit, Yes, declared, matching

HostPath = Annotated[
    str, AfterValidator(matching(r"/[^\x00-\x1f]{1,1023}", "an absolute path", "begin with `/`")), Unit("path")
]
PortName = Annotated[
    str,
    AfterValidator(matching(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", "a name", "use letters, digits, `.`, `_`, `-`")),
    Unit("name"),
]
Endpoint = Annotated[
    str,
    AfterValidator(
        matching(
            r"(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]):[0-9]{1,5}", "an address", "write HOST:PORT, such as 127.0.0.1:4000"
        )
    ),
    Unit("HOST:PORT"),
]


class CharacterDevice(Named):
    """The host's end: a terminal (pty), a file, or a socket."""

    type: Literal["pty", "unix", "file", "tcp", "null"] | None = declared("Kind of the host's end.", effect="restart")
    path: HostPath | None = declared("File or socket of the host; without it, libvirt's choice.", effect="restart")
    address: Endpoint | None = declared("Address of a tcp socket.", effect="restart")
    listen: Yes | None = declared("Whether the socket waits for others to connect; else it connects.", effect="restart")
    log: HostPath | None = declared("File of the host that keeps what the guest says.", effect="restart")


class Channel(CharacterDevice):
    """A virtio channel: /dev/virtio-ports/TARGET in the guest."""

    target: PortName | None = declared("Name that the guest sees; without it, the channel's own.", effect="restart")
