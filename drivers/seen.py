"""Seen: what a host reported, as values in the vocabulary of the specs.

Frozen structs without behaviour. Made by the readers (drivers/libvirt, drivers/memory), read by every stage of
a pass. The hardware of a VM is in `Fields` (specs/fields.py): `config` is the definition of the next boot, `live`
that of the running machine. See docs/fields.md for every path.

An unreachable host is data too: `Unseen` with the reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Literal

from drivers.mark import Mark
from drivers.node import Cell as Cell
from drivers.node import CpuModel as CpuModel
from drivers.node import NodeDevice as NodeDevice
from drivers.node import Topology as Topology
from specs.fields import Fields
from specs.structs import Struct, field


class Power(StrEnum):
    """A VM's power, oVirt's words where libvirt has the state."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPED = "stopped"
    SUSPENDED = "suspended"  # saved to disk by libvirt (managed save)
    CRASHED = "crashed"
    ASLEEP = "asleep"  # the guest suspended itself to memory
    STOPPING = "stopping"


class Address(str):
    """An IP address of a guest: the text, with the MAC of its NIC in lower case ("" if not told) and who told it."""

    __slots__ = ("mac", "source")

    mac: str
    source: str

    def __new__(cls, text: str, mac: str = "", source: str = "") -> Address:
        """`source` is agent, lease or arp."""
        made = super().__new__(cls, text)
        made.mac, made.source = mac, source
        return made


class SeenVm(Struct, frozen=True, kw_only=True):
    """One domain. `reason` is libvirt's reason for the state, lower case ("shutdown", "failed", "ioerror" …).

    Devices are named by the mark's table or by our alias (`ua-disk-root` → `disks[root]`); a device that is neither
    is named by its target (`disks[vdb]`), a NIC by its MAC, and listed in `unnamed` ("disks[vdb]").
    `aliases` and `targets` map the same entry path to what libvirt calls it.
    `definition` is a digest of both XMLs without ids and statistics; equal digests mean an unchanged object.
    `agent` is true when the guest agent's channel is connected.
    `once` are the paths of the fields that the running VM has for this run only (drivers.base.Once).
    `migrating` is "in" for the shell that libvirt made for a VM that is on its way here: no second copy of it, and
    never to be resumed or stopped by hand; "out" where the source tells that it is on its way from here.
    """

    name: str
    uuid: str
    power: Power
    reason: str = ""
    persistent: bool = True
    autostart: bool = False
    config: Fields = field(default_factory=dict)
    live: Fields | None = None
    mark: Mark | None = None
    mark_damaged: bool = False
    unnamed: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)
    targets: Mapping[str, str] = field(default_factory=dict)
    snapshots: bool = False
    agent: bool = False
    definition: str = ""
    once: frozenset[str] = frozenset()
    migrating: Literal["", "out", "in"] = ""

    @property
    def running(self) -> bool:
        """True while a QEMU process exists: running, paused, asleep or on its way down."""
        return self.live is not None


class Patch(Struct, frozen=True, kw_only=True):
    """An `xml:` patch: at that XPath there is (or shall be) an element, or a text if `add` is ""."""

    at: str
    add: str = ""
    set: str = ""

    def data(self) -> dict[str, str]:
        """As the YAML and the drivers have it."""
        return {"at": self.at, "add": self.add} if self.add else {"at": self.at, "set": self.set}


class Rest(Struct, frozen=True, kw_only=True):
    """What a domain's definition holds that no field tells, for an import.

    `patches` are true of it already; `kept` are words for what no patch can tell; `devices` is the XML of each entry
    of the named lists ("disks[vda]"), for those that the YAML has no place for. `usual` are fields that a new VM of
    its kind (machine, firmware, graphics …) has without being told.
    """

    patches: tuple[Patch, ...] = ()
    kept: tuple[str, ...] = ()
    devices: Mapping[str, str] = field(default_factory=dict)
    usual: Fields = field(default_factory=dict)


class SeenNetwork(Struct, frozen=True, kw_only=True):
    """One virtual network; `live` is None while it is inactive."""

    name: str
    uuid: str
    active: bool
    autostart: bool = False
    persistent: bool = True
    config: Fields = field(default_factory=dict)
    live: Fields | None = None
    mark: Mark | None = None
    definition: str = ""


class SeenVolume(Struct, frozen=True, kw_only=True):
    """One volume; sizes in bytes; `backing` is the path of the file it is an overlay of, or ""."""

    name: str
    path: str
    capacity: int = 0
    allocation: int = 0
    format: str = "raw"
    backing: str = ""


class SeenPool(Struct, frozen=True, kw_only=True):
    """One storage pool; `volumes` by name, only known while it is active; sizes in bytes."""

    name: str
    uuid: str
    active: bool
    autostart: bool = False
    type: str = "dir"
    path: str = ""
    capacity: int = 0
    available: int = 0
    volumes: Mapping[str, SeenVolume] = field(default_factory=dict)
    problem: str = ""  # why its volumes could not be read (directory vanished …)


class Capabilities(Struct, frozen=True, kw_only=True):
    """What a host can do, as far as planning asks. `kvm`: hardware virtualization works for the host's arch.

    `offers` is what libvirt lists of QEMU's devices: `tpm.backendModel` → {"emulator", …}, `tpm.supported` → {"yes"};
    and `nwfilter` → the names of the host's network filters.
    """

    arch: str = "x86_64"
    kvm: bool = False
    machines: frozenset[str] = frozenset()
    cpu_models: frozenset[str] = frozenset()
    graphics: frozenset[str] = frozenset()
    firmwares: frozenset[str] = frozenset()
    offers: Mapping[str, frozenset[str]] = field(default_factory=dict)
    bridges: frozenset[str] | None = None  # the host's bridges; None where they cannot be read
    devices: frozenset[str] | None = None  # addresses of devices that VMs can be given; None where they cannot be read


class Link(Struct, frozen=True, kw_only=True):
    """A link of the host itself. `mtu` in bytes, 0 if not told; `tag` is the VLAN of a VLAN interface, else 0.

    `up` is None where the kernel does not say; `members` are what a bridge or bond consists of, guests' taps left out.
    """

    type: Literal["bridge", "ethernet", "vlan", "bond", "other"] = "ethernet"
    mtu: int = 0
    up: bool | None = None
    tag: int = 0
    members: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()


class SeenHost(Struct, frozen=True, kw_only=True):
    """A complete reading of one host. Versions as libvirt's integers (9000000 = 9.0.0); memory in bytes.

    `cpu_time` is ns that its CPUs were busy since it booted: a statistic, of no account in any comparison. `cpu_model`
    is that of its best virtualization; `tsc` the frequency in Hz of its time stamp counter, 0 if guests can have any.
    `devices` is None unless somebody asked (drivers.base.Node): VMs that name no address need them. `links` are the
    host's own, by name; empty where they cannot be read.
    """

    name: str
    uuid: str
    hostname: str = ""
    libvirt: int = 0
    hypervisor: int = 0
    cpus: int = 0
    memory: int = 0
    memory_free: int = 0
    topology: Topology | None = None
    cells: tuple[Cell, ...] = ()
    cpu_model: CpuModel | None = None
    tsc: int = 0
    cpu_time: int = 0
    capabilities: Capabilities = field(default_factory=Capabilities)
    devices: tuple[NodeDevice, ...] | None = None
    links: Mapping[str, Link] = field(default_factory=dict)
    vms: tuple[SeenVm, ...] = ()
    networks: tuple[SeenNetwork, ...] = ()
    pools: tuple[SeenPool, ...] = ()


class Unseen(Struct, frozen=True, kw_only=True):
    """A host that could not be read completely, and why; nothing may be concluded about what it holds.

    `twin`: it answers, as the same libvirt host as another one. `lost`: declared gone for good by an operator, with
    everything that it held.
    """

    name: str
    reason: str
    denied: bool = False  # certificate, host key or rights: retrying will not help
    twin: bool = False
    lost: bool = False
