"""What libvirt says when a migration fails → drivers.errors, with what to do about it.

The general table (drivers/libvirt/errors.py) has classed the error by then; here its codes are read in the light of a
migration, where "operation invalid" is a snapshot and a refused connection is the peer's, not the host's. In: the
DriverError with libvirt's own error as its cause. Out: the error to raise. Called by live.py.
"""

from __future__ import annotations

import re

from drivers.errors import Busy, Conflict, DriverError, NoSpace, Refused, Unreachable, Unsupported
from drivers.libvirt.errors import is_code
from specs.structs import Struct


class Reading(Struct, frozen=True):
    """An error of these codes (all, if none) and this text (any, if "") is of this kind; `advice` follows its words."""

    codes: tuple[str, ...]
    text: str
    kind: type[DriverError]
    advice: str

    def fits(self, error: DriverError) -> bool:
        """Whether this is the one."""
        if self.codes and not is_code(error, *self.codes):
            return False
        return re.search(self.text, error.detail, re.IGNORECASE) is not None


READINGS: tuple[Reading, ...] = (
    Reading(
        (),
        r"client socket is closed|keepalive timeout|end of file while|connection reset|broken pipe|lost connection",
        Unreachable,
        "the way between the hosts, or the target itself, was lost in mid-migration",
    ),
    Reading(
        ("MIGRATE_UNSAFE",),
        "",
        Refused,
        "libvirt does not take the storage of its disks for shared: have their content copied along, or list the "
        "folder under shared_filesystems in qemu.conf of the host that exports it",
    ),
    Reading(
        ("CPU_INCOMPATIBLE",),
        "",
        Unsupported,
        "the target's processor lacks this: give the VM (or its cluster) a CPU model that all hosts have",
    ),
    Reading(("OPERATION_INVALID",), r"snapshots?", Refused, "delete the snapshots first"),
    Reading(
        ("OPERATION_INVALID",),
        r"block job|domain has active block",
        Busy,
        "wait for the copy of a disk that is under way",
    ),
    Reading(
        ("OPERATION_INVALID", "ARGUMENT_UNSUPPORTED", "OPERATION_UNSUPPORTED", "CONFIG_UNSUPPORTED"),
        r"host ?dev|vfio|assigned|non-migratable|does not support migration|shmem|swtpm|virtiofs",
        Refused,
        "a device ties it to this host: take the device away, or stop the VM to move it",
    ),
    Reading(
        (),
        r"unable to resolve address|failed to connect to|unable to connect to server|no route to host|"
        r"connection refused",
        Unreachable,
        "the hosts do not reach each other: look at names, routes and firewalls between them (TCP 49152 to 49215)",
    ),
    Reading(
        (),
        r"locked memory",
        Refused,
        "zero copy needs memory that may be locked: leave it, or raise the limit for the host's libvirtd",
    ),
    Reading((), r"unable to find any port|all ports.*in use", Busy, "all of the target's migration ports are taken"),
    Reading(
        (),
        r"certificate|TLS handshake|x509|tls.creds|Unable to access credentials",
        Refused,
        "data of migrations can be encrypted only with QEMU's certificates on both hosts (/etc/pki/qemu)",
    ),
    Reading((), r"no space left|not enough space", NoSpace, "make room on the target's storage"),
    Reading(
        (),
        r"network '.*' is not active|Network not found|Cannot get interface",
        Conflict,
        "the target lacks a network that the VM is plugged into",
    ),
    Reading(
        (), r"Failed to get .{0,20}lock|resource busy|is locked", Conflict, "somebody else has the disk open there"
    ),
    Reading(
        (),
        r"cannot access storage file|No such file or directory|could not open",
        Conflict,
        "the target does not reach a file that the VM needs (a disk, an ISO image, firmware)",
    ),
    Reading((), r"cannot allocate memory|out of memory", Refused, "the target has too little free memory"),
    Reading(
        (),
        r"unsupported machine type|machine type .* not supported|does not support machine",
        Unsupported,
        "the target's QEMU is too old for the VM's machine type: move only to an equal or newer version",
    ),
    Reading(
        (),
        r"load of migration failed|Input/output error|error while loading state",
        DriverError,
        "the target's QEMU broke off: its log (/var/log/libvirt/qemu) says why",
    ),
)
"""The first that fits counts."""

NOT_BEGUN = re.compile(
    r"failed to connect to remote libvirt uri|unable to connect to (server|socket)|cannot recv data|"
    r"host key verification failed|permission denied|authentication (failed|is required)|"
    r"certificate|tls (handshake|confirmation)|gnutls|unable to resolve|no route to host|connection refused|"
    r"does not exist|ssh|cannot read ca|connection (timed out|reset)",
    re.IGNORECASE,
)
"""What the source's libvirtd says when it could not open the connection to its peer."""


def explain(error: DriverError, aborted: str) -> DriverError:
    """The error to raise; `aborted` is why the monitor ended the migration, if it did."""
    if is_code(error, "OPERATION_ABORTED"):
        return _made(error, Busy, f"it was aborted: {aborted or 'somebody cancelled it'}")
    if aborted:
        return _made(error, Busy, f"it was aborted: {aborted}")
    for reading in READINGS:
        if reading.fits(error):
            return _made(error, reading.kind, f"{error.detail}: {reading.advice}")
    return error


def is_about_the_peer(error: DriverError) -> bool:
    """Whether the source's libvirtd failed to open a connection to the target's."""
    return error.__cause__ is not None and NOT_BEGUN.search(error.detail) is not None


def _made(error: DriverError, kind: type[DriverError], detail: str) -> DriverError:
    made = kind(error.host, error.operation, detail)
    made.__cause__ = error.__cause__
    return made
