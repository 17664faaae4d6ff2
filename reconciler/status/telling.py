"""Telling: rows that descriptions have in common: conditions, what is held, what the next plan would do. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from reconciler.diff.change import Change
from reconciler.plan.faces import words
from reconciler.plan.faces.shown.held import REASONS, advice
from reconciler.plan.faces.shown.view import view
from reconciler.plan.faces.text import rows as plan_rows
from reconciler.status.conditions import Condition, every_held
from reconciler.status.sections import Section
from reconciler.status.situation import Situation
from specs.resource import Ref
from specs.structs import replace
from specs.units import format_size

_WIDTH = 100


def conditions(found: Iterable[Condition | dict[str, str]]) -> Section:
    """One row each."""
    data = [each.data() if isinstance(each, Condition) else each for each in found]
    rows = [[each["type"], each["status"], each["reason"], words.plain(each["message"])] for each in data]
    return Section(title="Conditions", rows=rows)


def held(changes: Sequence[Change]) -> Section:
    """Every reason once: the facts, what it means, what to do."""
    rows: list[list[str]] = []
    for each in dict.fromkeys(every_held(changes)):
        rows.append([f"{each.reason}: {words.plain(each.text)}"])
        rows.append([f"  {REASONS[each.reason][0]}"])
        rows.append([f"  → {words.plain(advice(each))}"])
    return Section(title="Held", rows=rows)


def next_plan(ref: Ref, situation: Situation) -> Section:
    """What `gitvirt plan` says of this object."""
    plan = situation.plan
    only = replace(
        plan,
        changes=tuple(each for each in plan.changes if each.ref == ref),
        steps=tuple(each for each in plan.steps if each.ref == ref),
        warnings=(),
    )
    rows: list[list[str]] = []
    for section in view(only).sections:
        rows.append([section.heading])
        rows += [[f"  {line}"] for row in plan_rows(section, _WIDTH) for line in row]
    return Section(title="Next plan", rows=rows or [["nothing to do"]])


def labels(found: dict[str, str]) -> str:
    """`env=test,tier=web`."""
    return ",".join(f"{key}={value}" for key, value in sorted(found.items()))


def amount(value: Any) -> str:
    """Bytes in the largest unit that fits; of what is more than a GiB, whole MiB."""
    if not isinstance(value, int) or isinstance(value, bool):
        return str(value)
    return format_size(value if value < 1 << 30 else value >> 20 << 20)
