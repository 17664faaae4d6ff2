"""MemoryHost: the bundle of protocols for one host of the world, as drivers.base.Host asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.base import Host, Migrations, Networks, Node, Pools, Powers, Reader, Vms, Volumes, WakeUp
from drivers.memory.calls import Line
from drivers.memory.model.places import HostState
from drivers.memory.protocols.console import MemoryConsole, open_console
from drivers.memory.protocols.migrations import MemoryMigrations
from drivers.memory.protocols.networks import MemoryNetworks
from drivers.memory.protocols.node import MemoryNode
from drivers.memory.protocols.pools import MemoryPools
from drivers.memory.protocols.powers import MemoryPowers
from drivers.memory.protocols.reader import MemoryReader
from drivers.memory.protocols.vms import MemoryVms
from drivers.memory.protocols.volumes import MemoryVolumes

if TYPE_CHECKING:
    from drivers.memory.world import World


class MemoryHost:
    """One connection; see drivers.base.Host."""

    def __init__(self, world: World, state: HostState) -> None:
        line = Line(world, state)
        self.name = state.name
        self.reader: Reader = MemoryReader(line)
        self.vms: Vms = MemoryVms(line)
        self.powers: Powers = MemoryPowers(line)
        self.networks: Networks = MemoryNetworks(line)
        self.pools: Pools = MemoryPools(line)
        self.volumes: Volumes = MemoryVolumes(line)
        self.node: Node = MemoryNode(line)
        self.migrations: Migrations = MemoryMigrations(line)
        self._line = line
        self._watching: list[WakeUp] = []

    def console(self, uuid: str, force: bool = False) -> MemoryConsole:
        """See drivers.base.Host.console."""
        return open_console(self._line, uuid, force)

    def watch(self, wake: WakeUp) -> None:
        """See drivers.base.Host.watch; a second call replaces the listener."""
        self.close()
        with self._line.world.lock:
            self._line.host.watchers.append(wake)
            self._watching.append(wake)

    def close(self) -> None:
        """Stops this connection's watching."""
        with self._line.world.lock:
            for wake in self._watching:
                self._line.host.watchers.remove(wake)
            self._watching.clear()


def _keeps_the_contract(host: MemoryHost) -> Host:
    return host  # the type checker's proof that every protocol is kept
