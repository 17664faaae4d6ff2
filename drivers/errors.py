"""What can go wrong when the world is read or changed; every driver maps its library's errors to these once.

DriverError                 host, operation, and what libvirt (or another system) said
├── Unreachable             no connection, or it broke; nothing is known about what was under way
├── Unknown                 the call passed its deadline: it may still happen; never try elsewhere
├── Busy                    a lock, a job or a guest is in the way; the same call may succeed later
├── Missing                 the object is not there (any more)
├── Conflict                the object is not as the caller expected: name or uuid taken, generation moved, in use
├── Refused                 the host will not do this as asked until the spec or the host changes
│   └── Unsupported         this version or build of the host cannot do it
├── Denied                  authentication, certificate, host key or rights
└── NoSpace                 the storage is full
"""

from __future__ import annotations


class DriverError(Exception):
    """`operation` names the call ("start vm/web"); `detail` is the cause in the other system's words."""

    retry = "backoff"  # "backoff": the next pass may try again · "never": wait for a change of spec or host

    def __init__(self, host: str, operation: str, detail: str) -> None:
        super().__init__(f"{host}: {operation}: {detail}")
        self.host, self.operation, self.detail = host, operation, detail


class Unreachable(DriverError):
    """The host cannot be reached, or the connection broke during the call."""


class Unknown(DriverError):
    """The call was abandoned at its deadline; whether it took effect is not known."""


class Busy(DriverError):
    """Something holds the object: a job, a lock, a guest that does not answer."""


class Missing(DriverError):
    """The object does not exist on this host."""


class Conflict(DriverError):
    """The object is not in the state that the caller saw; observe and plan again."""


class Refused(DriverError):
    """The host rejects the request itself; trying again without a change is useless."""

    retry = "never"


class Unsupported(Refused):
    """This host's libvirt or QEMU lacks the feature."""


class Denied(DriverError):
    """Who we are, or who the host is, was not accepted."""

    retry = "never"


class NoSpace(DriverError):
    """No room left on the storage."""
