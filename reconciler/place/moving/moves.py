"""Moves: which VMs leave their host in this pass, where they go, and which would have to but cannot.

Pure. Called by plan/planner.py. Movers are asked in the order of MOVERS; the first one that speaks of a VM decides.
Whoever wants a VM moved only says why; the target is placement's choice among the hosts that preflight lets through.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.diff.change import Held, HeldReason
from reconciler.diff.context import Context
from reconciler.place.choose import Room, choose, demand, survey
from reconciler.place.moving import preflight
from reconciler.place.moving.movers import affinity, balance, drain, hosts, override, start
from reconciler.place.moving.reach import full, reach
from reconciler.place.moving.wish import Home, Move, Mover, Wish, home_of
from reconciler.place.reasons import folded
from specs.structs import replace

MOVERS: Mapping[str, Mover] = {
    "override": override.wishes,
    "hosts": hosts.wishes,
    "drain": drain.wishes,
    "start": start.wishes,
    "affinity": affinity.wishes,
    "balance": balance.wishes,
}
"""Name → mover, in the order in which they are asked."""


def moves(context: Context, room: Room, barred: frozenset[str] = frozenset()) -> dict[str, Move]:
    """The moves of a pass by VM, held ones included; the room then counts them as done.

    `barred`: VMs of which nothing is changed in this pass, or that come and go as a whole.
    """
    found: dict[str, Move] = {}
    stays: dict[str, Wish] = {}
    for name, mover in MOVERS.items():
        for wish in mover(context, room):
            if wish.vm in found or wish.vm in barred or not _meant(wish.vm, context):
                continue
            if wish.kind == "stay":
                stays.setdefault(wish.vm, wish)
                continue
            move = settle(wish, name, context, room, stays.get(wish.vm))
            if move is not None:
                found[wish.vm] = move
    return found


def _meant(vm: str, context: Context) -> bool:
    """Whether a pass that is narrowed to targets is about this VM."""
    return not context.allowed.targets or f"vm/{vm}" in context.allowed.targets


def settle(wish: Wish, mover: str, context: Context, room: Room, stay: Wish | None = None) -> Move | None:
    """What becomes of one wish; None if nothing: what is only better is dropped where it cannot be."""
    wanted = context.wanted.vms.get(wish.vm)
    home = home_of(wanted, context) if wanted else None
    if home is None or home.host == wish.to:
        return None
    why_not = (
        _kept(wish, stay)
        or _backs_off(wish, mover, context)
        or _disallowed(wish, home)
        or _by_hand_only(home, mover)
        or preflight.stuck(home, context)
    )
    move = Move(
        vm=wish.vm, source=home.host, target=wish.to, why=wish.why, mover=mover, running=home.found.vm.running,
        where=wish.where,
    )  # fmt: skip
    if why_not is None:
        why_not, move = _aim(wish, move, home, context, room)
    if why_not is None:
        return move
    if wish.kind != "hold":
        why_not = replace(why_not, text=f"{wish.why}; {why_not.text}")
    return replace(move, held=why_not) if wish.must else None


def _kept(wish: Wish, stay: Wish | None) -> Held | None:
    """Why it stays by somebody's word."""
    if stay is not None:
        fix = f"`gitvirt migrate {wish.vm} --clear` takes that back"
        return Held(reason=HeldReason.ON_HOLD, text=stay.why, fix=fix)
    if wish.kind == "hold":
        return Held(reason=HeldReason.CANNOT_MOVE, text=wish.why, fix="move it by hand, or stop it")
    return None


def _backs_off(wish: Wish, mover: str, context: Context) -> Held | None:
    """A VM whose last move failed: where it is only moved for the better, another one may be moved instead."""
    why = context.backoff.get(f"vm/{wish.vm}") if mover in ("affinity", "balance") else None
    fix = "`gitvirt sync --now` tries it at once"
    return Held(reason=HeldReason.BACKING_OFF, text=why, fix=fix) if why else None


def _disallowed(wish: Wish, home: Home) -> Held | None:
    """Where the only host that will do is none that the YAML allows."""
    if not wish.to or wish.to in home.wanted.hosts:
        return None
    text = f"it may not run on {wish.to}: its hosts are {', '.join(home.wanted.hosts) or 'none'}"
    return Held(reason=HeldReason.CANNOT_MOVE, text=text, fix="allow that host in the YAML")


def _by_hand_only(home: Home, mover: str) -> Held | None:
    """A running VM whose migrations are operators' business."""
    if home.wanted.migration.mode != "manual" or not home.found.vm.running or mover == "override":
        return None
    fix = f"`gitvirt migrate {home.wanted.name}`"
    return Held(reason=HeldReason.CANNOT_MOVE, text="its YAML says migration: manual", fix=fix)


def _aim(wish: Wish, move: Move, home: Home, context: Context, room: Room) -> tuple[Held | None, Move]:
    """Finds the target: the only one, or placement's choice; or why there is none."""
    against = {
        name: why
        for name in home.wanted.hosts
        if name != home.host
        and (
            why := _elsewhere(name, wish) or preflight.against(home, name, context) or _full(home, name, context, room)
        )
    }
    but = frozenset({home.host, *against})
    asked = demand(home.wanted, home.found, context)
    chosen = choose(asked, room, but=but)
    if not chosen.host and wish.during:  # rules between VMs give way only where they would hinder the drain
        chosen = choose(asked, room, but=but, during=wish.during)
    if chosen.host:
        for pool, size in reach(home, chosen.host, context).needs.items():
            room.copied[chosen.host, pool] = room.copied.get((chosen.host, pool), 0) + size
        return None, replace(move, target=chosen.host, placement=chosen, yields=chosen.yields)
    if not wish.must:
        return Held(reason=HeldReason.CANNOT_MOVE, text="no other host can take it"), move  # nobody is told why
    rejected = {**chosen.rejected, **{name: why for name, why in against.items() if not wish.to or name == wish.to}}
    vain = frozenset(name for name, why in against.items() if why == _IN_VAIN)
    rejected.update(survey(asked, room, frozenset(home.wanted.hosts) - vain).rejected if vain else {})
    if wish.to in rejected:
        fix = "see to that, or choose another host"
        return Held(reason=HeldReason.CANNOT_MOVE, text=f"{wish.to} cannot take it: {rejected[wish.to]}", fix=fix), move
    told = folded(rejected)
    text = f"no other host can take it: {told}" if told else "there is no other host that may run it"
    return Held(reason=HeldReason.CANNOT_MOVE, text=text, fix="make one of them fit, or allow others"), move


def _full(home: Home, target: str, context: Context, room: Room) -> str:
    """Why its disks do not fit beside those that other moves of this plan bring there; "" if they do."""
    return full(reach(home, target, context).needs, target, context, room.copied) if room.copied else ""


_IN_VAIN = "nothing is gained there"


def _elsewhere(name: str, wish: Wish) -> str:
    if wish.to:
        return f"it shall go to {wish.to}" if name != wish.to else ""
    return _IN_VAIN if wish.among and name not in wish.among else ""
