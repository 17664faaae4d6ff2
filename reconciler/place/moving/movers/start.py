"""Mover `start`: a VM that is to be started, on a host that could not take it if it were new. Pure.

As where oVirt runs a VM: one that is off goes wherever it can be started. The least important leave, by name of
equals. One that can go nowhere is started where it is, as far as its host can; but never where `hosts:`, a hard
affinity rule or the maintenance of its host forbids it: `unstartable` holds such a start, and is called by
plan/planner.py once all moves are known.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drivers.seen import Power
from reconciler.diff.change import Change, FieldChange, HeldReason
from reconciler.diff.context import Context
from reconciler.place.choose import Room, refusal
from reconciler.place.hosts.hoststate import maintenance
from reconciler.place.moving.wish import Wish, homes
from specs.structs import replace

HARD = frozenset({"PinToHost", "VmToHostsAffinityGroups", "VmAffinityGroups"})
"""Filters for what is declared about where a VM may be; all others are about what its host can do."""


def wishes(context: Context, room: Room) -> Iterator[Wish]:
    """Every VM that this pass starts and that its host could not take; VMs on hosts in maintenance leave anyway."""
    there = {
        home.wanted.name: home.host
        for home in homes(context)
        if _starts_on(home.wanted.name, home.host, room)
        and home.host not in room.held
        and not maintenance(home.host, context)
    }
    for name in _in_turn(there, context, room):
        hard = refusal(name, room, HARD)
        if why := hard or refusal(name, room):
            yield Wish(vm=name, why=f"{there[name]} cannot start it: {why}", must=bool(hard))


def unstartable(changes: list[Change], context: Context, room: Room) -> list[Change]:
    """The changes with every start held that its host forbids; such a VM takes nothing of the room."""
    found = list(changes)
    starting = {
        each.ref.name: number
        for number, each in enumerate(changes)
        if each.ref.kind == "VirtualMachine" and not each.held and any(map(_starts, each.fields)) and not _leaves(each)
    }
    there = {
        name: changes[number].host for name, number in starting.items() if _starts_on(name, changes[number].host, room)
    }
    for name in _in_turn(there, context, room):
        if why := _forbidden(found[starting[name]], context, room):
            found[starting[name]] = _held(found[starting[name]], why)
            room.take(replace(room.leave(name), running=False), there[name])
    return found


def _in_turn(there: Mapping[str, str], context: Context, room: Room) -> Iterator[str]:
    """VMs that are to be started where they are (name → host), the most important first, and by name backwards. Each
    counts as running from then on; those that come after it do not yet, so that it finds what runs already."""
    asked = {name: room.leave(name) for name in there}
    for name, host in there.items():
        room.take(replace(asked[name], running=False), host)
    for name in sorted(there, key=lambda each: (context.wanted.vms[each].ha_priority, each), reverse=True):
        room.leave(name)
        room.take(asked[name], there[name])
        yield name


def _forbidden(change: Change, context: Context, room: Room) -> str:
    """Why it must not be started where it is. Hard rules between VMs yield while a host of its cluster is emptied."""
    name, host = change.ref.name, change.host
    if why := maintenance(host, context):
        return f"it is on {host}, where nothing is started: maintenance {why}"
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
