"""What the host does for a guest's memory: limits, huge pages, locking, sharing (`<memtune>`, `<memoryBacking>`)."""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.spots import SIZE, TEXT, THERE, Spot, readers, writers
from drivers.libvirt.domain.tree import CannotWrite, Element, children, drop, ensure, new, remove, unit_size
from specs.errors import BadValue
from specs.fields import Scalar
from specs.units import format_size, parse_size

_LIMITS = {
    "memoryPolicy.hardLimit": "hard_limit",
    "memoryPolicy.softLimit": "soft_limit",
    "memoryPolicy.swapLimit": "swap_hard_limit",
}
_FLAGS = {
    "memoryPolicy.locked": Spot("memoryBacking/locked", "", THERE),
    "memoryPolicy.noSharePages": Spot("memoryBacking/nosharepages", "", THERE),
    "memoryPolicy.discard": Spot("memoryBacking/discard", "", THERE),
}
_SPOTS = {
    **{path: Spot(f"memtune/{tag}", "", SIZE) for path, tag in _LIMITS.items()},
    **_FLAGS,
    "memoryPolicy.source": Spot("memoryBacking/source", "type", TEXT),
    "memoryPolicy.access": Spot("memoryBacking/access", "mode", TEXT),
    "memoryPolicy.allocation": Spot("memoryBacking/allocation", "mode", TEXT),
}
_READERS = readers(_SPOTS)


def _read(element: Element, draft: Draft) -> None:
    _READERS["memoryBacking"](element, draft)
    huge = element.find("hugepages")
    if huge is not None:
        draft.fields["memoryPolicy.hugepages"] = _pages(huge)


def _pages(huge: Element) -> str:
    pages = list(children(huge, "page"))
    if not pages:
        return "default"
    amount = unit_size(pages[0].get("size"), pages[0].get("unit", "KiB"))
    return format_size(amount) if len(pages) == 1 and amount and not pages[0].get("nodeset") else "mixed"


def _write_pages(domain: Element, value: Scalar) -> None:
    if value in (None, "none"):
        backing = domain.find("memoryBacking")
        if backing is not None:
            drop(backing, "hugepages")
            if not len(backing):
                remove(backing)
        return
    huge = ensure(domain, "memoryBacking/hugepages")
    drop(huge, "page")
    if value == "default":
        return
    try:
        amount = parse_size(value)
    except BadValue as problem:
        raise CannotWrite("memoryPolicy.hugepages", str(problem)) from None
    huge.append(new("page", size=str(amount // 1024), unit="KiB"))


def _live_limit(running: Running, path: str, value: Scalar) -> None:
    running.tune("memory", **{_LIMITS[path]: int(str(value)) // 1024})


ASPECT = Aspect(
    domain={"memtune": _READERS["memtune"], "memoryBacking": _read},
    absent={**dict.fromkeys(_FLAGS, False), "memoryPolicy.hugepages": "none"},
    write={"memoryPolicy.hugepages": _write_pages, **writers(_SPOTS)},
    live=dict.fromkeys(_LIMITS, _live_limit),
)
