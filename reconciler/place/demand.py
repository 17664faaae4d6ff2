"""Demand: what one VM asks of its host.

Pure. Made by the planner and by place/room.py for every declared VM, new or found; read by filters, weights, movers.
"""

from __future__ import annotations

from reconciler.desired.wanted import WantedVm
from reconciler.diff import outage
from reconciler.diff.context import Context
from reconciler.observe.observed import Found
from specs.attachment import is_network
from specs.fields import Fields, entries
from specs.structs import Struct

_QEMU = 128 << 20
_VCPU = 8 << 20
_PAGE_TABLES = 512  # bytes of memory that one byte of page tables maps


class Demand(Struct, frozen=True, kw_only=True):
    """What one VM asks of a host.

    `memory` in bytes: what is guaranteed to it, else all that it shall have (of one that runs: all that it has);
    `overhead` is what QEMU needs beside it. `most`: bytes that QEMU sets aside for the guest where it does so at once.
    `host` is where it is now, "" if nowhere; `running`: it takes memory and CPUs there, or will by this plan;
    `present`: it does so already, thus what the host reports as free is without it. `huge`: in huge pages.
    """

    vm: WantedVm
    memory: int
    overhead: int
    most: int
    cpus: int
    networks: tuple[str, ...]
    pools: tuple[str, ...]
    host: str = ""
    running: bool = True
    present: bool = False
    huge: bool = False

    @property
    def ordinary(self) -> int:
        """Bytes of the memory that the host reports as free: none for a VM in huge pages, which are set aside."""
        return (0 if self.huge else self.memory) + self.overhead

    @property
    def name(self) -> str:
        """The VM's name."""
        return self.vm.name

    def reported_by(self, host: str) -> bool:
        """Whether what it takes is missing already in what that host reports as free."""
        return self.present and self.host == host


def demand(vm: WantedVm, found: Found | None = None, context: Context | None = None) -> Demand:
    """The demand of a VM that is to be created, or of one that was found in the pass of `context`."""
    live = found.vm.live if found else None
    fields: Fields = vm.fields if live is None else live
    memory, cpus = size(fields)
    return Demand(
        vm=vm,
        memory=memory if vm.guaranteed is None else vm.guaranteed,
        overhead=overhead(memory, cpus),
        most=memory + max(_number(fields, "memoryMax", 0) - _number(fields, "memory", 0), 0),
        cpus=cpus,
        networks=tuple(dict.fromkeys((*networks(vm.fields), *display(vm, found)))),
        pools=tuple(dict.fromkeys(disk.pool for disk in vm.disks if not disk.path)),
        host=found.host if found else "",
        running=live is not None or _starts(vm, found, context),
        present=live is not None,
        huge=in_huge_pages(vm.fields),
    )


def _starts(vm: WantedVm, found: Found | None, context: Context | None) -> bool:
    """Whether this plan starts it, as far as its power goes."""
    if found is None or found.vm.mark is None or context is None:
        return vm.power == "running"
    change = outage.state_change(vm, found, found.vm.mark, context)
    return change is not None and change.live and change.after == "running"


def networks(fields: Fields) -> tuple[str, ...]:
    """The networks that its NICs are in."""
    return tuple(str(nic["network"]) for nic in entries(fields, "nics").values() if is_network(nic.get("network")))


def display(vm: WantedVm, found: Found | None = None) -> tuple[str, ...]:
    """The network that its console listens on, if it is its cluster's for that."""
    told = found.vm.config if found is not None else vm.fields
    listens = told.get("graphics.network") if found is not None or "graphics.listen" in told else vm.display
    off = told.get("graphics.type") == "none"
    return (vm.display,) if vm.display and listens == vm.display and not off else ()


def in_huge_pages(fields: Fields) -> bool:
    """Whether these fields ask for huge pages."""
    return fields.get("memoryPolicy.hugepages") not in (None, "", "none", "mixed")


def size(fields: Fields) -> tuple[int, int]:
    """Memory in bytes, that of modules included, and number of vCPUs."""
    modules = entries(fields, "memoryModules").values()
    more = sum(_number(each, "requested" if "requested" in each else "size", 0) for each in modules)
    return _number(fields, "memory", 0) + more, _number(fields, "cpu.count", 1)


def overhead(memory: int, cpus: int) -> int:
    """Bytes that QEMU needs beside the guest's memory, roughly: itself, each vCPU, the page tables."""
    return _QEMU + cpus * _VCPU + memory // _PAGE_TABLES


def _number(fields: Fields, path: str, unsaid: int) -> int:
    value = fields.get(path)
    return value if isinstance(value, int) else unsaid
