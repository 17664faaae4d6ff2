"""The addresses of a running guest: what its agent says, then what libvirt's DHCP leased. Slow path: agents hang."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

import libvirt

from drivers.errors import DriverError, Missing
from drivers.libvirt.connect import Connections

AGENT_WAIT = 8.0  # seconds; libvirt itself gives up on an agent's greeting after 5
SOURCES = (
    (libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, AGENT_WAIT),
    (libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE, AGENT_WAIT),
)


def read(connections: Connections, uuid: str) -> tuple[str, ...]:
    """Each address once, agent first; without those that only the guest itself can use. Raises Missing."""
    operation = f"read the addresses of vm {uuid}"
    found: dict[str, None] = {}
    for source, limit in SOURCES:
        with connections.long() as conn:
            domain = connections.call(operation, conn.lookupByUUIDString, uuid)
            try:
                answer = connections.call(operation, domain.interfaceAddresses, source, 0, deadline=limit)
            except Missing:
                raise
            except DriverError:
                continue  # stopped, no agent, no lease: nothing is known from there
        found.update(dict.fromkeys(_useful(answer)))
    return tuple(found)


def _useful(answer: dict[str, Any] | None) -> Iterator[str]:
    for interface in (answer or {}).values():
        for each in interface.get("addrs") or ():
            address = ipaddress.ip_address(each["addr"].partition("%")[0])
            if not (address.is_loopback or address.is_link_local or address.is_unspecified):
                yield str(address)
