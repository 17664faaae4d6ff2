"""What has to be true right before a VM leaves its host, looked at on both. Pure, but for `clear`.

In: both sides as they are now. Out: nothing, or a Conflict (observe and plan again) or Refused (change something)
that says what to do. Called by live.py and relocate.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn

import libvirt

from drivers.errors import Conflict, DriverError, Missing, Refused
from drivers.libvirt.connect import Connections
from drivers.libvirt.errors import is_code
from drivers.libvirt.migration.sides import Side

KEEP_TPM_SINCE = 8_009_000
_KEEP_NVRAM, _KEEP_TPM, _CHECKPOINTS = 8, 64, 16


def leaves(here: Side | None, host: str, expects: int, operation: str) -> Side:
    """The source: there, with the mark that was planned with, and nothing on it that ties it to this host."""
    if here is None:
        raise Missing(host, operation, "it is not here (any more)")
    if not here.persistent:
        _conflict(here, operation, "it is transient: it has no definition to move")
    if here.damaged:
        _conflict(here, operation, "its mark cannot be understood by this version of gitvirt")
    if here.mark is None or here.mark.generation != expects:
        found = f"generation {here.mark.generation}" if here.mark else "no mark"
        _conflict(here, operation, f"its mark was changed since: {found}, not generation {expects}")
    if here.snapshots:
        detail = "it has snapshots, and libvirt moves no VM with snapshots: delete them first"
        raise Refused(here.host, operation, detail)
    return here


def may_come(here: Side, there: Side | None, target: str, operation: str) -> None:
    """The target: free of it, or with an older definition of ours that is off and holds nothing."""
    if there is None:
        return
    if not there.off:
        what = "waits for it in a migration" if there.shell else "has it running already"
        raise Conflict(here.host, operation, f"{target} {what}: what happened before has to be settled first")
    mine, theirs = here.mark, there.mark
    if mine is None or theirs is None or (theirs.repository, theirs.uuid) != (mine.repository, mine.uuid):
        raise Conflict(target, operation, "it has a definition of this uuid that is not ours: remove it there first")
    if theirs.generation > mine.generation:
        raise Conflict(target, operation, "it has a newer definition of it than the source")
    if there.saved or there.snapshots:
        what = "saved memory" if there.saved else "snapshots"
        detail = f"it has an old definition of it with {what}, which may be wanted: remove that there first"
        raise Conflict(target, operation, detail)


def name_is_free(connections: Connections, conn: libvirt.virConnect, side: Side, uuid: str, operation: str) -> None:
    """Conflict if another VM of the target has the name."""
    try:
        found = connections.call(operation, lambda: conn.lookupByName(side.name).UUIDString())
    except Missing:
        return
    if found != uuid:
        raise Conflict(connections.host, operation, f"another VM there has the name {side.name}")


def forget(connections: Connections, conn: libvirt.virConnect, uuid: str, operation: str) -> None:
    """Removes the definition of a VM that is off, keeping its NVRAM, TPM state and disks. Already gone is fine.

    Whoever calls has proved that it is not the only one.
    """
    call: Callable[..., object] = connections.call
    try:
        domain = connections.call(operation, conn.lookupByUUIDString, uuid)
        if connections.call(operation, domain.isActive):
            raise Conflict(connections.host, operation, "it runs; its definition is not removed")
        version = connections.call(operation, conn.getLibVersion)
        flags = _KEEP_NVRAM | _CHECKPOINTS | (_KEEP_TPM if version >= KEEP_TPM_SINCE else 0)
        call(operation, domain.undefineFlags, flags)
    except DriverError as error:
        if not is_code(error, "NO_DOMAIN"):
            raise


def _conflict(side: Side, operation: str, detail: str) -> NoReturn:
    raise Conflict(side.host, operation, detail)
