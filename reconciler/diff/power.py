"""Power: what a VM's declared state asks for, given how it is, how it got there, and what operators did.

Pure. A shutdown from inside the guest is respected under `restart: onFailure`; a crash, a host's boot and a stop
from outside are not. An operator's stop is an override in the mark, obeyed until it is cleared, until its time
is over, or until Git changes `state`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from drivers.mark import Mark, Override
from drivers.seen import Power, SeenVm
from reconciler.desired.wanted import WantedVm
from reconciler.diff.change import FieldChange, HeldReason
from specs.effects import Effect

GUEST = "guest"  # the author of a shutdown that came from inside the guest
_ON = (Power.RUNNING, Power.PAUSED, Power.ASLEEP, Power.STOPPING)


def active(override: Override | None, now: int) -> bool:
    """True while an override holds: none of them ends by itself but by its own `until`."""
    return override is not None and (override.until == 0 or override.until > now)


def wish(wanted: WantedVm, mark: Mark | None, now: int) -> str:
    """`running`, `stopped`, or `manual` where power is nobody's business but the operator's.

    A pause or a suspension by an operator is `manual` too: nothing is to be done about it.
    """
    override = mark.override("power") if mark else None
    if override is None or not active(override, now) or override.field != wanted.power:
        return wanted.power
    return {"stopped": "stopped", "running": "running"}.get(override.value, "manual")


def compare(wanted: WantedVm, vm: SeenVm, mark: Mark | None, now: int) -> FieldChange | None:
    """The change of power that is due, if any, as a change of the field `state`."""
    asked = wish(wanted, mark, now)
    declared = mark.declared if mark else {}
    moved = declared.get("state") != wanted.power
    change = FieldChange(
        path="state",
        before=str(vm.power),
        after=asked,
        effect=Effect.LIVE,
        kind="change" if moved else "drift",
        where=wanted.origin.get("state"),
    )
    if _started_again(mark, vm):
        return _record(change, "running", "started again after a shutdown from inside the guest")
    if asked == "stopped" and vm.power in _ON:
        return replace(change, effect=Effect.RESTART, live=True, note="stops the guest gracefully")
    if asked == "running" and vm.power != Power.RUNNING:
        return _to_running(change, wanted, vm, declared)
    return _record(change, wanted.power, "") if moved else None


def _to_running(change: FieldChange, wanted: WantedVm, vm: SeenVm, declared: Mapping[str, Any]) -> FieldChange | None:
    if vm.power in (Power.ASLEEP, Power.STOPPING):
        return None
    if vm.power is Power.PAUSED and vm.reason not in ("user", ""):
        return change.keep_back(
            HeldReason.PAUSED,
            f"paused by the hypervisor ({vm.reason}); the guest's disks or host have a problem",
            "repair it, then `gitvirt resume`",
        )
    if vm.power in (Power.PAUSED, Power.SUSPENDED) or _starts(wanted, vm, declared):
        return replace(change, live=True)
    if by_guest(vm) and wanted.restart == "onFailure":
        return _record(change, "stopped", "shut down from inside the guest, respected (restart: onFailure)")
    return None


def _record(change: FieldChange, state: str, note: str) -> FieldChange:
    return replace(change, after=state, effect=Effect.NONE, kind="record", note=note)


def _started_again(mark: Mark | None, vm: SeenVm) -> bool:
    override = mark.override("power") if mark else None
    return override is not None and override.author == GUEST and vm.power in _ON


def _starts(wanted: WantedVm, vm: SeenVm, declared: Mapping[str, Any]) -> bool:
    if declared.get("state") != "running" or wanted.restart == "always":
        return True  # Git just asked for it, or asks for it whatever happens
    if wanted.restart == "never":
        return False
    return not by_guest(vm)


def by_guest(vm: SeenVm) -> bool:
    """True if the guest shut itself down (libvirt keeps the reason until its daemon restarts)."""
    return vm.power is Power.STOPPED and vm.reason == "shutdown"


def remembered(wanted: WantedVm, vm: SeenVm, mark: Mark, now: int) -> Mark:
    """The mark with what was learnt about power: a guest's shutdown is recorded, since libvirt forgets it."""
    others = tuple(each for each in mark.overrides if each.kind != "power")
    current = mark.override("power")
    if current and _started_again(mark, vm):
        return replace(mark, overrides=others)
    respected = wanted.power == "running" and wanted.restart == "onFailure" and by_guest(vm)
    if respected and current is None and mark.declared.get("state") == "running":
        told = Override(
            kind="power", value="stopped", field="running", author=GUEST, reason="shut down inside", since=now
        )
        return replace(mark, overrides=(*others, told))
    return mark
