"""The machine under a host: parts of the capabilities XML → topology, cells, CPU; and the figures that change.

Called by capabilities.py (parsing, pure) and by reader.py and ../node.py (calls that are asked in every reading).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import libvirt
from lxml import etree

from drivers.node import Cell, CpuModel, Topology
from specs.structs import replace

KIBIBYTE, MEBIBYTE = 1024, 1024 * 1024
_IDLE = ("idle", "iowait")
_UNITS = {"KiB": KIBIBYTE, "MiB": MEBIBYTE, "GiB": 1 << 30}


def topology(capabilities: etree._Element) -> Topology | None:
    """Sockets of the whole host: libvirt tells those of one NUMA cell there."""
    found = capabilities.find("host/cpu/topology")
    if found is None:
        return None
    cpus = capabilities.findall("host/topology/cells/cell/cpus/cpu")
    sockets = {each.get("socket_id") for each in cpus if each.get("socket_id") is not None}
    told = int(found.get("sockets", 1))
    cores, threads = (int(found.get(each, 1)) for each in ("cores", "threads"))
    return Topology(sockets=max(len(sockets), told), cores=cores * int(found.get("dies", 1)), threads=threads)


def cell(element: etree._Element) -> Cell:
    """One cell, with zero free; huge pages are those that it has at all."""
    memory = element.find("memory")
    small = min((_bytes(each.get("unit"), each.get("size")) for each in element.iterfind("pages")), default=0)
    pages = {
        size: 0
        for each in element.iterfind("pages")
        if (size := _bytes(each.get("unit"), each.get("size"))) > small and int(each.text or 0) > 0
    }
    return Cell(
        id=int(element.get("id", 0)),
        cpus=tuple(sorted(int(each.get("id", 0)) for each in element.iterfind("cpus/cpu"))),
        memory=_bytes(memory.get("unit"), memory.text) if memory is not None else 0,
        hugepages=pages,
    )


def huge_pages(capabilities: etree._Element) -> tuple[int, ...]:
    """The sizes of huge pages that some cell has, in bytes."""
    return tuple(
        sorted({size for each in capabilities.iterfind("host/topology/cells/cell") for size in cell(each).hugepages})
    )


def tsc(capabilities: etree._Element) -> int:
    """Hz of the time stamp counter where guests have to take it as it is, else 0."""
    found = capabilities.find("host/cpu/counter[@name='tsc']")
    if found is None or found.get("scaling") == "yes":
        return 0
    return int(found.get("frequency", 0))


def cpu_model(domain: etree._Element) -> CpuModel | None:
    """What `host-model` means for one virtualization, None where it has none."""
    mode = domain.find("cpu/mode[@name='host-model'][@supported='yes']")
    if mode is None or not mode.findtext("model"):
        return None
    features: dict[str, set[str]] = {"require": set(), "disable": set()}
    for each in mode.iterfind("feature"):
        features.setdefault(each.get("policy", "require"), set()).add(each.get("name", ""))
    return CpuModel(
        name=mode.findtext("model", ""),
        vendor=mode.findtext("vendor", ""),
        requires=frozenset(features["require"]),
        disables=frozenset(features["disable"]),
    )


def memory(conn: libvirt.virConnect) -> tuple[int, int]:
    """Bytes in all, and bytes that new VMs could get: free memory and what the kernel only caches."""
    try:
        stats = conn.getMemoryStats(libvirt.VIR_NODE_MEMORY_STATS_ALL_CELLS)
    except libvirt.libvirtError:  # the test driver
        return conn.getInfo()[1] * MEBIBYTE, conn.getFreeMemory()
    return stats["total"] * KIBIBYTE, sum(stats.get(each, 0) for each in ("free", "buffers", "cached")) * KIBIBYTE


def cpu_time(conn: libvirt.virConnect) -> int:
    """ns that all CPUs were busy since the host booted; 0 where that cannot be told."""
    try:
        stats = conn.getCPUStats(libvirt.VIR_NODE_CPU_STATS_ALL_CPUS)
    except libvirt.libvirtError:
        return 0
    return sum(value for name, value in stats.items() if name not in _IDLE)


def free_calls(conn: libvirt.virConnect, cells: Sequence[Cell], pages: Sequence[int]) -> dict[str, Callable[[], Any]]:
    """What has to be asked of the cells: their free memory if there are several, free huge pages if there are any."""
    if not cells:
        return {}
    last = max(each.id for each in cells)
    calls: dict[str, Callable[[], Any]] = {}
    if len(cells) > 1:
        calls["cells"] = lambda: dict(enumerate(conn.getCellsFreeMemory(0, last + 1)))
    if pages:
        calls["pages"] = lambda: conn.getFreePages([size // KIBIBYTE for size in pages], 0, last + 1)
    return calls


def with_free(
    cells: Sequence[Cell], whole: tuple[int, int], cell_free: Mapping[int, int], pages: Mapping[int, Mapping[int, int]]
) -> tuple[Cell, ...]:
    """The cells with what is free: bytes by cell, pages by cell and KiB. A single one has the `whole` host's memory

    and what is free of it: libvirt keeps the size of cells as it was when its daemon began.
    """
    alone = len(cells) == 1
    return tuple(
        replace(
            each,
            memory=whole[0] if alone else each.memory,
            memory_free=whole[1] if alone else cell_free.get(each.id, 0),
            hugepages={size: pages.get(each.id, {}).get(size // KIBIBYTE, 0) for size in each.hugepages},
        )
        for each in cells
    )


def _bytes(unit: str | None, number: str | None) -> int:
    return int(number or 0) * _UNITS.get(unit or "KiB", 1)
