"""The machine under a host: its processors, NUMA cells and devices, and how much of them is used. Frozen values.

Facts (Topology, Cell, CpuModel) are part of SeenHost; devices and usage are asked for by those who need them
(drivers.base.Node). Usage is statistics: it never enters a comparison, a fingerprint or a digest.
"""

from __future__ import annotations

from collections.abc import Mapping

from specs.structs import Struct, field


class Topology(Struct, frozen=True, kw_only=True):
    """A host's processors: `cores` of a socket, `threads` of a core."""

    sockets: int
    cores: int
    threads: int


class Cell(Struct, frozen=True, kw_only=True):
    """A NUMA cell of a host: its CPUs, its memory in bytes, and its free huge pages by their size in bytes.

    `hugepages` has a size only if the cell has pages of it.
    """

    id: int
    cpus: tuple[int, ...] = ()
    memory: int = 0
    memory_free: int = 0
    hugepages: Mapping[int, int] = field(default_factory=dict)


class CpuModel(Struct, frozen=True, kw_only=True):
    """What `host-model` means on a host: a named model, with features added to it and taken from it."""

    name: str
    vendor: str = ""
    requires: frozenset[str] = frozenset()
    disables: frozenset[str] = frozenset()


class NodeDevice(Struct, frozen=True, kw_only=True):
    """A device of a host that a VM could be given; `kind` is pci, usb or mdev, ids are of four hex digits.

    `pci_class` has six of them. `parent` is the address of the physical function of a virtual one, or of the card that
    an mdev is made on; `link` the name of the network link of a function. `type` is that of an mdev. `driver` is the
    kernel's, "" if none has it; `group`: its IOMMU group, without which nothing can be passed through. `cell`: the NUMA
    cell that it is near to.
    """

    address: str
    kind: str
    vendor: str = ""
    product: str = ""
    pci_class: str = ""
    parent: str = ""
    link: str = ""
    type: str = ""
    driver: str = ""
    group: int | None = None
    cell: int | None = None


class VmUsage(Struct, frozen=True, kw_only=True):
    """What a running VM uses: CPU time in ns since its start, memory in bytes, vCPUs that are online."""

    name: str
    uuid: str
    cpu_time: int
    memory: int
    cpus: int


class Usage(Struct, frozen=True, kw_only=True):
    """What a host uses: CPU time in ns since its boot, of all its CPUs; memory in bytes; its running VMs."""

    cpu_time: int
    cpus: int
    memory: int
    memory_free: int
    vms: tuple[VmUsage, ...] = ()
