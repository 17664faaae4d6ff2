"""Power: what a VM's declared state asks for, given how it is, how it got there, and what operators did.

Pure. A shutdown from inside the guest is respected under `restart: onFailure`; a crash, a host's boot and a stop
from outside are not. An operator's stop is an override in the mark, obeyed until it is cleared, until its time
is over, or until Git changes `state`.
"""

from __future__ import annotations

from drivers.mark import Mark, Override
from drivers.seen import Power, SeenVm
from reconciler.desired.wanted import WantedVm
from reconciler.diff.change import FieldChange, HeldReason
from specs.effects import Effect
from specs.structs import replace

OUTAGE = "outage"  # the kind of override that remembers what ran before an outage (reconciler/diff/outage.py)
PAUSED_BY_HAND = ("user", "")  # libvirt's reasons of a pause that may simply be ended
GUEST = "guest"  # the author of a shutdown that came from inside the guest
_ENDED = {
    "crashed": "since it crashed",
    "failed": "since its QEMU failed",
    "destroyed": "since its power was cut",
}
"""libvirt's reason of a stop → what the plan says of it, where that is of use."""
_COMING = "startingup"  # its QEMU is being started at this moment
_HANDING_OVER = ("migration", "postcopy", "postcopyfailed", _COMING)
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
    if (over := _outlived(wanted, vm, mark, now)) is not None:
        return _record(change, "running", over)
    if asked == "stopped" and vm.power in _ON:
        return replace(change, effect=Effect.RESTART, live=True, note="stops the guest gracefully")
    if asked == "running" and vm.power != Power.RUNNING:
        return _to_running(change, wanted, vm, mark)
    return _record(change, wanted.power, "") if moved else None


def _to_running(change: FieldChange, wanted: WantedVm, vm: SeenVm, mark: Mark | None) -> FieldChange | None:
    if vm.power in (Power.ASLEEP, Power.STOPPING) or (vm.power is Power.PAUSED and vm.reason == _COMING):
        return None
    if moved_away(vm):
        text = "libvirt moved it to another host, and no host that was read has it: it may run there"
        return change.keep_back(
            HeldReason.HOST_UNSEEN, text, f"find it; if it is off, `gitvirt start {vm.name} --force`"
        )
    if vm.power is Power.PAUSED and vm.reason not in PAUSED_BY_HAND:
        return change.keep_back(
            HeldReason.PAUSED,
            f"paused by the hypervisor ({vm.reason}); the guest's disks or host have a problem",
            "repair it, then `gitvirt resume`",
        )
    if vm.power in (Power.PAUSED, Power.SUSPENDED) or _starts(wanted, vm, mark):
        return replace(change, live=True, note=_ENDED.get(vm.reason, "") if vm.power is Power.STOPPED else "")
    if by_guest(vm) and wanted.restart == "onFailure":
        return _record(change, "stopped", "shut down from inside the guest, respected (restart: onFailure)")
    return None


def moved_away(vm: SeenVm) -> bool:
    """True of a VM that is off since it left by a migration, as libvirt remembers until its daemon restarts."""
    return vm.power is Power.STOPPED and vm.reason == "migrated"


def left(vm: SeenVm) -> str:
    """Where a VM was handed over, or is being so: what must not be started or resumed by hand; "" if it was not."""
    if vm.migrating or (vm.power is Power.PAUSED and vm.reason in _HANDING_OVER):
        return "it is between two hosts"
    return "libvirt moved it to another host" if moved_away(vm) else ""


def _record(change: FieldChange, state: str, note: str) -> FieldChange:
    return replace(change, after=state, effect=Effect.NONE, kind="record", note=note)


def _outlived(wanted: WantedVm, vm: SeenVm, mark: Mark | None, now: int) -> str | None:
    """Why the override that is in the mark of a running VM has to be forgotten; None if it has not."""
    override = mark.override("power") if mark else None
    if override is None or wanted.power != "running":
        return None
    if override.author == GUEST and vm.power in _ON:
        return "started again after a shutdown from inside the guest"
    if vm.power is Power.RUNNING and _ended(override, wanted, now):
        return f"what {override.author or 'an operator'} did to it ({override.value}) is over"
    return None


def _ended(override: Override, wanted: WantedVm, now: int) -> bool:
    return not active(override, now) or override.field != wanted.power


def _starts(wanted: WantedVm, vm: SeenVm, mark: Mark | None) -> bool:
    if mark is None or mark.declared.get("state") != wanted.power or wanted.restart == "always":
        return True  # Git just asked for it, or asks for it whatever happens
    override = mark.override("power")
    if override is not None and override.author != GUEST and (override.value, override.field) != ("running", "stopped"):
        return True  # an operator's stop that is over, or a power cycle that was interrupted: not the guest's doing
    if wanted.restart == "never":
        return False
    return not by_guest(vm)


def by_guest(vm: SeenVm) -> bool:
    """True if the guest shut itself down (libvirt keeps the reason until its daemon restarts)."""
    return vm.power is Power.STOPPED and vm.reason == "shutdown"


def remembered(wanted: WantedVm, vm: SeenVm, mark: Mark, now: int, started: bool = False) -> Mark:
    """The mark with what was learnt about power: a guest's shutdown is recorded, since libvirt forgets it.

    Overrides that are over are forgotten, but not while the VM is off and has yet to be started: until then the
    override tells that it was not the guest that shut down. `started`: it will be, when this mark is written.
    """
    others = tuple(each for each in mark.overrides if each.kind != "power")
    current = mark.override("power")
    if current and (_outlived(wanted, vm, mark, now) is not None or _done_with(current, wanted, vm)):
        return replace(mark, overrides=others)
    if current and _ended(current, wanted, now) and (started or vm.running or wanted.power != "running"):
        return replace(mark, overrides=others)
    respected = wanted.power == "running" and wanted.restart == "onFailure" and by_guest(vm)
    if respected and current is None and mark.override(OUTAGE) is None and mark.declared.get("state") == "running":
        told = Override(
            kind="power", value="stopped", field="running", author=GUEST, reason="shut down inside", since=now
        )
        return replace(mark, overrides=(*others, told))
    return mark


def _done_with(override: Override, wanted: WantedVm, vm: SeenVm) -> bool:
    """True if the guest of a VM that an operator had started against Git shut down: it is as Git says again."""
    asked = (override.value, override.field) == ("running", "stopped")
    return asked and wanted.power == "stopped" and wanted.restart == "onFailure" and by_guest(vm)
