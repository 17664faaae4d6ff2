"""Features of the machine (`<features>`): ACPI, APIC, SMM …, and the Hyper-V enlightenments of Windows guests.

Enlightenments are one text, `relaxed,spinlocks=8191`: those that are on, with their value; `name=off` is one that is
switched off by name. `acpi`, `apic` and `pae` are there or not; the others are reported only where they are written.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.spots import ON_OFF, THERE, Spot, readers, writers
from drivers.libvirt.domain.tree import Element, drop, ensure, first, new, put, remove
from specs.compound import format_options, options
from specs.fields import Scalar

_THERE = {f"features.{name}": Spot(f"features/{name}", "", THERE) for name in ("acpi", "apic", "pae")}
_STATES = {
    f"features.{name}": Spot(f"features/{name}", "state", ON_OFF)
    for name in ("hap", "pmu", "vmport", "smm", "vmcoreinfo", "pvspinlock")
}
_SPOTS = {**_THERE, **_STATES, "features.kvmHidden": Spot("features/kvm/hidden", "state", ON_OFF)}
_read_spots = readers(_SPOTS)["features"]
_VALUES = {"spinlocks": "retries", "vendor_id": "value"}
"""Enlightenment → the attribute of its value."""


def _read(element: Element, draft: Draft) -> None:
    _read_spots(element, draft)
    hyperv = first(element, "hyperv")
    if hyperv is not None:
        draft.fields["hyperv"] = format_options({str(each.tag): _word(each) for each in hyperv.iterchildren("*")})


def _word(element: Element) -> str:
    if element.get("state") == "off":
        return "off"
    attribute = _VALUES.get(str(element.tag))
    return element.get(attribute, "") if attribute is not None else ""


def _write_hyperv(domain: Element, value: Scalar) -> None:
    wanted = options(str(value or ""))
    if not wanted:
        if (features := domain.find("features")) is not None:
            drop(features, "hyperv")
        return
    hyperv = ensure(domain, "features/hyperv")
    for each in tuple(hyperv.iterchildren("*")):
        word = wanted.pop(str(each.tag), None)
        if word is None:
            remove(each)
        elif word != _word(each):
            _set(each, word)
    for name, word in wanted.items():
        made = new(name)
        _set(made, word)
        hyperv.append(made)


def _set(element: Element, word: str) -> None:
    element.set("state", "off" if word == "off" else "on")
    attribute = _VALUES.get(str(element.tag))
    if attribute is not None:
        put(element, attribute, None if word in ("", "off") else word)


ASPECT = Aspect(
    domain={"features": _read},
    absent={**dict.fromkeys(_THERE, False), "hyperv": ""},
    write={**writers(_SPOTS), "hyperv": _write_hyperv},
)
