"""Tally: the summary of a plan in one line, `Plan: 2 to create, 1 restart (waits), 0 to delete; 1 held.` Pure."""

from __future__ import annotations

from collections import Counter

from reconciler.diff.change import Change, FieldChange, HeldReason, Verb
from reconciler.plan.faces import words
from reconciler.plan.faces.shown.deeds import Deeds, by_object
from reconciler.plan.plan import Plan, StartVm, Step, StopVm
from specs.effects import Effect, worst

_VERBS = {
    Verb.CREATE: "to create",
    Verb.RESTORE: "to restore",
    Verb.ADOPT: "to adopt",
    Verb.DELETE: "to delete",
    Verb.PURGE: "to purge",
}
_ORDER = (
    "to create", "to restore", "to adopt", "live", "to migrate", "to relocate", "restart", "restart (waits)", "stop",
    "to make anew", "to record", "to purge", "to delete",
)  # fmt: skip


def summary(plan: Plan) -> str:
    """What would be done by kind of effect, and what is kept back or waits."""
    rest = _rest(plan)
    if plan.empty:
        return "Nothing to do" + (f"; {', '.join(rest)}." if rest else ".")
    counts = tally(plan)
    told = [f"{counts[word]} {word}" for word in _ORDER if counts[word] or word == "to delete"]
    return f"Plan: {', '.join(told)}" + (f"; {', '.join(rest)}." if rest else ".")


def tally(plan: Plan) -> Counter[str]:
    """How many objects there are of each kind of effect; a network or pool counts once, on however many hosts."""
    deeds = Deeds(plan.steps)
    found = {(each.ref, _word(each, deeds.of(each))) for each in plan.changes if each.acts}
    found |= {(ref, "to create") for ref, _, _ in by_object(deeds.without(plan.changes))}
    return Counter(word for _, word in found)


def _word(change: Change, steps: list[Step]) -> str:
    if change.verb in _VERBS:
        return _VERBS[change.verb]
    acting = [each for each in change.fields if each.acts]
    most = worst(each.effect for each in acting)
    stops = any(isinstance(each.call, StopVm) for each in steps)
    if stops:
        return "restart" if any(isinstance(each.call, StartVm) for each in steps) else "stop"
    if most in (Effect.RESTART, Effect.OFFLINE):
        return "restart" if change.ref.kind != "VirtualMachine" else "restart (waits)"
    if any(each.path == "host" and each.effect is not Effect.NONE for each in acting):
        return "to migrate" if most is Effect.MIGRATE else "to relocate"
    words_of = {Effect.MIGRATE: "to migrate", Effect.RECREATE: "to make anew", Effect.NONE: "to record"}
    return words_of.get(most, "live")


def _rest(plan: Plan) -> list[str]:
    """What is not done: held, drift that is left, what waits for a power cycle or for its guest."""
    told = []
    if held := len({each.ref for each in plan.changes if _held(each)}):
        told.append(f"{held} held")
    if drifted := len({each.ref for each in plan.changes if not each.held and any(map(_tolerated, each.fields))}):
        told.append(
            f"{drifted} drifted and left as it is" if drifted == 1 else f"{drifted} drifted and left as they are"
        )
    pending = [(each.ref, field) for each in plan.changes if not each.held for field in each.fields if pends(field)]
    for by_guest, what in ((False, "next power cycle"), (True, "guest")):
        if waiting := [ref for ref, field in pending if field.waits_for_guest is by_guest]:
            one = len(set(waiting)) == 1
            told.append(f"{words.refs(waiting)} {'waits for its' if one else 'wait for their'} {what}")
    return told


def _held(change: Change) -> bool:
    return bool(change.held) or any(each.held and not _tolerated(each) for each in change.fields)


def _tolerated(field: FieldChange) -> bool:
    return field.held is not None and field.held.reason is HeldReason.DRIFT


def pends(field: FieldChange) -> bool:
    """True if the definition is right already and only the running machine is not."""
    return field.kind == "pending" and not field.acts and not field.held
