"""Wanted: one revision of the repository, resolved to what shall be true on the hosts.

Frozen values in canonical units: UUIDs derived, defaults merged, references followed, hosts listed. Made by
`reconciler.desired.resolve`, read by diff, place and plan. Values that only the world can decide (which host, which
volume number, which MAC of a new NIC) are not in here; those stages add them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from reconciler.desired.affinity import WantedAffinity
from reconciler.desired.hostdevices import DeviceChoice
from reconciler.desired.migration import MigrationRules
from reconciler.desired.scheduling import ClusterScheduling, WantedPolicy
from specs.fields import Fields, Scalar, Secret
from specs.resource import Location, Ref
from specs.structs import Struct, field

DriftMode = Literal["enforce", "warn", "accept", "ignore"]


class Drift(Struct, frozen=True, kw_only=True):
    """What to do about a difference that nobody declared: a default, and exceptions by field path."""

    default: DriftMode = "enforce"
    fields: Mapping[str, DriftMode] = field(default_factory=dict)

    def mode(self, path: str) -> DriftMode:
        """The mode of a path: its own, that of the longest declared prefix, or the default."""
        best = max((each for each in self.fields if path.startswith(each)), key=len, default="")
        return self.fields[best] if best else self.default


class WantedCluster(Struct, frozen=True, kw_only=True):
    """A set of hosts between which VMs move, and the policies that hold in it. `memory_overcommit` in percent.

    `cpu`: the CPU model of new VMs that name none.
    """

    ref: Ref
    name: str
    location: Location
    ha_reservation: bool = False
    scheduling: ClusterScheduling = field(default_factory=ClusterScheduling)
    memory_overcommit: int = 100
    emulation: Literal["auto", "kvm", "tcg"] = "auto"
    cpu: str = ""


class WantedHost(Struct, frozen=True, kw_only=True):
    """A declared libvirt host. `migration_address`: where the data of migrations shall go to, "" for no matter.

    `leaving`: why a host that is declared no more is here still (reconciler/observe/leaving.py), "" for all others;
    `declared_cluster`: the cluster that it shall be in and is not yet, "" if it is.
    """

    ref: Ref
    name: str
    uri: str
    cluster: str
    maintenance: bool
    labels: Mapping[str, str]
    location: Location
    migration_address: str = ""
    leaving: str = ""
    declared_cluster: str = ""


class WantedPool(Struct, frozen=True, kw_only=True):
    """A storage domain on its hosts. `shared`: all its hosts see the same files (type posix).

    Nothing is made or grown with less than `critical` bytes free; below `warning` percent the plan says so.
    """

    ref: Ref
    name: str
    uuid: str
    path: str
    shared: bool
    hosts: tuple[str, ...]
    external: bool
    location: Location
    warning: int = 0
    critical: int = 0


class WantedNetwork(Struct, frozen=True, kw_only=True):
    """A network on its hosts. `fields` as in docs/fields.md; `bridges` overrides the bridge's name per host.

    `kind` is the type as declared. What libvirt's definition cannot say of a bridge that the host brings, but what it
    must be like: `vlan` (0: none), `carried` (the bridge's name is made of the VLAN, so it is of that VLAN only), `mtu`
    (0: not declared), `device` (a VXLAN device in it). `addresses` are the hosts' own on it, by host.
    """

    ref: Ref
    name: str
    uuid: str
    fields: Fields
    hosts: tuple[str, ...]
    external: bool
    drift: Drift
    origin: Mapping[str, Location]
    location: Location
    bridges: Mapping[str, str] = field(default_factory=dict)
    kind: str = "nat"
    vlan: int = 0
    carried: frozenset[str] = frozenset()
    mtu: int = 0
    device: str = ""
    vni: int = 0
    roles: tuple[str, ...] = ("vm",)
    required: bool = False
    addresses: Mapping[str, str] = field(default_factory=dict)

    def fields_on(self, host: str) -> Fields:
        """The fields on one host: the same everywhere, but for the name of a bridge."""
        return {**self.fields, "bridge": self.bridges[host]} if host in self.bridges else self.fields


class WantedMacPool(Struct, frozen=True, kw_only=True):
    """Where new NICs get their MACs: `ranges` of (first, last) as numbers, taken in their order."""

    ref: Ref
    name: str
    ranges: tuple[tuple[int, int], ...]
    duplicates: bool
    location: Location


class WantedImage(Struct, frozen=True, kw_only=True):
    """An image that its storage domain shall hold, from `file` (relative to the repository) or from `url`.

    `checksum` is that of the source, `format` that of the volume; `iso`: it has to be one.
    """

    ref: Ref
    name: str
    file: str
    checksum: str
    format: str
    pool: str
    volume: str
    external: bool
    location: Location
    url: str = ""
    iso: bool = False

    @property
    def source(self) -> str:
        """The URL or the file."""
        return self.url or self.file


class WantedDisk(Struct, frozen=True, kw_only=True):
    """A disk of a VM; `size` in bytes or None (the image's). `volume`: an existing one by name (adopted, external).

    `path`: a block device of the host instead of a volume; then there is no pool, and nothing of it is made or removed.
    """

    name: str
    pool: str
    size: int | None = None
    image: str = ""
    clone: Literal["linked", "copy"] = "linked"
    format: str = "qcow2"
    volume: str = ""
    external: bool = False
    path: str = ""


class Seed(Struct, frozen=True, kw_only=True):
    """The medium of the first boot: volume label, files by name (some of which may hold secrets).

    `meta` and `nics` are what meta-data and network-config are made of once the UUID and the MACs are known
    (reconciler/desired/cloudinit.py, `final`). `hidden`: there are secrets in it. `declaration` is what the mark
    remembers: a digest of all that was declared, a Secret if there are secrets in it.
    """

    label: str
    texts: Mapping[str, Secret]
    meta: Mapping[str, Any] | None
    nics: Mapping[str, Any] | None
    hidden: bool
    declaration: Scalar


class Update(Struct, frozen=True, kw_only=True):
    """When an effect that interrupts may happen: `wait` for the next power cycle, or `now`."""

    restart: Literal["wait", "now"] = "wait"
    offline: Literal["wait", "now"] = "wait"


class WantedVm(Struct, frozen=True, kw_only=True):
    """A virtual machine.

    `fields`: declared canonical fields, without disk sources and sizes of disks that do not say one. `cdroms` maps
    every drive to the image it shall hold ("" for empty, None where nobody declared a medium). `creation`:
    what acts at creation only, for the mark. `hosts`: where it may run, in order of name. `uuid` is declared or "".
    `guaranteed`: bytes that its host must have for it, or None where that is all of its memory. `preferred`: hosts that
    are taken first. `ha_priority`: 1 to 100 for a highly available VM, else 0.
    """

    ref: Ref
    name: str
    uuid: str
    cluster: str
    hosts: tuple[str, ...]
    fields: Fields
    disks: tuple[WantedDisk, ...]
    cdroms: Mapping[str, str | None]
    creation: Mapping[str, Scalar]
    seed: Seed | None
    xml: str
    power: Literal["running", "stopped", "manual"]
    restart: Literal["onFailure", "always", "never"]
    autostart: Literal["auto", "on", "off"]
    update: Update
    stop_timeout: int
    last_resort: Literal["fail", "destroy"]
    protected: bool
    drift: Drift
    renamed_from: str
    labels: Mapping[str, str]
    emulation: Literal["auto", "kvm", "tcg"]
    cluster_cpu: str
    origin: Mapping[str, Location]
    location: Location
    device_choices: Mapping[str, DeviceChoice] = field(default_factory=dict)
    guaranteed: int | None = None
    ha_priority: int = 0
    preferred: tuple[str, ...] = ()
    on_host_maintenance: Literal["migrate", "stop", "hold"] = "migrate"
    migration: MigrationRules = field(default_factory=MigrationRules)
    mac_pool: str = ""
    leases: Mapping[str, str] = field(default_factory=dict)
    display: str = ""

    def disk(self, name: str) -> WantedDisk | None:
        """The disk of that name."""
        return next((each for each in self.disks if each.name == name), None)


class Budget(Struct, frozen=True, kw_only=True):
    """How many of a kind one revision may delete: `count`, and `percent` of those that exist; the larger rules."""

    count: int = 3
    percent: int = 5

    def of(self, existing: int) -> int:
        """The number allowed where `existing` objects of the kind are ours."""
        return max(self.count, existing * self.percent // 100)


class Wanted(Struct, frozen=True, kw_only=True):
    """Everything that one revision declares. `revision` is a commit, "commit+dirty", or a folder's digest.

    `ancestors`: those of the revisions found in marks that ours descends from; None where there is no history to ask.
    """

    repository: str
    name: str
    revision: str
    hosts: Mapping[str, WantedHost]
    pools: Mapping[str, WantedPool]
    networks: Mapping[str, WantedNetwork]
    images: Mapping[str, WantedImage]
    vms: Mapping[str, WantedVm]
    clusters: Mapping[str, WantedCluster] = field(default_factory=dict)
    affinity: Mapping[str, WantedAffinity] = field(default_factory=dict)
    policies: Mapping[str, WantedPolicy] = field(default_factory=dict)
    mac_pools: Mapping[str, WantedMacPool] = field(default_factory=dict)
    deletions: Budget = field(default_factory=Budget)
    restarts: Budget = field(default_factory=lambda: Budget(count=5, percent=10))
    trash_keep: int = 7 * 86400
    location: Location | None = None

    @property
    def commit(self) -> str:
        """The revision without what marks it as dirty."""
        return self.revision.partition("+")[0]
