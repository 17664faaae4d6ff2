"""Memory of a VM beyond its size: what the host does for it, the balloon, NUMA."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, Strict, WithJsonSchema

from specs import compound
from specs.kinds.tuning import Assignments, Numbers, WholeSize
from specs.model import Count, Model, Named, Size, Unit, Yes, declared
from specs.units import format_size, parse_size


def _pages(value: object) -> str:
    return value if isinstance(value, str) and value in ("none", "default") else format_size(parse_size(value))


Pages = Annotated[
    str, BeforeValidator(_pages), Unit("`none`, `default` or a size such as 2MiB"), WithJsonSchema({"type": "string"})
]
_CELL = {"type": "object", "properties": {"cpus": {"type": ["string", "integer"]}, "memory": {"type": "string"}}}
Cells = Annotated[
    str,
    BeforeValidator(compound.parse_cells),
    Unit("list of `{cpus: 0-1, memory: 1GiB}`"),
    WithJsonSchema({"anyOf": [{"type": "array", "items": _CELL}, {"type": "string"}]}),
]

CellNumber = Annotated[int, Strict(), Field(ge=0, le=127), Unit("number")]


class MemoryPolicy(Model):
    """What the host does for the guest's memory."""

    guaranteed: Size | None = declared(
        "What its host must have free when it is placed, rather than all of `memory`.", effect="policy"
    )
    hard_limit: WholeSize | None = declared(
        "Most memory of the whole QEMU process; beyond it, it is killed.", effect="live"
    )
    soft_limit: WholeSize | None = declared("What it is pressed back to when the host is short.", effect="live")
    swap_limit: WholeSize | None = declared("Most memory and swap of the QEMU process.", effect="live")
    hugepages: Pages | None = declared("Huge pages of the host: `none`, its default size, or a size.", effect="restart")
    locked: Yes | None = declared("The host never swaps it out.", effect="restart")
    no_share_pages: Yes | None = declared("The host does not merge its pages with others' (KSM).", effect="restart")
    source: Literal["anonymous", "file", "memfd"] | None = declared("Where the host takes it from.", effect="restart")
    access: Literal["private", "shared"] | None = declared("Whether other processes may map it.", effect="restart")
    allocation: Literal["immediate", "ondemand"] | None = declared("When the host allocates it.", effect="restart")
    discard: Yes | None = declared("Its content is dropped when the VM ends.", effect="restart")
    ballooning: Yes | None = declared("The balloon, by which `memory` changes while it runs.", effect="restart")
    free_page_reporting: Yes | None = declared("The guest gives free pages back by itself.", effect="restart")
    deflate_on_oom: Yes | None = declared("The balloon gives way before the guest runs out.", effect="restart")
    stats_period: Count | None = declared("Seconds between two statistics of the guest's memory.", effect="restart")


class Numa(Model):
    """The guest's NUMA cells, and the host's nodes that its memory comes from."""

    cells: Cells | None = declared("vCPUs and memory of each cell; together, all of `memoryMax`.", effect="restart")
    mode: Literal["strict", "preferred", "interleave", "restrictive"] | None = declared(
        "How strictly the host's nodes are kept to.", effect="restart"
    )
    nodes: Numbers | None = declared("The host's nodes that all memory comes from.", effect="live")
    pins: Assignments | None = declared("The host's nodes of single cells.", effect="restart")


class MemoryHotplug(Model):
    """Room for memory modules; goes with `numa.cells`."""

    max: WholeSize | None = declared("Most memory with all modules.", effect="restart")
    slots: Count | None = declared("Most modules.", effect="restart")


class MemoryModule(Named):
    """Memory that comes and goes while the VM runs: a DIMM, or virtio-mem, which also grows and shrinks."""

    model: Literal["dimm", "virtio-mem"] | None = declared("Kind of module.", effect="restart")
    size: WholeSize | None = declared("Its size; of virtio-mem, the most that it can have.", effect="restart")
    requested: WholeSize | None = declared("virtio-mem: what it shall have now; by itself all.", effect="live")
    block: WholeSize | None = declared("virtio-mem: the steps in which it changes.", effect="restart")
    node: CellNumber | None = declared("NUMA cell of the guest that it belongs to.", effect="restart")
