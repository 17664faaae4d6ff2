"""Migrations: moves of one host's VMs to another (the Protocol of drivers/base.py) on libvirt.

In: requests of drivers/moving.py and the other host. Each kind of move is a module of its own; here are what they have
in common, cancelling, and progress. A migration has connections of its own, so that nothing else waits for it.
Raises drivers.errors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from drivers.base import Host, Migration, Progress, Relocation
from drivers.errors import Conflict, Missing, Refused, Unsupported
from drivers.libvirt.connect import Connections
from drivers.libvirt.migration import postcopy, relocate, settle
from drivers.libvirt.migration.live import Live
from drivers.libvirt.migration.monitor import progress_of
from drivers.libvirt.migration.sides import BROKEN, migrating_out


class Migrations:
    """The moves from one host. Thread-safe."""

    def __init__(self, connections: Connections) -> None:
        self._connections, self._host = connections, connections.host
        self._strangers: dict[str, float] = {}

    def migrate(self, request: Migration, target: Host, told: Callable[[Progress], None]) -> None:
        """See drivers.base.Migrations."""
        Live(self._connections, self._of(target, request.uuid), request, self._strangers).run(told)

    def relocate(self, request: Relocation, target: Host) -> None:
        """See drivers.base.Migrations."""
        relocate.relocate(self._connections, self._of(target, request.uuid), request)

    def cancel(self, uuid: str) -> bool:
        """See drivers.base.Migrations."""
        operation = f"cancel the migration of vm/{uuid}"
        with self._connections.changes() as conn:
            try:
                domain = self._connections.call(operation, conn.lookupByUUIDString, uuid)
                if not migrating_out(self._stats(operation, domain)):
                    return False
            except (Missing, Conflict, Unsupported):
                return False  # gone, just stopped, or this is the side that it comes to
            self._connections.call(operation, domain.abortJob)
            return True

    def progress(self, uuid: str) -> Progress | None:
        """See drivers.base.Migrations."""
        operation = f"read the progress of vm/{uuid}"
        with self._connections.changes() as conn:
            try:
                domain = self._connections.call(operation, conn.lookupByUUIDString, uuid)
                stats = self._stats(operation, domain)
                broken = tuple(self._connections.call(operation, domain.state)) in BROKEN
            except (Missing, Conflict, Unsupported):
                return None
        if not migrating_out(stats) or (broken and not postcopy.goes_on(self._connections, uuid, operation)):
            return None
        return progress_of(stats)

    def settle(self, uuid: str, target: Host) -> str:
        """See drivers.base.Migrations."""
        return settle.settle(self._connections, self._of(target, uuid), uuid)

    def _stats(self, operation: str, domain: Any) -> dict[str, Any]:
        return dict(self._connections.call(operation, domain.jobStats, 0))

    def _of(self, target: Host, uuid: str) -> Connections:
        from drivers.libvirt.host import LibvirtHost  # which knows this module

        operation = f"move vm/{uuid}"
        if not isinstance(target, LibvirtHost):
            raise Refused(self._host, operation, f"{target.name} is no libvirt host")
        if target.connections.host == self._host:
            raise Refused(self._host, operation, "source and target are the same host")
        return target.connections
