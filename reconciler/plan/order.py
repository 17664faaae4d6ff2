"""The order in which a plan is shown: by harm, held last. Pure."""

from __future__ import annotations

from reconciler.diff.change import Change, Verb
from specs.effects import Effect

GROUPS = (
    "Deletes", "Interrupts service", "Migrations", "Creates", "Changes while running", "No effect on what exists",
    "Held",
)  # fmt: skip


def group(change: Change) -> str:
    """The heading that a change stands under."""
    if change.held:
        return "Held"
    if change.verb in (Verb.DELETE, Verb.PURGE):
        return "Deletes"
    if change.verb in (Verb.CREATE, Verb.RESTORE, Verb.ADOPT):
        return "Creates"
    if change.verb is Verb.NOTE or not change.fields:
        return "No effect on what exists"
    if any(each.effect in (Effect.RESTART, Effect.OFFLINE, Effect.RECREATE) for each in change.fields if not each.held):
        return "Interrupts service"
    if any(each.path == "host" for each in change.fields if each.acts):
        return "Migrations"
    if any(each.effect in (Effect.LIVE, Effect.HOTPLUG, Effect.MIGRATE) for each in change.fields if not each.held):
        return "Changes while running"
    return "Held" if all(each.held for each in change.fields) else "No effect on what exists"


def by_harm(changes: list[Change]) -> list[Change]:
    """Deletes, interruptions, creates, live changes, notes; held last; within a group by kind and name."""
    return sorted(changes, key=lambda each: (GROUPS.index(group(each)), each.ref.kind, each.ref.name, each.host))
