"""Managed direct: a migration that is led through our own connections to both hosts, and given up when we are gone.

Called by live.py, where the hosts do not trust each other, and by postcopy.py. Raises drivers.errors.
"""

from __future__ import annotations

from drivers.libvirt.connect import Connections
from drivers.libvirt.migration.parameters import Terms
from specs.structs import Struct

PATIENCE = 7 * 24 * 3600.0
"""Seconds that the call itself may take where a monitor judges whether it gets anywhere."""


class Way(Struct, frozen=True):
    """From where to where, and after how many seconds the call is given up."""

    source: Connections
    target: Connections
    deadline: float = PATIENCE


def lead(way: Way, uuid: str, operation: str, terms: Terms) -> None:
    """Returns when libvirt says that it is through. Both connections are this call's alone as long as it lasts."""
    source, lease = way.source, way.target.lease("long")
    try:
        with source.long() as conn:
            domain = source.call(operation, conn.lookupByUUIDString, uuid)
            migrate = lease.lent(lambda other: domain.migrate3(other, dict(terms.parameters), terms.flags) is not None)
            source.call(operation, migrate, deadline=way.deadline)
    finally:
        lease.release()
