"""The bundle for one libvirt host, as drivers/base.py wants it. Built by reconciler/app.py through `connect`.

Whoever only looks needs the reader alone: what changes things is imported and made at its first use (20 ms of every
`gitvirt plan`).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from drivers.base import WakeUp
from drivers.libvirt.access import Access
from drivers.libvirt.connect import Connections
from drivers.libvirt.reader.reader import Reader

if TYPE_CHECKING:
    from drivers.libvirt.console import SerialConsole
    from drivers.libvirt.migration.migrations import Migrations
    from drivers.libvirt.network.networks import Networks
    from drivers.libvirt.node import Node
    from drivers.libvirt.powers import Powers
    from drivers.libvirt.storage.pools import Pools
    from drivers.libvirt.storage.volumes import Volumes
    from drivers.libvirt.vms import Vms
    from drivers.libvirt.watch import Watch

Part = TypeVar("Part")


class _AtFirstUse(Generic[Part]):
    """A part of the bundle, made once even if many threads ask at once: its locks are those of the host's VMs."""

    def __init__(self, make: Callable[[Connections], Part]) -> None:
        self._make = make

    def __get__(self, host: LibvirtHost, owner: type[Any]) -> Part:
        with host.making:
            if self not in host.made:
                host.made[self] = self._make(host.connections)
            found: Part = host.made[self]
        return found


def _vms(connections: Connections) -> Vms:
    from drivers.libvirt.vms import Vms

    return Vms(connections)


def _powers(connections: Connections) -> Powers:
    from drivers.libvirt.powers import Powers

    return Powers(connections)


def _networks(connections: Connections) -> Networks:
    from drivers.libvirt.network.networks import Networks

    return Networks(connections)


def _pools(connections: Connections) -> Pools:
    from drivers.libvirt.storage.pools import Pools

    return Pools(connections)


def _volumes(connections: Connections) -> Volumes:
    from drivers.libvirt.storage.volumes import Volumes

    return Volumes(connections)


def _node(connections: Connections) -> Node:
    from drivers.libvirt.node import Node

    return Node(connections)


def _migrations(connections: Connections) -> Migrations:
    from drivers.libvirt.migration.migrations import Migrations

    return Migrations(connections)


class LibvirtHost:
    """One host behind one set of connections, which open at the first call."""

    vms = _AtFirstUse(_vms)
    powers = _AtFirstUse(_powers)
    networks = _AtFirstUse(_networks)
    pools = _AtFirstUse(_pools)
    volumes = _AtFirstUse(_volumes)
    migrations = _AtFirstUse(_migrations)
    node = _AtFirstUse(_node)

    def __init__(self, name: str, access: Access) -> None:
        self.name = name
        self.connections = Connections(name, access)
        self.making, self.made = threading.RLock(), dict[_AtFirstUse[Any], Any]()
        self._watch: Watch | None = None
        self.reader = Reader(self.connections)

    def console(self, uuid: str, force: bool = False) -> SerialConsole:
        """The first serial console; Conflict if somebody else has it and not `force`."""
        from drivers.libvirt.console import open_console

        return open_console(self.connections, uuid, force)

    def watch(self, wake: WakeUp) -> None:
        """Calls `wake` for every event until `close`; a second call replaces the listener."""
        from drivers.libvirt.watch import Watch

        if self._watch is not None:
            self._watch.stop()
        self._watch = Watch(self.connections, wake)
        self._watch.start()

    def close(self) -> None:
        """Ends the watch and lets go of all connections."""
        if self._watch is not None:
            self._watch.stop()
        self.connections.close()


def connect(name: str, access: Access) -> LibvirtHost:
    """The host's bundle; nothing is contacted before the first call."""
    return LibvirtHost(name, access)
