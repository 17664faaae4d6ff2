"""Memory: what the guest shall have now (`<currentMemory>`, the balloon) and at most (`<memory>`).

In bytes here, in KiB in the XML; libvirt rounds up to KiB. The balloon moves only if the guest has its driver.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, NotNow, Running
from drivers.libvirt.domain.aspects import modules
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import CannotWrite, Element, ensure, size
from specs.fields import Scalar

_KIB = 1024


def _read_current(element: Element, draft: Draft) -> None:
    value = size(element)
    if value is not None:
        draft.fields["memory"] = value


def _read_most(element: Element, draft: Draft) -> None:
    value = size(element)
    if value is not None:
        draft.fields["memoryMax"] = value
        draft.fields.setdefault("memory", value)


def _write(path: str, tag: str, domain: Element, value: Scalar) -> None:
    if not isinstance(value, int) or value < _KIB:
        raise CannotWrite(path, f"must be a size of at least 1 KiB, not {value}")
    element = ensure(domain, tag)
    element.set("unit", "KiB")
    element.text = str(-(-value // _KIB))


def _write_current(domain: Element, value: Scalar) -> None:
    _write("memory", "currentMemory", domain, value)
    if domain.find("memory") is None:
        _write("memoryMax", "memory", domain, value)


def _write_most(domain: Element, value: Scalar) -> None:
    memory, current = domain.find("memory"), domain.find("currentMemory")
    if memory is not None and current is None:  # without it, the guest would get all of the new maximum
        _write("memory", "currentMemory", domain, size(memory))
    _write("memoryMax", "memory", domain, value)


def _check(domain: Element) -> None:
    memory, current = domain.find("memory"), domain.find("currentMemory")
    if memory is None or current is None:
        return
    most, now = size(memory), size(current)
    if most is not None and now is not None and now > most:
        raise CannotWrite("memory", f"{now >> 20} MiB are more than memoryMax, {most >> 20} MiB; raise memoryMax too")


def _live(running: Running, path: str, value: Scalar) -> None:
    most = running.draft().fields.get("memoryMax")
    if not isinstance(value, int) or not isinstance(most, int):
        raise NotNow("the memory of the running VM is not known")
    if value > most:
        raise NotNow(f"the running VM was started with at most {most >> 20} MiB")
    running.set_memory(value + modules.plugged(running.live()))


ASPECT = Aspect(
    domain={"currentMemory": _read_current, "memory": _read_most},
    write={"memoryMax": _write_most, "memory": _write_current},
    live={"memory": _live},
    check=_check,
)
