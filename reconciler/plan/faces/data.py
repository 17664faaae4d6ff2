"""Data: a plan as plain data for JSON, `gitvirt.plan/v1` (its shape is in plan/faces/document.py).

Pure. In: a Plan, a way to hide secrets, the options that were asked. Out: dicts, lists and scalars. What steps hand to
drivers is never in it: calls hold secrets in the clear. Called by `plan -o json`, `plan --out` and the daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from reconciler.diff.change import Change, FieldChange, Held
from reconciler.plan.faces.shown.tally import summary, tally
from reconciler.plan.faces.text import text
from reconciler.plan.plan import Plan, Step
from specs.fields import Fields, Scalar, Secret
from specs.resource import Location

FORMAT = "gitvirt.plan/v1"
_WIDTH = 120

Digest = Callable[[Secret], str]


def to_data(plan: Plan, digest: Digest, options: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The whole plan; equal plans give equal data."""
    return {
        "format": FORMAT,
        "repository": plan.repository,
        "name": plan.name,
        "revision": plan.revision,
        "base": plan.base,
        "taken": plan.taken,
        "options": dict(options or {}),
        "digest": plan.digest,
        "fingerprints": dict(sorted(plan.fingerprints.items())),
        "hosts": {"seen": plan.hosts_seen, "declared": plan.hosts_declared},
        "summary": summary(plan),
        "counts": {word: number for word, number in sorted(tally(plan).items()) if number},
        "changes": [_change(each, plan, digest) for each in plan.changes],
        "steps": [_step(each) for each in plan.steps],
        "placements": {
            name: {"host": each.host, "why": each.why, "rejected": dict(each.rejected)}
            for name, each in sorted(plan.placements.items())
        },
        "warnings": [{"text": each.text, "where": each.where} for each in plan.warnings],
        "text": text(plan, _WIDTH),
    }


def _change(change: Change, plan: Plan, digest: Digest) -> dict[str, Any]:
    return {
        "ref": str(change.ref),
        "verb": str(change.verb),
        "host": change.host,
        "reason": change.reason,
        "where": _where(change.where),
        "acts": change.acts,
        "anyway": (str(change.ref), change.host) in plan.anyway,
        "fields": [_field(each, digest) for each in change.fields],
        "held": _held(change.held),
    }


def _field(field: FieldChange, digest: Digest) -> dict[str, Any]:
    return {
        "path": field.path,
        "before": _value(field.before, digest),
        "after": _value(field.after, digest),
        "effect": str(field.effect),
        "kind": field.kind,
        "note": field.note,
        "where": _where(field.where),
        "held": _held(field.held),
    }


def _value(value: Scalar | Fields, digest: Digest) -> Any:
    if isinstance(value, Mapping):
        return {name: _value(inner, digest) for name, inner in value.items()}
    return digest(value) if isinstance(value, Secret) else value


def _held(held: Held | None) -> dict[str, str] | None:
    return {"reason": str(held.reason), "text": held.text, "fix": held.fix} if held else None


def _step(step: Step) -> dict[str, Any]:
    return {
        "id": step.id,
        "ref": str(step.ref),
        "host": step.host,
        "what": step.what,
        "effect": str(step.effect),
        "after": list(step.after),
    }


def _where(location: Location | None) -> str:
    return str(location) if location else ""
