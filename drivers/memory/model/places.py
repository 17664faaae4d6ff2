"""One simulated host and what it has: domains, networks, pools, mounted directories."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping

from drivers.base import WakeUp
from drivers.errors import Missing
from drivers.mark import Mark, dumps
from drivers.memory.model.domain import Domain
from drivers.memory.model.files import Directory, File
from drivers.memory.model.said import Said
from drivers.node import Cell, CpuModel, NodeDevice, Topology
from drivers.seen import Capabilities, Link, SeenVolume
from specs.fields import Scalar
from specs.structs import Struct, field


class Network(Struct, eq=False):
    """`leases` are the addresses that its DHCP server gave, by MAC."""

    name: str
    uuid: str
    config: dict[str, Scalar] = field(default_factory=dict)
    live: dict[str, Scalar] | None = None
    autostart: bool = False
    mark: Mark | None = None
    leases: dict[str, str] = field(default_factory=dict)

    def digest(self) -> str:
        """Changes with either definition and the mark."""
        parts = (self.name, self.uuid, _text(self.config), _text(self.live), dumps(self.mark) if self.mark else "")
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]


def _text(fields: Mapping[str, Scalar] | None) -> str:
    return repr(sorted(fields.items(), key=lambda item: item[0])) if fields is not None else ""


class Pool(Struct, eq=False):
    """`known` is what libvirtd saw at the last refresh, and since then itself made or deleted."""

    name: str
    uuid: str
    path: str
    active: bool = False
    autostart: bool = False
    known: Mapping[str, SeenVolume] = field(default_factory=dict)


class HostState(Struct, eq=False):
    """`reachable` is the network's side, `powered` the machine's; `going` are guests on their way down, by uuid.

    `cells` say nothing of free memory; `cpu_model` None is the best that the capabilities have. `cpu_time` in ns.
    `refused_xml`: a text that this host's libvirt does not take in `xml:` patches.
    """

    name: str
    uuid: str
    hostname: str
    libvirt: int
    hypervisor: int
    cpus: int
    memory: int
    capabilities: Capabilities
    topology: Topology | None = None
    cells: tuple[Cell, ...] = ()
    cpu_model: CpuModel | None = None
    cpu_time: int = 0
    tsc: int = 0
    devices: list[NodeDevice] = field(default_factory=list)
    links: dict[str, Link] = field(default_factory=dict)
    domains: dict[str, Domain] = field(default_factory=dict)
    networks: dict[str, Network] = field(default_factory=dict)
    pools: dict[str, Pool] = field(default_factory=dict)
    mounts: dict[str, Directory] = field(default_factory=dict)
    reachable: bool = True
    powered: bool = True
    denied: bool = False
    refused_xml: str = ""
    going: dict[str, float] = field(default_factory=dict)
    watchers: list[WakeUp] = field(default_factory=list)

    def domain(self, uuid: str) -> Domain:
        found = self.domains.get(uuid)
        if found is None:
            raise Said(Missing, f"Domain not found: no domain with matching uuid '{uuid}'")
        return found

    def network(self, name: str) -> Network:
        found = self.networks.get(name)
        if found is None:
            raise Said(Missing, f"Network not found: no network with matching name '{name}'")
        return found

    def pool(self, name: str) -> Pool:
        found = self.pools.get(name)
        if found is None:
            raise Said(Missing, f"Storage pool not found: no storage pool with matching name '{name}'")
        return found

    def directory(self, path: str) -> Directory | None:
        """The directory at this path, if this host has it."""
        found = self.mounts.get(path)
        return found if found and found.exists else None

    def file(self, path: str) -> File | None:
        """The image at this path, if this host can open it."""
        folder, name = posixpath.split(path)
        directory = self.directory(folder)
        return directory.files.get(name) if directory else None

    def size(self, path: str) -> int | None:
        """The capacity of the volume at the path, None if no active pool of this host serves its directory."""
        folder = posixpath.dirname(path)
        for pool in self.pools.values():
            if pool.path == folder and pool.active:
                volume = self.file(path)
                return volume.capacity if volume else None
        return None
