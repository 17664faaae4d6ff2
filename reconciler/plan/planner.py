"""From changes to a plan: guards, placement, steps in order, digest.

Pure; called by reconciler/cycle.py. A change that turns out to be impossible while its steps are made (no host, no
image, no storage) comes back held, with the reason, and takes what depends on it along.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from reconciler.diff import doubles
from reconciler.diff.change import Change, HeldReason, Verb
from reconciler.diff.context import Context
from reconciler.observe import backing
from reconciler.observe.observed import Found
from reconciler.place import choose, macs
from reconciler.place.headroom import reservation
from reconciler.place.headroom.spare import spare
from reconciler.place.hosts import bridges, clusters, hostdevices
from reconciler.place.hosts.hoststate import maintenance
from reconciler.place.moving import moves
from reconciler.place.moving.movers import start
from reconciler.place.reasons import folded
from reconciler.place.room import Room, furnish
from reconciler.plan import guard
from reconciler.plan.builder import Builder, Withheld
from reconciler.plan.order import by_harm
from reconciler.plan.plan import MigrateVm, Plan, Step, Warned
from reconciler.plan.steps import network, removed, storage, trash, vm_create, vm_move, vm_remove, vm_update
from specs.fields import Secret
from specs.structs import Struct, replace


def make(changes: list[Change], context: Context) -> Plan:
    """The plan for these changes."""
    builder = Builder(context)
    aimed = guard.guard(guard.aimed(changes, context), context)
    planner = _Planner(builder)
    settled = [planner.settle(each) for each in _in_order([each for each in aimed if _early(each)], context)]
    late = planner.with_moves([each for each in aimed if not _early(each)])
    settled += [planner.settle(each) for each in _in_order(late, context)]
    if not context.allowed.targets:
        settled += vm_remove.expired_volumes(planner.users, builder)
        settled += trash.unmarked_volumes(planner.users, builder)
    return assemble(settled, builder, planner.placements, _warnings(builder, planner.room))


def room_of(builder: Builder) -> Room:
    """What placement may count on as things are, without any step of this plan."""
    return _Planner(builder).room


def assemble(
    settled: list[Change], builder: Builder, placements: Mapping[str, choose.Placement], warnings: list[Warned]
) -> Plan:
    """The plan of changes whose steps the builder has."""
    context = builder.context
    steps = tuple(builder.steps.values())
    wanted = context.wanted
    return Plan(
        repository=wanted.repository,
        name=wanted.name,
        revision=wanted.revision,
        taken=context.observed.taken,
        changes=tuple(by_harm(settled)),
        steps=steps,
        placements=placements,
        warnings=tuple(warnings),
        hosts_seen=len(context.observed.seen),
        hosts_declared=len(wanted.hosts),
        digest=digest(steps, settled, context),
        fingerprints=_fingerprints(settled, context),
    )


_RANK = {"StorageDomain": 0, "Image": 1, "Network": 2, "VirtualMachine": 3}
_BEFORE_VMS = frozenset({"StorageDomain", "Image", "Network"})
_GOING = (Verb.DELETE, Verb.PURGE)


def _early(change: Change) -> bool:
    """What VMs stand on, so that placement knows it."""
    return change.ref.kind in _BEFORE_VMS and change.verb not in _GOING


def _in_order(changes: list[Change], context: Context) -> list[Change]:
    """What others need first; removals after everything else, in the reverse order of kinds.

    Of VMs those that matter most, so that they find a place before others do.
    """

    def key(change: Change) -> tuple[bool, int, int]:
        rank, vm = _RANK.get(change.ref.kind, 4), context.wanted.vms.get(change.ref.name)
        important = vm.ha_priority if vm and change.ref.kind == "VirtualMachine" else 0
        return (change.verb in _GOING, -rank if change.verb in _GOING else rank, -important)

    return sorted(changes, key=key)


class _Planner:
    """Turns one change after the other into steps, remembering what the former ones brought about."""

    def __init__(self, builder: Builder) -> None:
        self.builder = builder
        self.context = builder.context
        self.placements: dict[str, choose.Placement] = {}
        self.users = backing.users(self.context.observed)
        self._room: Room | None = None

    def with_moves(self, changes: list[Change]) -> list[Change]:
        """The changes of VMs and of what comes after them, with those that move VMs; to be asked once."""
        vms = [each for each in changes if each.ref.kind == "VirtualMachine"]
        barred = frozenset(
            each.ref.name for each in vms if each.held or each.verb is not Verb.UPDATE or doubles.settles(each)
        )
        if targets := self.context.allowed.targets:
            barred |= {name for name, vm in self.context.wanted.vms.items() if str(vm.ref) not in targets}
        found = moves.moves(self.context, self.room, barred)
        self.placements |= {name: each.placement for name, each in found.items() if each.placement}
        joined = [removed.stays(each, self.context) for each in vm_move.joined(changes, found)]
        return start.unstartable(joined, self.context, self.room)

    def settle(self, change: Change) -> Change:
        """Adds the change's steps and returns it with what was decided, or held."""
        if not change.acts:
            return change
        before = len(self.builder.steps)
        try:
            return self._steps(change)
        except Withheld as why:
            self.builder.back_to(before)
            return why.of(change)

    def _steps(self, change: Change) -> Change:
        match change.ref.kind:
            case "StorageDomain":
                storage.pool_steps(change, self.builder)
            case "Image":
                storage.image_steps(change, self.builder)
            case "Network":
                network.network_steps(change, self.builder)
            case "VirtualMachine":
                return self._vm(change)
        return change

    def _vm(self, change: Change) -> Change:
        if change.verb is Verb.CREATE:
            return self._create(change)
        found = self._found(change)
        if doubles.settles(change):
            return vm_move.settle_steps(change, found, self.builder)
        if change.verb is Verb.DELETE:
            return vm_remove.delete_steps(change, found, self.builder)
        if change.verb is Verb.PURGE:
            return vm_remove.purge_steps(change, found, self.users, self.builder)
        wanted = self.context.wanted.vms[change.ref.name]
        if change.verb is Verb.ADOPT:
            return vm_update.adopt_steps(change, wanted, found, self.builder)
        why = self.context.refused.get(str(change.ref))
        if why is not None and not any(each.path == "xml" for each in change.fields):
            raise Withheld(HeldReason.XML_REFUSED, why)  # not for new patches: for those that it has borne so far
        return vm_update.update_steps(change, wanted, found, self.builder)

    def _found(self, change: Change) -> Found:
        wanted = self.context.wanted.vms.get(change.ref.name)
        observed = self.context.observed
        if change.verb is Verb.ADOPT and wanted:
            return observed.by_uuid[wanted.uuid][0]
        owned = observed.owned.get(change.ref)
        if not owned and wanted:
            renamed = replace(change.ref, name=wanted.renamed_from)
            owned = observed.owned[renamed]
        assert owned, change
        return next((each for each in owned if each.host == change.host), owned[0])

    def _create(self, change: Change) -> Change:
        wanted = self.context.wanted.vms[change.ref.name]
        if (why := self.context.refused.get(str(change.ref))) is not None:
            raise Withheld(HeldReason.XML_REFUSED, why)
        asked = choose.demand(wanted)
        placement = choose.choose(asked, self.room)
        self.placements[wanted.name] = placement
        if not placement.host:
            told = folded(placement.rejected)
            raise Withheld(HeldReason.NO_HOST, f"{placement.why}: {told}" if told else placement.why)
        wanted = hostdevices.assigned(asked, placement.host, self.room)
        try:
            return vm_create.create_steps(change, wanted, placement.host, self.builder)
        except Withheld:
            self.room.leave(wanted.name)  # others may have what it does not take
            raise

    @property
    def room(self) -> Room:
        """What placement may count on, known once networks and storage have been settled."""
        if self._room is None:
            self._room = furnish(self.context, self._networks(), self._storage())
        return self._room

    def _networks(self) -> dict[tuple[str, str], str]:
        observed, builder = self.context.observed, self.builder
        return {
            (host, name): bridges.unusable(wanted, host, observed, bool(builder.brought("network", host, name)))
            for name, wanted in self.context.wanted.networks.items()
            for host in wanted.hosts
        }

    def _storage(self) -> dict[tuple[str, str], str]:
        return {
            (host, name): storage.usable(wanted, host, self.builder) or ""
            for name, wanted in self.context.wanted.pools.items()
            for host in wanted.hosts
        }


def digest(steps: tuple[Step, ...], changes: list[Change], context: Context) -> str:
    """Of everything that would be done and kept back: equal digests, equal plans. Times and revisions do not count."""
    data = {
        "repository": context.wanted.repository,
        "steps": [_plain(each, context) for each in steps],
        "held": [[str(each.ref), each.verb, each.host, each.held.reason] for each in changes if each.held],
    }
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()[:32]


_TIMES = frozenset({"when", "trashed", "since", "revision", "cached"})


def _plain(value: Any, context: Context) -> Any:
    """A value as JSON can hold it: secrets as digests, times and revisions left out."""
    if isinstance(value, Secret):
        return context.digest(value)
    if isinstance(value, Struct):
        plain = {name: _plain(getattr(value, name), context) for name in value.__struct_fields__ if name not in _TIMES}
        return {"": type(value).__name__, **plain}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner, context) for key, inner in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(inner, context) for inner in (sorted(value) if isinstance(value, set | frozenset) else value)]
    return value


def _fingerprints(changes: list[Change], context: Context) -> dict[str, str]:
    """What was seen of each ref in the plan: definitions and power."""
    found: dict[str, str] = {}
    for change in changes:
        for each in context.observed.owned.get(change.ref, context.observed.by_name.get(change.ref.name, ())):
            text = f"{each.host}|{each.vm.definition}|{each.vm.power}"
            found[str(change.ref)] = hashlib.sha256(text.encode()).hexdigest()[:16]
    return found


def _warnings(builder: Builder, room: choose.Room) -> list[Warned]:
    """What there is to know beside the changes."""
    context = builder.context
    found = [*builder.warnings, *storage.short_of_space(builder)]
    return [*found, *_unseen(context), *_macs(context), *_clusters(context), *_reservation(room), *_drains(builder)]


def _drains(builder: Builder) -> list[Warned]:
    """Whether a cluster could still lose a host when the ones that this plan drains are empty."""
    context = builder.context
    moves = [each for each in builder.steps.values() if isinstance(each.call, MigrateVm)]
    targets = {each.ref.name: each.call.target for each in moves if isinstance(each.call, MigrateVm)}
    drained = sorted({each.host for each in moves if maintenance(each.host, context)})
    found = ((context.wanted.hosts[name], spare(name, targets, context)) for name in drained)
    return [Warned(text=each.text, where=str(host.location)) for host, each in found if not each.enough]


def _reservation(room: choose.Room) -> list[Warned]:
    return [Warned(text=text, where=str(cluster.location)) for cluster, text in reservation.warnings(room)]


def _unseen(context: Context) -> list[Warned]:
    return [Warned(text=f"host/{name} was not read: {host.reason}") for name, host in context.observed.unseen.items()]


def _clusters(context: Context) -> list[Warned]:
    return [Warned(text=text, where=where) for text, where in clusters.warnings(context)]


def _macs(context: Context) -> list[Warned]:
    return [Warned(text=text, where=where) for text, where in macs.warnings(context)]
