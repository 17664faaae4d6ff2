"""The clock: what the guest's hardware clock shows, and its timers (`<clock>`).

The offset is `utc`, `localtime` or the name of a time zone; others that libvirt knows are read as they are. Timers are
one text, `hpet=no,rtc=catchup`: present or not, or what becomes of ticks that were missed.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element, children, ensure, new, put, remove
from specs.compound import format_options, options
from specs.fields import Scalar

PLAIN = ("utc", "localtime")
_PRESENT = ("yes", "no")


def _read(element: Element, draft: Draft) -> None:
    offset = element.get("offset", "")
    draft.fields["clock.offset"] = element.get("timezone", offset) if offset == "timezone" else offset
    timers = {each.get("name", ""): _timer(each) for each in children(element, "timer")}
    draft.fields["clock.timers"] = format_options(timers)


def _timer(element: Element) -> str:
    if element.get("present") == "no":
        return "no"
    return element.get("tickpolicy") or "yes"


def _write_offset(domain: Element, value: Scalar) -> None:
    clock = ensure(domain, "clock")
    for attribute in ("timezone", "adjustment", "basis", "start"):
        put(clock, attribute, None)
    plain = value is None or value in PLAIN
    clock.set("offset", str(value or "utc") if plain else "timezone")
    if not plain:
        put(clock, "timezone", value)


def _write_timers(domain: Element, value: Scalar) -> None:
    clock = ensure(domain, "clock")
    clock.set("offset", clock.get("offset", "utc"))
    wanted = options(str(value or ""))
    for each in tuple(children(clock, "timer")):
        word = wanted.pop(each.get("name", ""), None)
        if word is None:
            remove(each)
        elif word != _timer(each):
            _set(each, word)
    for name, word in wanted.items():
        timer = new("timer", name=name)
        _set(timer, word)
        clock.append(timer)


def _set(timer: Element, word: str) -> None:
    put(timer, "present", word if word in _PRESENT else None)
    put(timer, "tickpolicy", None if word in _PRESENT else word)


ASPECT = Aspect(domain={"clock": _read}, write={"clock.offset": _write_offset, "clock.timers": _write_timers})
