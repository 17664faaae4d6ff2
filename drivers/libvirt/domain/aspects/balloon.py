"""The balloon: whether the guest's memory can be moved while it runs, and what the device does by itself."""

from __future__ import annotations

from functools import partial

from drivers.libvirt.domain.aspect import Aspect
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.spots import NUMBER, ON_OFF, Spot, readers, writers
from drivers.libvirt.domain.tree import CannotWrite, Element, ensure, remove, size
from specs.fields import Scalar

_SPOTS = {
    "memoryPolicy.freePageReporting": Spot("devices/memballoon", "freePageReporting", ON_OFF),
    "memoryPolicy.deflateOnOom": Spot("devices/memballoon", "autodeflate", ON_OFF),
    "memoryPolicy.statsPeriod": Spot("devices/memballoon/stats", "period", NUMBER),
}
_read_spots = readers(_SPOTS)["memballoon"]
_WRITERS = writers(_SPOTS)


def _read(element: Element, draft: Draft) -> None:
    draft.fields["memoryPolicy.ballooning"] = element.get("model") != "none"
    _read_spots(element, draft)


def _write(domain: Element, value: Scalar) -> None:
    balloon = domain.find("devices/memballoon")
    if value is None or (balloon is not None and (balloon.get("model") != "none") == bool(value)):
        return
    if balloon is not None:
        remove(balloon)
    ensure(domain, "devices/memballoon").set("model", "virtio" if value else "none")


def _write_detail(path: str, domain: Element, value: Scalar) -> None:
    balloon = ensure(domain, "devices/memballoon")
    balloon.set("model", balloon.get("model", "virtio"))
    if value is not None and balloon.get("model") == "none":
        raise CannotWrite(path, "the VM has no balloon; set `memoryPolicy.ballooning: true`")
    _WRITERS[path](domain, value)


def _check(domain: Element) -> None:
    balloon, memory, current = (domain.find(path) for path in ("devices/memballoon", "memory", "currentMemory"))
    if balloon is None or balloon.get("model") != "none" or memory is None or current is None:
        return
    if size(current) != size(memory) and domain.find("devices/memory") is None:
        text = "without the balloon, the guest has all of memoryMax; make `memory` and `memoryMax` equal"
        raise CannotWrite("memoryPolicy.ballooning", text)


ASPECT = Aspect(
    devices={"memballoon": _read},
    write={
        "memoryPolicy.ballooning": _write,
        **{path: partial(_write_detail, path) for path in _SPOTS},
    },
    check=_check,
)
