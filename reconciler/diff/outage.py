"""Outages: VMs that are kept off for now because of what is above them, and started again when that is over.

Two things do it: the host of a VM that is to be stopped for it (`onHostMaintenance: stop`) goes into maintenance, or an
operator powers its cluster down. What ran is remembered in the mark, before it is stopped, as an override of the kind
`outage`: so a guest's shutdown inside is told from ours, and whoever is killed half-way leaves nothing to guess.

Pure. Called by diff/vms.py for the field `state`, by placement for what starts again, by plan/steps/vm_update.py for
the mark, and by the faces.
"""

from __future__ import annotations

from drivers.mark import Mark, Override
from drivers.seen import Power, SeenVm
from reconciler.desired.wanted import WantedVm
from reconciler.diff import power
from reconciler.diff.change import FieldChange, HeldReason
from reconciler.diff.context import Context
from reconciler.diff.power import OUTAGE
from reconciler.observe.observed import Found
from reconciler.place.hosts import hoststate
from specs.effects import Effect
from specs.resource import Ref
from specs.structs import replace

_UP = (Power.RUNNING, Power.PAUSED, Power.ASLEEP, Power.STOPPING)


def outage(wanted: WantedVm, host: str, context: Context) -> str:
    """Why the VM shall be off for now, whatever else is said of its power; "" if nothing says so."""
    if why := powered_down(wanted, context):
        return why
    stops = wanted.on_host_maintenance == "stop"
    return f"{host} goes into maintenance" if stops and hoststate.maintenance(host, context) else ""


def powered_down(wanted: WantedVm, context: Context) -> str:
    """Why its cluster keeps it off; "" if it does not.

    The override's `field` is a level, "" for all: while a cluster goes down ("stopped") the VMs up to that priority are
    off already, while it comes back ("starting") those below it are off still.
    """
    override = hoststate.by_hand(Ref("Cluster", wanted.cluster), hoststate.POWER, context)
    if override is None:
        return ""
    priority, level = wanted.ha_priority, int(override.field or 100)
    stopped = priority <= level if override.value == "stopped" else priority < level
    who = override.author or "an operator"
    why = f" ({override.reason})" if override.reason else ""
    return f"cluster/{wanted.cluster} was powered down by {who}{why}" if stopped else ""


def state_change(wanted: WantedVm, found: Found, mark: Mark, context: Context) -> FieldChange | None:
    """The change of power that is due, if any, as a change of the field `state`."""
    vm = found.vm
    why = outage(wanted, found.host, context)
    change = FieldChange(
        path="state", before=str(vm.power), after="stopped", effect=Effect.RESTART, where=wanted.origin.get("state")
    )
    if why and vm.power in _UP:
        return _stopped(change, vm, why)
    if powered_down(wanted, context):
        return None
    if mark.override(OUTAGE) is not None and vm.power is not Power.STOPPING and not power.moved_away(vm):
        return _after(change, wanted, vm, mark, context)
    return power.compare(wanted, vm, mark, context.now)


def _stopped(change: FieldChange, vm: SeenVm, why: str) -> FieldChange:
    if vm.power is Power.PAUSED:
        text = f"{why}, and it is paused, so its guest cannot shut down"
        return change.keep_back(HeldReason.PAUSED, text, "`gitvirt resume` it, or `gitvirt stop --force`")
    return replace(change, live=True, note=why)


def _after(change: FieldChange, wanted: WantedVm, vm: SeenVm, mark: Mark, context: Context) -> FieldChange:
    """What ran before an outage runs again; if Git or an operator wants it off by now, only the mark forgets it."""
    asked = power.wish(wanted, mark, context.now)
    if vm.power in _UP:
        return replace(change, after=str(vm.power), effect=Effect.NONE, kind="record")
    if asked == "running" or (asked == "manual" and mark.override("power") is None):
        told = mark.override(OUTAGE)
        reason = f" ({told.reason})" if told and told.reason else ""
        return replace(change, after="running", effect=Effect.LIVE, live=True, note=f"what stopped it is over{reason}")
    return replace(change, after=str(vm.power), effect=Effect.NONE, kind="record")


def begun(mark: Mark, wanted: WantedVm, found: Found, context: Context) -> tuple[Override, ...]:
    """The overrides of a VM that is going to be stopped for an outage; `value` is the host that it ran on."""
    why, now = outage(wanted, found.host, context), context.now
    told = Override(kind=OUTAGE, value=found.host, field=wanted.power, author="gitvirt", reason=why, since=now)
    return (*without(mark.overrides), told)


def without(overrides: tuple[Override, ...]) -> tuple[Override, ...]:
    """The overrides but for that of an outage."""
    return tuple(each for each in overrides if each.kind != OUTAGE)


def wish(wanted: WantedVm, host: str, mark: Mark | None, context: Context) -> str:
    """What its power shall be now: see power.wish; off during an outage."""
    asked = power.wish(wanted, mark, context.now)
    return "stopped" if outage(wanted, host, context) else asked
