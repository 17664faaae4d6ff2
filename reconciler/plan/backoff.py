"""Back-off: a step that failed is not tried again at once by the daemon; everything else goes on.

The memory is kept per step and what exactly it asks for, so a new revision or another observation starts afresh. A
permanent refusal waits until the step itself changes. `without` is pure. Used by reconciler/daemon.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.diff.change import Change, HeldReason
from reconciler.plan.plan import MigrateVm, Plan, RelocateVm, Step
from specs.resource import Ref
from specs.structs import Struct, field, replace

_PAUSES = (5, 30, 120, 600, 3600)  # seconds after the first, second … failure in a row
_PER_HOST = frozenset({"Network", "StorageDomain"})
_MOVE_PAUSES = (600, 1800, 3600)  # the same for a VM that was to be moved for the better: others can be moved instead


class Failure(Struct, frozen=True, kw_only=True):
    """How often one step failed in a row, when the last time (unix seconds), and with what."""

    count: int
    last: int
    error: str
    permanent: bool = False

    def due(self) -> float:
        """When it may be tried again; never for a permanent one."""
        return float("inf") if self.permanent else self.last + _PAUSES[min(self.count, len(_PAUSES)) - 1]


class Backoff(Struct):
    """What failed lately: (step id, what it asks for) → Failure; and VMs by ref whose last move failed."""

    failures: dict[tuple[str, str], Failure] = field(default_factory=dict)
    moves: dict[str, Failure] = field(default_factory=dict)
    surprises: set[tuple[str, str]] = field(default_factory=set)

    def failed(self, step: Step, error: str, now: int, permanent: bool) -> None:
        """Notes one more failure of a step."""
        before = self.failures.get(key(step))
        count = before.count + 1 if before else 1
        self.failures[key(step)] = Failure(count=count, last=now, error=error, permanent=permanent)
        if isinstance(step.call, MigrateVm | RelocateVm):
            moved = self.moves.get(str(step.ref))
            self.moves[str(step.ref)] = Failure(count=moved.count + 1 if moved else 1, last=now, error=error)

    def surprised(self, step: Step, error: str, now: int) -> None:
        """Something had changed meanwhile: the next look knows of it. The same surprise once more is a failure."""
        if key(step) in self.surprises:
            self.failed(step, error, now, permanent=False)
        self.surprises.add(key(step))

    def succeeded(self, step: Step) -> None:
        """Forgets a step's failures."""
        self.failures.pop(key(step), None)
        self.surprises.discard(key(step))
        if isinstance(step.call, MigrateVm | RelocateVm):
            self.moves.pop(str(step.ref), None)

    def forget(self) -> None:
        """Forgets everything: an operator wants it tried now."""
        self.failures.clear()
        self.surprises.clear()
        self.moves.clear()

    def reluctant(self, now: int) -> dict[str, str]:
        """VMs by ref that are not to be moved for the better now, and why: their last move failed, wherever it led."""
        return {
            ref: f"its last move failed ({each.error}); tried again in {due - now} s"
            for ref, each in sorted(self.moves.items())
            if now < (due := each.last + _MOVE_PAUSES[min(each.count, len(_MOVE_PAUSES)) - 1])
        }

    def blocked(self, plan: Plan, now: int) -> dict[str, str]:
        """Step id → why it is not tried now. Failures of steps that are not planned any more are forgotten."""
        planned = {key(each) for each in plan.steps}
        self.failures = {each: failure for each, failure in self.failures.items() if each in planned}
        self.surprises &= planned
        return {
            step.id: _why(failure, now)
            for step in plan.steps
            if (failure := self.failures.get(key(step))) is not None and now < failure.due()
        }

    def next_due(self, now: int) -> float | None:
        """Seconds until the first failed step may be tried again; None if nothing waits for its time."""
        times = [failure.due() - now for failure in self.failures.values() if not failure.permanent]
        return max(0.0, min(times)) if times else None


def key(step: Step) -> tuple[str, str]:
    """What a failure is remembered by."""
    return step.id, repr(step.call)


def _why(failure: Failure, now: int) -> str:
    if failure.permanent:
        return f"failed ({failure.error}); it is tried again when the YAML or the host changes"
    return f"failed {failure.count} times ({failure.error}); tried again in {failure.due() - now:.0f} s"


def without(plan: Plan, blocked: Mapping[str, str]) -> Plan:
    """The plan without the blocked steps and all that need them; their changes are held."""
    if not blocked:
        return plan
    gone = dict(blocked)
    for step in plan.steps:  # in an order in which what is needed comes first
        if step.id not in gone and (needs := next((each for each in step.after if each in gone), None)):
            gone[step.id] = gone[needs]
    reasons: dict[Ref, dict[str, str]] = {}
    for step in plan.steps:
        if step.id in gone:
            reasons.setdefault(step.ref, {}).setdefault(step.host, gone[step.id])
    return replace(
        plan,
        steps=tuple(each for each in plan.steps if each.id not in gone),
        changes=tuple(_held(each, _reason(each, reasons.get(each.ref, {}))) for each in plan.changes),
    )


def _reason(change: Change, reasons: Mapping[str, str]) -> str | None:
    """Of its blocked steps by host. What is changed on each host by itself waits only where its own step does."""
    if change.ref.kind in _PER_HOST:
        return reasons.get(change.host)
    return reasons.get(change.host) or next(iter(reasons.values()), None)


def _held(change: Change, why: str | None) -> Change:
    if why is None or change.held:
        return change
    return change.keep_back(HeldReason.BACKING_OFF, why, "`gitvirt sync --now` tries it at once")
