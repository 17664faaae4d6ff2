"""Placement, asked about: what every host would say to a VM now. Pure.

The planner stops at the first host that can take a VM; here all are asked, by the same filters. Networks and storage
that the plan brings about count as there, memory that it gives to other VMs as taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from reconciler.desired.wanted import WantedVm
from reconciler.diff.pools import pool_on
from reconciler.place.demand import Demand, demand
from reconciler.place.filters import FILTERS
from reconciler.place.room import Room, furnish
from reconciler.plan import plan
from reconciler.status.situation import Machine, Situation


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """`why` is why the host cannot take the VM, or "" if it can."""

    host: str
    why: str


def verdicts(machine: Machine, situation: Situation) -> list[Verdict]:
    """Every declared host's verdict, those of the VM's cluster first."""
    wanted = machine.wanted
    if wanted is None:
        return []
    room, asked = _room(machine, wanted, situation), demand(wanted, machine.found, situation.context.now)
    found = [Verdict(host=name, why=_why(asked, name, room)) for name in wanted.hosts]
    for name, host in sorted(situation.context.wanted.hosts.items()):
        if name not in wanted.hosts:
            why = "its `hosts:` does not name it" if host.cluster == wanted.cluster else f"in cluster {host.cluster}"
            found.append(Verdict(host=name, why=why))
    return found


def reason(machine: Machine, situation: Situation) -> str:
    """Why it is where it is, or why it is nowhere."""
    if machine.found:
        return f"{machine.host}, where it was found: a VM stays where it is"
    placed = situation.plan.placements.get(machine.ref.name)
    if placed and placed.host:
        return f"{placed.host} is where the plan puts it: {placed.why}"
    held = next((each.held for each in situation.changes.get(machine.ref, ()) if each.held), None)
    if held:
        return f"on no host: {held.text}"
    return "on no host"


def _why(asked: Demand, host: str, room: Room) -> str:
    return next((why for each in FILTERS if each.concerns(asked, room) and (why := each.why(asked, host, room))), "")


def _room(machine: Machine, wanted: WantedVm, situation: Situation) -> Room:
    """What is left for the VM when the plan is done with all others."""
    context = situation.context
    room = furnish(context, _networks(situation), _storage(situation))
    for name, placed in situation.plan.placements.items():
        if placed.host and name != wanted.name:
            room.take(demand(context.wanted.vms[name]), placed.host)
    if wanted.name in room.where:
        room.leave(wanted.name)
    return room


def _networks(situation: Situation) -> dict[tuple[str, str], str]:
    brought = {
        (each.host, each.call.network.name)
        for each in situation.plan.steps
        if isinstance(each.call, plan.DefineNetwork | plan.EditNetwork)
    }
    found = {}
    for name, wanted in situation.context.wanted.networks.items():
        for host in wanted.hosts:
            seen = situation.context.observed.network(host, name)
            there = (host, name) in brought or (seen is not None and seen.active)
            found[host, name] = "" if there else "not active" if seen else "not defined"
    return found


def _storage(situation: Situation) -> dict[tuple[str, str], str]:
    brought = {
        (each.host, each.ref.name)
        for each in situation.plan.steps
        if isinstance(each.call, plan.DefinePool | plan.StartPool)
    }
    found = {}
    for name, wanted in situation.context.wanted.pools.items():
        for host in wanted.hosts:
            seen = pool_on(situation.context, wanted, host)
            if (host, name) in brought:
                found[host, name] = ""
            else:
                found[host, name] = "no pool" if seen is None else seen.problem or ("" if seen.active else "not active")
    return found
