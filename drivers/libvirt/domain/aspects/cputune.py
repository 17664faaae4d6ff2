"""How much of the host's CPUs a VM gets, and which: shares, limit, pins, I/O threads.

`<cputune>` and `<iothreads>`. A limit is that of the whole VM (`global_quota`), in percent of one host CPU; a quota
that is no whole percentage is not read. Shares, limits and sets of CPUs need the host's control groups, pins do not.
"""

from __future__ import annotations

from typing import Literal

from drivers.libvirt.domain.aspect import Aspect, NotNow, Running
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.spots import NUMBER, TEXT, Spot, readers, writers
from drivers.libvirt.domain.tree import CannotWrite, Element, children, drop, ensure, new, number, put_text, remove
from specs.compound import assignments, format_assignments, format_numbers, numbers
from specs.fields import Scalar

_PERIOD = 100_000  # microseconds
_PINS: dict[str, tuple[Literal["vcpu", "iothread"], str]] = {
    "cpu.pins": ("vcpu", "vcpupin"),
    "cpu.iothreadPins": ("iothread", "iothreadpin"),
}
_SPOTS = {
    "cpu.shares": Spot("cputune/shares", "", NUMBER),
    "cpu.emulatorPin": Spot("cputune/emulatorpin", "cpuset", TEXT),
}
_LIMIT = ("global_period", "global_quota")
_read_spots = readers(_SPOTS)["cputune"]


def _read(element: Element, draft: Draft) -> None:
    _read_spots(element, draft)
    found: dict[str, dict[int, str]] = {path: {} for path in _PINS}
    for child in element:
        for path, (owner, tag) in _PINS.items():
            if child.tag == tag and (index := number(child.get(owner))) is not None:
                found[path][index] = _canonical(child.get("cpuset", ""))
    draft.fields.update({path: format_assignments(pins) for path, pins in found.items()})
    period, quota = (number(element.findtext(tag)) for tag in _LIMIT)
    if quota is not None and quota > 0 and quota * 100 % (period or _PERIOD) == 0:
        draft.fields["cpu.limit"] = quota * 100 // (period or _PERIOD)


def _canonical(text: str) -> str:
    try:
        return format_numbers(numbers(text))
    except ValueError:
        return text


def _write_limit(domain: Element, value: Scalar) -> None:
    tune = ensure(domain, "cputune")
    for tag in _LIMIT:
        drop(tune, tag)
    if value is None:
        _prune(domain)
        return
    if not isinstance(value, int) or value < 1:
        raise CannotWrite("cpu.limit", f"must be a percentage of at least 1%, not {value}")
    put_text(tune, "global_period", _PERIOD)
    put_text(tune, "global_quota", value * _PERIOD // 100)


def _write_pins(path: str, domain: Element, value: Scalar) -> None:
    owner, tag = _PINS[path]
    tune = ensure(domain, "cputune")
    wanted = assignments(str(value or ""))
    for each in tuple(children(tune, tag)):
        index = number(each.get(owner))
        if index is None or index not in wanted:
            remove(each)
        else:
            each.set("cpuset", wanted.pop(index))
    for index, cpus in wanted.items():
        tune.append(new(tag, **{owner: str(index), "cpuset": cpus}))
    _prune(domain)


def _prune(domain: Element) -> None:
    tune = domain.find("cputune")
    if tune is not None and not len(tune):
        remove(tune)


def _read_threads(element: Element, draft: Draft) -> None:
    count = number(element.text)
    if count is not None:
        draft.fields["iothreads"] = count


def _write_threads(domain: Element, value: Scalar) -> None:
    if not value:
        drop(domain, "iothreads")
        drop(domain, "iothreadids")
        return
    put_text(domain, "iothreads", value)
    for each in domain.findall("iothreadids/iothread"):
        index = number(each.get("id"))
        if index is None or index > int(str(value)):
            remove(each)


def _check(domain: Element) -> None:
    count = number(domain.findtext("iothreads")) or 0
    known = {each.get("id") for each in domain.iterfind("iothreadids/iothread")}
    known |= {str(each) for each in range(1, count + 1)}
    for pin in domain.iterfind("cputune/iothreadpin"):
        if pin.get("iothread") not in known:
            text = f"there is no I/O thread {pin.get('iothread')}; `iothreads` says {count}"
            raise CannotWrite("cpu.iothreadPins", text)


def _live_shares(running: Running, path: str, value: Scalar) -> None:
    running.tune("scheduler", cpu_shares=int(str(value)))


def _live_limit(running: Running, path: str, value: Scalar) -> None:
    running.tune("scheduler", global_period=_PERIOD, global_quota=int(str(value)) * _PERIOD // 100)


def _live_pins(running: Running, path: str, value: Scalar) -> None:
    before, after = (assignments(str(each or "")) for each in (running.draft().fields.get(path), value))
    if set(before) - set(after):
        raise NotNow("libvirt takes no pin off a running thread")
    for index, cpus in after.items():
        if before.get(index) != cpus:
            running.pin(_PINS[path][0], index, cpus)


def _live_emulator(running: Running, path: str, value: Scalar) -> None:
    running.pin("emulator", 0, str(value))


def _live_threads(running: Running, path: str, value: Scalar) -> None:
    running.set_iothreads(int(str(value)))


ASPECT = Aspect(
    domain={"cputune": _read, "iothreads": _read_threads},
    absent={"iothreads": 0, "cpu.pins": "", "cpu.iothreadPins": ""},
    write={
        "iothreads": _write_threads,
        **writers(_SPOTS),
        "cpu.limit": _write_limit,
        "cpu.pins": lambda domain, value: _write_pins("cpu.pins", domain, value),
        "cpu.iothreadPins": lambda domain, value: _write_pins("cpu.iothreadPins", domain, value),
    },
    live={
        "iothreads": _live_threads,
        "cpu.shares": _live_shares,
        "cpu.limit": _live_limit,
        "cpu.pins": _live_pins,
        "cpu.emulatorPin": _live_emulator,
        "cpu.iothreadPins": _live_pins,
    },
    check=_check,
)
