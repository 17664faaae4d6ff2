"""Platform: emulation (domain type), architecture, machine type. What `<os>` says is read by firmware.py.

A machine is read as the exact name that libvirt froze (`pc-q35-7.2`); a family (`q35`) is written as it is and
libvirt picks the version.
"""

from __future__ import annotations

from drivers.libvirt.domain import controllers
from drivers.libvirt.domain.aspect import Aspect
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import CannotWrite, Element, drop, ensure, put
from specs.fields import Scalar

EMULATIONS = {"kvm": "kvm", "tcg": "qemu"}  # our word → libvirt's domain type
_WORDS = {libvirt: word for word, libvirt in EMULATIONS.items()}


def read_type(domain: Element, draft: Draft) -> None:
    """The domain's own attribute; called for `<domain>` itself."""
    kind = domain.get("type", "")
    draft.fields["emulation"] = _WORDS.get(kind, kind)


def machine_matches(wanted: Scalar, seen: Scalar) -> bool:
    """Whether the machine seen is the one wanted, a family matching all of its versions."""
    if wanted == seen:
        return True
    families = {"q35": "pc-q35-", "pc": "pc-i440fx-"}
    return isinstance(wanted, str) and isinstance(seen, str) and seen.startswith(families.get(wanted, wanted + "-"))


def _write_emulation(domain: Element, value: Scalar) -> None:
    if value not in EMULATIONS:
        raise CannotWrite("emulation", f"must be one of {', '.join(EMULATIONS)}, not {value}")
    domain.set("type", EMULATIONS[str(value)])
    if value == "kvm" and (features := domain.find("features")) is not None:
        drop(features, "tcg")  # libvirt refuses it beside kvm


def _type(domain: Element) -> Element:
    found = ensure(domain, "os/type")
    found.text = found.text or "hvm"
    return found


def _write_machine(domain: Element, value: Scalar) -> None:
    kind = _type(domain)
    before = kind.get("machine")
    if machine_matches(value, before):
        return
    was_q35 = controllers.is_q35(domain)
    put(kind, "machine", value)
    if before is not None and controllers.is_q35(domain) != was_q35:
        controllers.reset(domain)
        controllers.furnish(domain)


ASPECT = Aspect(
    write={
        "emulation": _write_emulation,
        "arch": lambda domain, value: put(_type(domain), "arch", value),
        "machine": _write_machine,
    },
)
