"""Mover `start`: a VM that is to be started, on a host that could not take it if it were new. Pure.

As where oVirt runs a VM: one that is off goes wherever it can be started. The least important go first, by name of
equals. One that can go nowhere is started where it is, as far as its host can; but never where `hosts:`, a hard
affinity rule or the maintenance of its host forbids it: `unstartable` holds such a start, and is called by
plan/planner.py once all moves are known.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from drivers.seen import Power
from reconciler.diff.change import Change, FieldChange, HeldReason
from reconciler.diff.context import Context
from reconciler.place.choose import Room, refusal
from reconciler.place.hosts.hoststate import maintenance
from reconciler.place.moving.wish import Wish, homes

HARD = frozenset({"PinToHost", "VmToHostsAffinityGroups", "VmAffinityGroups"})
"""Filters for what is declared about where a VM may be; all others are about what its host can do."""


def wishes(context: Context, room: Room) -> Iterator[Wish]:
    """Every VM that this pass starts and that its host could not take; VMs on hosts in maintenance leave anyway."""
    for home in sorted(homes(context), key=lambda each: (each.wanted.ha_priority, each.wanted.name)):
        name, host = home.wanted.name, home.host
        if not _starts_on(name, host, room) or host in room.held or maintenance(host, context):
            continue
        if why := refusal(name, room):  # all others that are started are counted on their hosts already
            must = bool(refusal(name, room, HARD))
            yield Wish(vm=name, why=f"{host} cannot start it: {why}", must=must)


def unstartable(changes: list[Change], context: Context, room: Room) -> list[Change]:
    """The changes with every start held that its host forbids; such a VM takes nothing of the room. Of VMs that must
    not run on one host, the most important is started."""
    found = list(changes)
    vms = context.wanted.vms
    ranked = sorted(
        (vms[each.ref.name].ha_priority, each.ref.name, number)
        for number, each in enumerate(changes)
        if each.ref.kind == "VirtualMachine" and each.ref.name in vms
    )
    for _, name, number in ranked:
        change = found[number]
        if change.held or not any(_starts(each) for each in change.fields) or _leaves(change):
            continue
        if why := _forbidden(change, context, room):
            found[number] = _held(change, why)
            if _starts_on(name, change.host, room):
                room.take(replace(room.leave(name), running=False), change.host)
    return found


def _forbidden(change: Change, context: Context, room: Room) -> str:
    """Why it must not be started where it is. Hard rules between VMs yield while a host of its cluster is emptied."""
    name, host = change.ref.name, change.host
    if why := maintenance(host, context):
        return f"it is on {host}, where nothing is started: maintenance {why}"
    if not _starts_on(name, host, room):
        return ""
    hosts, cluster = context.wanted.hosts, context.wanted.vms[name].cluster
    drained = any(each.cluster == cluster and maintenance(other, context) for other, each in hosts.items())
    why = refusal(name, room, HARD, during="drain" if drained else "")
    return f"it is on {host}, where it must not run: {why}" if why else ""


def _starts_on(name: str, host: str, room: Room) -> bool:
    asked = room.on(host).get(name)
    return asked is not None and asked.running and not asked.present


def _leaves(change: Change) -> bool:
    return any(each.path == "host" and each.acts for each in change.fields)


def _starts(field: FieldChange) -> bool:
    return field.path == "state" and field.live and field.after == "running" and field.before != str(Power.PAUSED)


def _held(change: Change, why: str) -> Change:
    fix = "it starts when it can be moved, or when its host may run it"
    return replace(
        change,
        fields=tuple(each.keep_back(HeldReason.NO_HOST, why, fix) if _starts(each) else each for each in change.fields),
    )
