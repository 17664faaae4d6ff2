"""Reading networks: all of a host, or one afresh, into `SeenNetwork`."""

from __future__ import annotations

import libvirt

from drivers.errors import DriverError, Missing
from drivers.libvirt.connect import Connections
from drivers.libvirt.errors import is_code
from drivers.libvirt.network.read import read
from drivers.seen import SeenNetwork

Answer = tuple[str, str | None, bool, bool]  # inactive XML, live XML, autostart, persistent


def read_all(connections: Connections, networks: list[libvirt.virNetwork]) -> list[SeenNetwork]:
    """The networks, in order of name; one that is gone meanwhile is left out."""
    answers = connections.gather("read the networks", _answer, networks)
    found = [_seen(connections, answer) for answer in answers if not isinstance(answer, Missing)]
    return sorted(found, key=lambda network: network.name)


def read_one(connections: Connections, conn: libvirt.virConnect, name: str) -> SeenNetwork | None:
    """One network afresh, or None."""
    operation = f"read network/{name}"
    try:
        network = connections.call(operation, conn.networkLookupByName, name)
        return _seen(connections, connections.call(operation, _answer, network))
    except Missing:
        return None


def _answer(network: libvirt.virNetwork) -> Answer:
    persistent = bool(network.isPersistent())
    live = network.XMLDesc(0) if network.isActive() else None
    return definition(network), live, bool(persistent and network.autostart()), persistent


def _seen(connections: Connections, answer: Answer | DriverError) -> SeenNetwork:
    if isinstance(answer, DriverError):
        raise answer
    inactive, live, autostart, persistent = answer
    try:
        view = read(inactive, live)
    except ValueError as problem:
        raise DriverError(connections.host, "read the networks", str(problem)) from problem
    return SeenNetwork(
        name=view.name,
        uuid=view.uuid,
        active=live is not None,
        autostart=autostart,
        persistent=persistent,
        config=view.config,
        live=view.live,
        mark=view.mark,
        definition=view.definition,
    )


def definition(network: libvirt.virNetwork) -> str:
    """The XML of the next start."""
    try:
        xml: str = network.XMLDesc(libvirt.VIR_NETWORK_XML_INACTIVE)
    except libvirt.libvirtError as error:
        if not is_code(error, "INVALID_ARG"):
            raise
        xml = network.XMLDesc(0)  # the test driver keeps one definition only
    return xml
