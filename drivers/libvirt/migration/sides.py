"""One host's side of a move: what it has of the VM at this moment.

Looked at right before a move, after it, and by `settle`, which judges from both sides. In: an open connection. Out:
`Side`, or None if the host knows no domain of that uuid. Nothing here asks a hanging QEMU but for the job under way.
"""

from __future__ import annotations

from typing import Any

import libvirt

from drivers.errors import DriverError, Missing
from drivers.libvirt.connect import Connections
from drivers.libvirt.domain import NotReadable
from drivers.libvirt.domain.reading import mark_of
from drivers.libvirt.domain.tree import parse
from drivers.libvirt.errors import is_code
from drivers.mark import Mark
from specs.structs import Struct

DEFINITION = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
OUT = libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT
RUNNING = (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_BLOCKED)
OFF = (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_CRASHED)
ARRIVING = (libvirt.VIR_DOMAIN_PAUSED_MIGRATION, libvirt.VIR_DOMAIN_PAUSED_STARTING_UP)
_IN_POSTCOPY = (libvirt.VIR_DOMAIN_PAUSED_POSTCOPY, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED)
_ON_PART = (libvirt.VIR_DOMAIN_RUNNING_POSTCOPY, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED)
BROKEN = (
    (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED),
    (libvirt.VIR_DOMAIN_RUNNING, libvirt.VIR_DOMAIN_RUNNING_POSTCOPY_FAILED),
)
"""The halves of a VM whose post-copy broke, the source's and the target's: libvirt keeps a job that nobody is at."""


class Side(Struct, frozen=True, kw_only=True):
    """`state` and `reason` are libvirt's numbers; `job` is true while a migration away from this host is under way."""

    host: str
    name: str
    state: int
    reason: int
    persistent: bool
    xml: str
    mark: Mark | None
    damaged: bool = False
    autostart: bool = False
    saved: bool = False
    snapshots: bool = False
    job: bool = False

    @property
    def off(self) -> bool:
        """No QEMU process."""
        return self.state in OFF

    @property
    def moved_on(self) -> bool:
        """Off since libvirt saw it through to another host, which ran it from then on: this is not the VM any more."""
        return (self.state, self.reason) == (libvirt.VIR_DOMAIN_SHUTOFF, libvirt.VIR_DOMAIN_SHUTOFF_MIGRATED)

    @property
    def handed_over(self) -> bool:
        """Paused by libvirt at the end of a migration, not by anybody: the other side may have the VM."""
        return (self.state, self.reason) == (libvirt.VIR_DOMAIN_PAUSED, libvirt.VIR_DOMAIN_PAUSED_MIGRATION)

    @property
    def shell(self) -> bool:
        """A QEMU that waits for a VM and never ran it: the definition comes only when it is to run."""
        return not self.persistent and self.state == libvirt.VIR_DOMAIN_PAUSED and self.reason in ARRIVING

    @property
    def in_postcopy(self) -> bool:
        """Part of its memory is on the other side."""
        if self.state in RUNNING:
            return self.reason in _ON_PART
        return self.state == libvirt.VIR_DOMAIN_PAUSED and self.reason in _IN_POSTCOPY

    @property
    def split(self) -> bool:
        """A post-copy that broke: libvirt keeps both halves until the migration is resumed."""
        return (self.state, self.reason) in BROKEN

    @property
    def alive(self) -> bool:
        """The VM itself is here: it runs, or somebody paused it."""
        return not (self.off or self.shell or self.handed_over)

    @property
    def generation(self) -> int:
        """That of the mark, 0 without."""
        return self.mark.generation if self.mark else 0


def look(connections: Connections, conn: libvirt.virConnect, uuid: str, operation: str) -> Side | None:
    """The side as it is now. Raises drivers.errors."""
    for _ in range(3):
        try:
            found = connections.call(operation, _facts, conn, uuid)
        except Missing:
            return None
        if found is not None:
            return _side(connections.host, operation, found)
    raise DriverError(connections.host, operation, "it changes faster than it can be read")


def migrating_out(stats: dict[str, Any]) -> bool:
    """Whether that is the job of a migration from here. Stats are of the job under way, so a type of none is none."""
    return bool(stats.get("type")) and stats.get("operation") == OUT


def _facts(conn: libvirt.virConnect, uuid: str) -> dict[str, Any] | None:
    """None if it changed while it was read."""
    domain = conn.lookupByUUIDString(uuid)
    state, reason = domain.state(0)
    persistent = bool(domain.isPersistent())
    found = {
        "name": domain.name(),
        "state": state,
        "reason": reason,
        "persistent": persistent,
        "xml": domain.XMLDesc(DEFINITION),
        "autostart": bool(persistent and domain.autostart()),
        "saved": bool(persistent and domain.hasManagedSaveImage(0)),
        "snapshots": bool(domain.snapshotNum(0)),
        "job": _may_leave(state, reason) and migrating_out(_job(domain)),
    }
    return found if list(domain.state(0)) == [state, reason] else None


def _may_leave(state: int, reason: int) -> bool:
    """Whether there may be a job of a migration from here. Where it comes to QEMU may hang, and is not asked.

    Of a post-copy that broke libvirt keeps the job, but nobody is at it.
    """
    return state not in OFF and (state, reason) not in BROKEN and not (state in RUNNING and reason in _ON_PART)


def _job(domain: libvirt.virDomain) -> dict[str, Any]:
    """None of ours where libvirt will not tell: it just ended, or this is the side that it comes to."""
    try:
        return dict(domain.jobStats(0))
    except libvirt.libvirtError as error:
        if is_code(error, "OPERATION_INVALID", "OPERATION_UNSUPPORTED"):
            return {}
        raise


def _side(host: str, operation: str, found: dict[str, Any]) -> Side:
    try:
        mark, damaged = mark_of(parse(found["xml"]))
    except NotReadable as problem:
        raise DriverError(host, operation, str(problem)) from None
    return Side(host=host, mark=mark, damaged=damaged, **found)
