"""Campaigns: deeds of an operator that take several passes – a drain, a rolling upgrade, a power-down.

Each pass looks at all hosts, plans only what the deed is about (moves, stops and starts of some VMs, and what these
need), and does it; the next one goes by what is then to be seen. So nothing is resumed after an end half-way: whoever
runs it again, or the daemon, goes on. Where a daemon takes care of the repository it does the passes, and the campaign
only asks and watches. Used by the other modules of this package; the commands bring look and act along.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from drivers.mark import Override
from reconciler.apply.outcome import GOOD, Run, Status
from reconciler.apply.stop import Pause
from reconciler.cycle import Pass
from reconciler.diff import doubles
from reconciler.diff.change import Change, Verb
from reconciler.diff.compare import compare
from reconciler.diff.context import Context
from reconciler.observe.overrides import Overrides
from reconciler.operations.scene import By
from reconciler.plan import planner
from reconciler.plan.plan import Plan
from specs.structs import Struct, replace

POLL = 2.0
"""Seconds between looks while somebody else is at work, or a host boots."""
Chosen = Callable[[Context], Iterable[str]]
"""Which VMs a campaign is about now, by name."""


class Act(Protocol):
    """Makes a narrow plan true. With a daemon: asks it for a pass, and returns what failed in it, by ref."""

    def __call__(self, looked: Pass) -> Run | Mapping[str, str]: ...


class Campaign(Struct, frozen=True, kw_only=True):
    """What such a deed works with. `look` is fresh each time, with all overrides as they are then.

    `tell` gets lines for people.
    """

    look: Callable[[], Pass]
    act: Act
    overrides: Overrides
    by: By
    pause: Pause
    tell: Callable[[str], None]

    @property
    def interrupted(self) -> bool:
        """True if we were asked to stop."""
        return self.pause.wait(0)

    def passes(self, chosen: Chosen) -> Settled:
        """Passes about the chosen VMs until none is chosen any more, until nothing is left that can be done, or until
        we are asked to stop."""
        failed: dict[str, str] = {}
        before = ""
        while True:
            looked = self.look()
            narrow = narrowed(looked, chosen(looked.context))
            stands = narrow.plan.digest == before  # the last pass changed nothing about it
            if not list(chosen(looked.context)) or self.interrupted or not narrow.plan.steps or stands:
                return Settled(looked=narrow, failed=failed)
            before = narrow.plan.digest
            run = self.act(narrow)
            failed = _failed(run) if isinstance(run, Run) else dict(run)
            if isinstance(run, Run) and not run.count(*GOOD):
                return Settled(looked=self.look_again(chosen), failed=failed)

    def look_again(self, chosen: Chosen) -> Pass:
        """A fresh look with the narrow plan of what is left."""
        looked = self.look()
        return narrowed(looked, chosen(looked.context))


class Settled(Struct, frozen=True, kw_only=True):
    """How passes ended: the last look, with the narrow plan of what was left, and what failed in the last pass."""

    looked: Pass
    failed: Mapping[str, str]

    @property
    def context(self) -> Context:
        """What was seen last."""
        return self.looked.context


def _failed(run: Run) -> dict[str, str]:
    """What did not work, by ref; what was left out for it says nothing new."""
    found = (each for each in run.outcomes.values() if each.error and each.status is not Status.SKIPPED)
    return {str(each.step.ref): each.error for each in found}


def narrowed(looked: Pass, names: Iterable[str]) -> Pass:
    """The same look with a plan of nothing but moves, stops and starts of these VMs, and what these need."""
    wanted = looked.context.wanted.vms
    targets = frozenset(str(wanted[name].ref) for name in names if name in wanted)
    if not targets:
        return replace(looked, plan=_empty(looked.plan))
    context = replace(looked.context, allowed=replace(looked.context.allowed, targets=targets))
    changes = [only for each in compare(context) if (only := _only(each)) is not None]
    return replace(looked, context=context, plan=planner.make(changes, context))


def _only(change: Change) -> Change | None:
    """A change without what a campaign is not about: of VMs their power and where they are, of other
    things only that they are up."""
    if change.ref.kind == "VirtualMachine":
        if change.verb is not Verb.UPDATE:
            return None
        if doubles.settles(change):
            return change  # until it is settled where the VM is, nothing else can be done to it, nor may it move
        fields = tuple(each for each in change.fields if each.path == "state")
        return replace(change, fields=fields) if fields or change.held else None
    if change.verb is Verb.CREATE:
        return change
    fields = tuple(each for each in change.fields if each.path == "active")
    return replace(change, fields=fields) if fields and change.verb is Verb.UPDATE else None


def _empty(plan: Plan) -> Plan:
    return replace(plan, changes=(), steps=(), placements={}, warnings=(), fingerprints={})


def with_override(context: Context, ref: str, override: Override) -> Context:
    """The context as if that override were there."""
    others = tuple(each for each in context.overrides.get(ref, ()) if each.kind != override.kind)
    return replace(context, overrides={**context.overrides, ref: (*others, override)})
