"""World: a whole simulated datacenter in memory, which keeps the contract of drivers/base.py.

For flow tests (whole passes with faults and crashes), golden cases, benchmarks with a thousand hosts, and as the twin
of drivers/libvirt in the contract suite. Deterministic: chance comes from a seed, time from the clock passed in.

    world = World()
    world.add_host("kvm1")
    world.add_directory("/srv/shared", hosts=["kvm1"])
    host = world.host("kvm1")           # a drivers.base.Host
    world.outside("kvm1").kill("web")   # what happens without gitvirt
    world.faults.crash(3, "after")      # our own process dies
"""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Callable, Iterable

from drivers.errors import Denied, DriverError
from drivers.memory.calls import Call
from drivers.memory.faults import Faults
from drivers.memory.host import MemoryHost
from drivers.memory.journey import Journey
from drivers.memory.model.files import Directory, File
from drivers.memory.model.places import HostState
from drivers.memory.outside import Outside
from drivers.memory.protocols.console import MemoryConsole
from drivers.memory.running import Damage, Double, halt
from drivers.node import Cell, Topology
from drivers.seen import Capabilities, Power, SeenHost, Unseen
from specs.structs import Struct, replace

GIB = 1 << 30
CAPABILITIES = Capabilities(
    kvm=True,
    machines=frozenset({"pc", "q35", "pc-i440fx-7.1", "pc-i440fx-7.2", "pc-q35-7.1", "pc-q35-7.2"}),
    cpu_models=frozenset({"qemu64", "Nehalem", "Haswell", "Skylake-Server", "EPYC"}),
    graphics=frozenset({"vnc", "spice"}),
    firmwares=frozenset({"bios", "uefi"}),
    bridges=frozenset({"br0"}),
)


class Clock(Struct):
    """A clock that stands still until it is told: `clock()` is unix seconds."""

    now: float = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class World:
    """The datacenter. `locks=False` turns off QEMU's image locks, so that double starts can happen and be seen.

    `journal` holds every changing call; `doubles` every moment at which a uuid or an image began to run twice;
    `damage` every loss of data; `severed` (host, network, VM) of each running VM that has lost its network.
    """

    def __init__(self, clock: Callable[[], float] | None = None, seed: int = 0, locks: bool = True) -> None:
        self.clock: Callable[[], float] = clock or Clock()
        self.chance = random.Random(seed)
        self.locks = locks
        self.lock = threading.RLock()
        self.hosts: dict[str, HostState] = {}
        self.directories: list[Directory] = []
        self.journal: list[Call] = []
        self.doubles: list[Double] = []
        self.damage: list[Damage] = []
        self.running: dict[str, list[str]] = {}
        self.consoles: dict[tuple[str, str], MemoryConsole] = {}
        self.severed: list[tuple[str, str, str]] = []
        self.journeys: dict[str, Journey] = {}
        self.apart: set[frozenset[str]] = set()
        self.faults = Faults(self.cut)
        self._identities = 0
        self._wakes: list[tuple[HostState, str]] = []

    # The datacenter's furniture.

    def add_host(
        self,
        name: str,
        *,
        cpus: int = 8,
        memory: int = 32 * GIB,
        kvm: bool = True,
        capabilities: Capabilities | None = None,
    ) -> MemoryHost:
        """A host that is on and reachable, with nothing on it; memory in bytes."""
        able = capabilities or replace(CAPABILITIES, kvm=kvm)
        self.hosts[name] = HostState(
            name=name,
            uuid=str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.memory.gitvirt")),
            hostname=name,
            libvirt=9_000_000,
            hypervisor=7_002_000,
            cpus=cpus,
            memory=memory,
            capabilities=able,
            topology=Topology(sockets=1, cores=cpus, threads=1),
            cells=(Cell(id=0, cpus=tuple(range(cpus)), memory=memory),),
        )
        return self.host(name)

    def add_directory(self, path: str, hosts: Iterable[str], capacity: int = 1 << 40) -> Directory:
        """A directory that these hosts see under the same path: shared, if several do. No pool serves it yet."""
        directory = Directory(path, capacity)
        self.directories.append(directory)
        for name in hosts:
            self.hosts[name].mounts[path] = directory
        return directory

    def new_file(self, name: str, capacity: int = 0, format: str = "raw", backing: str = "") -> File:
        """A file that is in no directory yet, with the next identity."""
        self._identities += 1
        return File(name=name, identity=self._identities, capacity=capacity, format=format, backing=backing)

    # Ways in.

    def host(self, name: str) -> MemoryHost:
        """The driver of one host; every call gives a new connection to the same state."""
        return MemoryHost(self, self.hosts[name])

    def outside(self, name: str) -> Outside:
        """What happens on a host without gitvirt: other tools, guests, failures."""
        return Outside(self, self.hosts[name])

    def observe(self) -> dict[str, SeenHost | Unseen]:
        """All hosts as a pass would see them, those that do not answer as Unseen."""
        found: dict[str, SeenHost | Unseen] = {}
        for name in self.hosts:
            try:
                found[name] = self.host(name).reader.read()
            except DriverError as error:
                found[name] = Unseen(name=name, reason=str(error), denied=isinstance(error, Denied))
        return found

    # Power and lines.

    def cut(self, name: str) -> None:
        """The host's line is dead; what runs there runs on."""
        with self.lock:
            self.hosts[name].reachable = False
            self.wake(self.hosts[name], "")
        self.deliver()

    def restore(self, name: str) -> None:
        """The line is back."""
        with self.lock:
            self.hosts[name].reachable = True
            self.wake(self.hosts[name], "")
        self.deliver()

    def cut_between(self, one: str, other: str) -> None:
        """These two hosts do not reach each other any more; gitvirt reaches both."""
        self.apart.add(frozenset((one, other)))

    def restore_between(self, one: str, other: str) -> None:
        """They do again."""
        self.apart.discard(frozenset((one, other)))

    def linked(self, one: str, other: str) -> bool:
        """Do they reach each other?"""
        return frozenset((one, other)) not in self.apart

    def power_off(self, name: str) -> None:
        """A power cut: all guests are gone, nothing was shut down."""
        with self.lock:
            host = self.hosts[name]
            for domain in list(host.domains.values()):
                if domain.live is not None:
                    halt(self, host, domain, "unknown")
                elif domain.power is not Power.SUSPENDED:
                    domain.reason = "unknown"
            for network in host.networks.values():
                network.live = None
            for pool in host.pools.values():
                pool.active, pool.known = False, {}
            host.powered = False
            self.wake(host, "")
        self.deliver()

    def power_on(self, name: str) -> None:
        """The host boots, and libvirt starts what has autostart, as far as it can."""
        with self.lock:
            host = self.hosts[name]
            if not host.powered:
                host.powered = True
                host.cpu_time = 0
                self.outside(name).boot()
            self.wake(host, "")
        self.deliver()

    # For the parts of this package.

    def settle(self, host: HostState) -> None:
        """Guests whose time to go down has come are down; migrations that nobody leads have come to their end."""
        for journey in list(self.journeys.values()):
            if not journey.attended and journey.due <= self.clock():
                journey.carry_on()
        for domain_id, due in list(host.going.items()):
            if due <= self.clock():
                halt(self, host, host.domains[domain_id], "shutdown")

    def note_double(self, what: str, where: tuple[str, ...]) -> None:
        """Something runs twice from now on."""
        self.doubles.append(Double(self.clock(), what, where))

    def wake(self, host: HostState, ref: str) -> None:
        """Notes an event; `deliver` sends it once the lock is free."""
        if host.watchers:
            self._wakes.append((host, ref))

    def deliver(self) -> None:
        """Sends what was noted, outside of the lock. A host that cannot be reached sends only the news of that."""
        with self.lock:
            wakes, self._wakes = self._wakes, []
            calls = [
                (watcher, host.name, ref)
                for host, ref in wakes
                for watcher in list(host.watchers)
                if ref == "" or (host.reachable and host.powered)
            ]
        for watcher, name, ref in calls:
            watcher(name, ref)
