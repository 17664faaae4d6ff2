"""The bundle for one libvirt host, as drivers/base.py wants it. Built by reconciler/app.py through `connect`."""

from __future__ import annotations

from drivers.base import WakeUp
from drivers.libvirt.access import Access
from drivers.libvirt.connect import Connections
from drivers.libvirt.console import SerialConsole, open_console
from drivers.libvirt.network.networks import Networks
from drivers.libvirt.powers import Powers
from drivers.libvirt.reader.reader import Reader
from drivers.libvirt.storage.pools import Pools
from drivers.libvirt.storage.volumes import Volumes
from drivers.libvirt.vms import Vms
from drivers.libvirt.watch import Watch


class LibvirtHost:
    """One host behind one set of connections, which open at the first call."""

    def __init__(self, name: str, access: Access) -> None:
        self.name = name
        self._connections = Connections(name, access)
        self._watch: Watch | None = None
        self.reader = Reader(self._connections)
        self.vms = Vms(self._connections)
        self.powers = Powers(self._connections)
        self.networks = Networks(self._connections)
        self.pools = Pools(self._connections)
        self.volumes = Volumes(self._connections)

    def console(self, uuid: str, force: bool = False) -> SerialConsole:
        """The first serial console; Conflict if somebody else has it and not `force`."""
        return open_console(self._connections, uuid, force)

    def watch(self, wake: WakeUp) -> None:
        """Calls `wake` for every event until `close`; a second call replaces the listener."""
        if self._watch is not None:
            self._watch.stop()
        self._watch = Watch(self._connections, wake)
        self._watch.start()

    def close(self) -> None:
        """Ends the watch and lets go of all connections."""
        if self._watch is not None:
            self._watch.stop()
        self._connections.close()


def connect(name: str, access: Access) -> LibvirtHost:
    """The host's bundle; nothing is contacted before the first call."""
    return LibvirtHost(name, access)
