"""NUMA cells and huge pages of a host, for VMs that are bound to cells or take huge pages.

What other VMs of the same plan take of a cell is counted, as far as they are bound to cells, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drivers.seen import Cell
from reconciler.place.demand import Demand, in_huge_pages
from reconciler.place.room import Room
from specs.compound import assignments, cells, format_numbers, numbers
from specs.fields import Fields
from specs.units import format_size, parse_size

HUGEPAGES = "memoryPolicy.hugepages"


def numa(asked: Demand, host: str, room: Room) -> str | None:
    """The cells that it is bound to are there, and have the memory where the binding is strict."""
    there = {each.id: each for each in room.seen[host].cells}
    wanted = bound(asked.vm.fields, asked.memory)
    if not there or not wanted:
        return None
    named = frozenset().union(*wanted)
    if gone := named - there.keys():
        return f"has no NUMA node {format_numbers(gone)}"
    if not asked.running or asked.vm.fields.get("numa.mode") not in (None, "strict") or asked.huge:
        return None
    for nodes, memory in wanted.items():
        free = sum(there[each].memory_free for each in nodes) - _given(nodes, host, asked, room)
        if memory > free:
            where = f"NUMA node {format_numbers(nodes)}"
            return f"{format_size(max(free, 0) >> 20 << 20)} free in {where}, {format_size(memory)} needed"
    return None


def is_bound(asked: Demand, room: Room) -> bool:
    """Whether its memory comes from certain cells."""
    return bool(asked.vm.fields.get("numa.nodes") or asked.vm.fields.get("numa.pins"))


def hugepages(asked: Demand, host: str, room: Room) -> str | None:
    """Enough free huge pages of its size, in its cells if it is bound to some."""
    if not asked.running or not room.seen[host].cells:
        return None
    size = page_size(asked.vm.fields, room.seen[host].cells)
    nodes = frozenset().union(*bound(asked.vm.fields, asked.memory))
    free = sum(each.hugepages.get(size, 0) for each in room.seen[host].cells if not nodes or each.id in nodes)
    given = sum(
        pages(other.vm.fields, other.most, size)
        for other in room.on(host).values()
        if other.name != asked.name and other.running and not other.reported_by(host)
        if page_size(other.vm.fields, room.seen[host].cells) == size
    )
    needed = pages(asked.vm.fields, asked.most, size) if size else 1
    if needed <= free - given:
        return None
    what = f"huge pages of {format_size(size)}" if size else "huge pages"
    return f"{max(0, free - given)} {what} free, {needed} needed" if size else f"has no {what}"


def takes_huge_pages(asked: Demand, room: Room) -> bool:
    """Whether its memory is in huge pages."""
    return asked.huge


def page_size(fields: Fields, there: tuple[Cell, ...]) -> int:
    """The size in bytes that is asked for; `default` is the smallest that the host has. 0 for none."""
    text = str(fields.get(HUGEPAGES) or "")
    if not in_huge_pages(fields):
        return 0
    return (
        min((size for each in there for size in each.hugepages), default=0) if text == "default" else parse_size(text)
    )


def pages(fields: Fields, memory: int, size: int) -> int:
    """How many pages of that size it takes."""
    return -(-memory // size) if size and in_huge_pages(fields) else 0


def bound(fields: Fields, memory: int) -> Mapping[frozenset[int], int]:
    """Sets of host cells that memory has to come from, with bytes: of single guest cells, else of all of it."""
    found: dict[frozenset[int], int] = {}
    for nodes, amount in _bindings(fields, memory):
        found[nodes] = found.get(nodes, 0) + amount
    return found


def _bindings(fields: Fields, memory: int) -> Iterator[tuple[frozenset[int], int]]:
    pins = assignments(str(fields.get("numa.pins") or ""))
    sizes = [size for _, size in cells(str(fields.get("numa.cells") or ""))]
    for number, nodes in pins.items():
        yield numbers(nodes), sizes[number] if number < len(sizes) else 0
    if not pins and (text := fields.get("numa.nodes")):
        yield numbers(str(text)), memory


def _given(nodes: frozenset[int], host: str, asked: Demand, room: Room) -> int:
    """Bytes of these cells that others take in this plan."""
    return sum(
        memory
        for other in room.on(host).values()
        if other.name != asked.name and other.running and not other.reported_by(host)
        for theirs, memory in bound(other.vm.fields, other.memory).items()
        if theirs & nodes
    )
