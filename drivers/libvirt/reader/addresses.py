"""The addresses of a running guest: what its agent says, what libvirt leased, and whom the host has as neighbours.

The neighbours (ARP) are asked last, and believed only for NICs of which nothing else is known: they remember what was.
They are the only ones that know guests without agent on a bridge with a DHCP server elsewhere. Slow path: agents hang.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from typing import Any

import libvirt

from drivers.errors import DriverError, Missing
from drivers.libvirt.connect import Connections
from drivers.seen import Address

AGENT_WAIT = 8.0  # seconds; libvirt itself gives up on an agent's greeting after 5
SOURCES = (
    ("agent", libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT),
    ("lease", libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_LEASE),
    ("arp", libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_ARP),
)


def read(connections: Connections, uuid: str) -> tuple[Address, ...]:
    """Each address once, agent first; without those that only the guest itself can use. Raises Missing."""
    operation = f"read the addresses of vm {uuid}"
    answers: dict[str, Mapping[str, Any]] = {}
    for name, source in SOURCES:
        with connections.long() as conn:
            domain = connections.call(operation, conn.lookupByUUIDString, uuid)
            try:
                answer = connections.call(operation, domain.interfaceAddresses, source, 0, deadline=AGENT_WAIT)
            except Missing:
                raise
            except DriverError:
                continue  # stopped, no agent, no lease: nothing is known from there
        answers[name] = answer or {}
    return joined(answers)


def joined(answers: Mapping[str, Mapping[str, Any]]) -> tuple[Address, ...]:
    """What the sources said, in their order, as one list. Pure: `answers` as libvirt gives them, by source."""
    found: dict[str, Address] = {}
    for name, answer in answers.items():
        known = {each.mac for each in found.values()} if name == "arp" else set()
        for each in _useful(answer, name):
            if each.mac not in known:
                found.setdefault(each, each)
    return tuple(found.values())


def _useful(answer: Mapping[str, Any], source: str) -> Iterator[Address]:
    for interface in answer.values():
        mac = (interface.get("hwaddr") or "").lower()
        for each in interface.get("addrs") or ():
            address = ipaddress.ip_address(each["addr"].partition("%")[0])
            if not (address.is_loopback or address.is_link_local or address.is_unspecified):
                yield Address(str(address), mac, source)
