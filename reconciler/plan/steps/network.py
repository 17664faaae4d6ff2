"""Steps for one network on one host. Pure; called by plan/planner.py."""

from __future__ import annotations

from collections.abc import Mapping

from drivers.base import Edit, NewNetwork
from drivers.mark import Mark
from reconciler.desired.wanted import WantedNetwork
from reconciler.diff.change import Change, Verb
from reconciler.diff.leases import with_leases
from reconciler.place.hosts import bridges
from reconciler.plan import marks
from reconciler.plan.builder import Builder
from reconciler.plan.plan import DefineNetwork, EditNetwork, UndefineNetwork
from specs.effects import Effect
from specs.fields import Fields

_SWITCHES = frozenset({"active", "autostart"})


def network_steps(change: Change, builder: Builder) -> None:
    """Define, change or remove a network on the change's host."""
    if change.verb is Verb.DELETE:
        builder.add(change.ref, change.host, UndefineNetwork(network=change.ref.name), "undefine")
        return
    wanted = with_leases(builder.context.wanted.networks[change.ref.name], builder.leases)
    if change.verb is Verb.CREATE:
        new = _network(wanted, change.host, builder, None)
        step = builder.add(change.ref, change.host, DefineNetwork(network=new), "define")
    else:
        step = _update(change, wanted, builder)
    builder.brings["network", change.host, wanted.name] = step


def _update(change: Change, wanted: WantedNetwork, builder: Builder) -> str:
    seen = builder.context.observed.network(change.host, wanted.name)
    assert seen is not None
    assert seen.mark is not None
    acting = [each for each in change.fields if each.acts]
    held = {each.path for each in change.fields if each.held}
    new = _network(wanted, change.host, builder, seen.mark, held)
    restart = any(each.effect not in (Effect.LIVE, Effect.HOTPLUG, Effect.NONE) for each in acting)
    if restart or any(each.path in _SWITCHES for each in acting):
        call = DefineNetwork(network=new, expects=seen.mark.generation, restart=restart and seen.active)
        effect = Effect.RESTART if restart and seen.active else Effect.LIVE
        return builder.add(change.ref, change.host, call, "redefine", effect=effect)
    live = tuple(Edit(path=each.path, before=each.before, after=each.after) for each in acting if each.live)
    edit = EditNetwork(network=new, expects=seen.mark.generation, live=live)
    return builder.add(change.ref, change.host, edit, "change")


def _network(
    wanted: WantedNetwork,
    host: str,
    builder: Builder,
    mark: Mark | None,
    held: set[str] | frozenset[str] = frozenset(),
) -> NewNetwork:
    """The network as it shall be defined; what is held stays as it was declared before."""
    context = builder.context
    asked: Fields = {path: value for path, value in wanted.fields_on(host).items() if path not in held}
    declared: dict[str, object] = {path: context.stored(value) for path, value in asked.items()}
    written = bridges.defined_on(wanted, context.observed.seen[host])
    fields: Fields = {path: value for path, value in asked.items() if path in written}
    if mark is None:
        first = Mark(
            repository=context.wanted.repository, ref=str(wanted.ref), uuid=wanted.uuid, generation=1,
            revision=context.wanted.revision, declared=declared,
        )  # fmt: skip
        return NewNetwork(name=wanted.name, uuid=wanted.uuid, fields=fields, mark=first)
    kept: Mapping[str, object] = {path: value for path, value in mark.declared.items() if path in held}
    later = marks.following(mark, context, declared={**declared, **kept})
    return NewNetwork(name=wanted.name, uuid=mark.uuid, fields=fields, mark=later)
