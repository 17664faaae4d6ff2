"""Placement, asked about: what every host would say to a VM now, and with what score. Pure.

The planner keeps its rankings; here all hosts are asked anew, by the same filters and weights. Networks and storage
that the plan brings about count as there, what it gives to other VMs as taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.desired.wanted import WantedVm
from reconciler.diff.pools import pool_on
from reconciler.place.choose import survey
from reconciler.place.demand import demand
from reconciler.place.hosts import bridges
from reconciler.place.moving import preflight
from reconciler.place.moving.wish import home_of
from reconciler.place.room import Room, furnish
from reconciler.plan import plan
from reconciler.status.situation import Machine, Situation
from specs.structs import Struct, field


class Verdict(Struct, frozen=True, kw_only=True):
    """`why` is why the host cannot take the VM, or "" if it can; then `score` and what each weight adds to it.

    `best`: it would be chosen if the VM were placed anew, `here`: it has the VM.
    """

    host: str
    why: str
    score: int = 0
    points: Mapping[str, int] = field(default_factory=dict)
    best: bool = False
    here: bool = False

    def __str__(self) -> str:
        if self.why:
            return self.why
        parts = ", ".join(f"{name} {points}" for name, points in self.points.items())
        said = ["it is here"] if self.here else []
        said += ["best"] if self.best else [] if self.here else ["could take it"]
        return f"{', '.join(said)}: score {self.score}" + (f" ({parts})" if parts else "")


def verdicts(machine: Machine, situation: Situation) -> list[Verdict]:
    """Every declared host's verdict, those of the VM's cluster first."""
    wanted = machine.wanted
    if wanted is None:
        return []
    asked, far = demand(wanted, machine.found, situation.context), dict(_out_of_reach(wanted, situation))
    found = survey(asked, room_left(situation, without=wanted.name), but=frozenset(far))
    why_not = {**found.rejected, **far}
    able = [
        Verdict(
            host=name, why=why_not.get(name, ""), score=found.scores.get(name, 0), points=found.points.get(name, {}),
            best=name == found.host, here=name == machine.host,
        )
        for name in wanted.hosts
    ]  # fmt: skip
    return [*able, *_others(wanted, situation)]


def reason(machine: Machine, situation: Situation) -> str:
    """Why it is where it is, or why it is nowhere."""
    placed = situation.plan.placements.get(machine.ref.name)
    if machine.found and placed and placed.host not in ("", machine.host):
        return f"{machine.host}, where it was found; the plan moves it to {placed.host}: {placed.why}"
    if machine.found:
        return f"{machine.host}, where it was found: a VM stays where it is unless something moves it"
    if placed and placed.host:
        return f"{placed.host} is where the plan puts it: {placed.why}"
    held = next((each.held for each in situation.changes.get(machine.ref, ()) if each.held), None)
    if held:
        return f"on no host: {held.text}"
    return "on no host"


def _out_of_reach(wanted: WantedVm, situation: Situation) -> Iterator[tuple[str, str]]:
    """Hosts that a VM which exists could not get to."""
    home = home_of(wanted, situation.context)
    if home is None:
        return
    for name in wanted.hosts:
        if name != home.host and (why := preflight.against(home, name, situation.context)):
            yield name, f"cannot get there from {home.host}: {why}"


def _others(wanted: WantedVm, situation: Situation) -> Iterator[Verdict]:
    for name, host in sorted(situation.context.wanted.hosts.items()):
        if name not in wanted.hosts:
            here = host.cluster == wanted.cluster
            why = "its `hosts:` does not name it (PinToHost)" if here else f"in cluster {host.cluster}"
            yield Verdict(host=name, why=why)


def room_left(situation: Situation, without: str = "") -> Room:
    """What is left when the plan is done with all VMs but one of them."""
    context = situation.context
    room = furnish(context, _networks(situation), _storage(situation))
    for name, placed in situation.plan.placements.items():
        if not placed.host or name == without:
            continue
        if name in room.where:
            room.move(room.on(room.where[name])[name], placed.host)
        else:
            room.take(demand(context.wanted.vms[name]), placed.host)
    if without in room.where:
        room.leave(without)
    return room


def _networks(situation: Situation) -> dict[tuple[str, str], str]:
    brought = {
        (each.host, each.call.network.name)
        for each in situation.plan.steps
        if isinstance(each.call, plan.DefineNetwork | plan.EditNetwork)
    }
    observed = situation.context.observed
    return {
        (host, name): bridges.unusable(wanted, host, observed, (host, name) in brought)
        for name, wanted in situation.context.wanted.networks.items()
        for host in wanted.hosts
    }


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
