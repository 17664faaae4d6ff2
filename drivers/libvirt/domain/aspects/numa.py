"""NUMA: the guest's own cells (`<cpu><numa>`) and the host's nodes that its memory comes from (`<numatune>`).

Cells are one text, `0-1=1GiB;2-3=1GiB`, in the order of their numbers; what else a cell has (distances …) is kept.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.spots import TEXT, Spot, readers, writers
from drivers.libvirt.domain.tree import (
    CannotWrite,
    Element,
    children,
    drop,
    ensure,
    first,
    new,
    number,
    remove,
    size,
    unit_size,
)
from specs.compound import assignments, cells, format_assignments, format_cells
from specs.fields import Scalar
from specs.units import format_size

_SPOTS = {
    "numa.mode": Spot("numatune/memory", "mode", TEXT),
    "numa.nodes": Spot("numatune/memory", "nodeset", TEXT),
}
_read_spots = readers(_SPOTS)["numatune"]


def _read_cpu(element: Element, draft: Draft) -> None:
    numa = first(element, "numa")
    if numa is None:
        return
    found = []
    for cell in children(numa, "cell"):
        amount = unit_size(cell.get("memory"), cell.get("unit", "KiB"))
        found.append((number(cell.get("id")) or 0, cell.get("cpus", ""), amount or 0))
    draft.fields["numa.cells"] = format_cells([(cpus, amount) for _, cpus, amount in sorted(found)])


def _write_cells(domain: Element, value: Scalar) -> None:
    wanted = cells(str(value or ""))
    if not wanted:
        if (cpu := domain.find("cpu")) is not None:
            drop(cpu, "numa")
        return
    numa = ensure(domain, "cpu/numa")
    there = {number(each.get("id")) or 0: each for each in children(numa, "cell")}
    for index, each in there.items():
        if index >= len(wanted):
            remove(each)
    for index, (cpus, amount) in enumerate(wanted):
        cell = there.get(index)
        if cell is None:
            cell = new("cell", id=str(index))
            numa.append(cell)
        cell.attrib.update({"cpus": cpus, "memory": str(amount // 1024), "unit": "KiB"})


def _read_tune(element: Element, draft: Draft) -> None:
    _read_spots(element, draft)
    pins = {number(each.get("cellid")): each.get("nodeset", "") for each in children(element, "memnode")}
    draft.fields["numa.pins"] = format_assignments({cell: nodes for cell, nodes in pins.items() if cell is not None})


def _write_pins(domain: Element, value: Scalar) -> None:
    wanted = assignments(str(value or ""))
    for each in domain.findall("numatune/memnode"):
        nodes = wanted.pop(number(each.get("cellid")) or 0, None)
        if nodes is None:
            remove(each)
        else:
            each.set("nodeset", nodes)
    mode = domain.find("numatune/memory")
    for cell, nodes in wanted.items():
        word = mode.get("mode", "strict") if mode is not None else "strict"
        ensure(domain, "numatune").append(new("memnode", cellid=str(cell), mode=word, nodeset=nodes))
    tune = domain.find("numatune")
    if tune is not None and not len(tune):
        remove(tune)


def _check(domain: Element) -> None:
    memory, numa = domain.find("memory"), domain.find("cpu/numa")
    most = size(memory) if memory is not None else None
    if numa is None or most is None:
        return
    in_cells = sum(unit_size(each.get("memory"), each.get("unit", "KiB")) or 0 for each in children(numa, "cell"))
    plugged = sum(size(each) or 0 for each in domain.iterfind("devices/memory/target/size"))
    if in_cells != most - plugged:
        text = (
            f"the cells have {format_size(in_cells)}, memoryMax is {format_size(most - plugged)}; change both together"
        )
        raise CannotWrite("numa.cells", text)


def _live_nodes(running: Running, path: str, value: Scalar) -> None:
    running.tune("numa", numa_nodeset=str(value))


ASPECT = Aspect(
    domain={"cpu": _read_cpu, "numatune": _read_tune},
    absent={"numa.cells": "", "numa.pins": ""},
    write={"numa.cells": _write_cells, **writers(_SPOTS), "numa.pins": _write_pins},
    live={"numa.nodes": _live_nodes},
    check=_check,
)
