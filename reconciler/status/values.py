"""Values of a status as plain data: times, versions, changes, reasons. Sizes are bytes; secrets are `***`. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from drivers.mark import Override
from reconciler.diff.change import Change, FieldChange, Held
from reconciler.plan.faces import words
from reconciler.plan.faces.shown.held import advice
from specs.fields import Fields, Scalar, Secret
from specs.resource import Location

HIDDEN = "***"


def scalar(value: Scalar | Fields) -> Any:
    """A value, or the fields of a device, without secrets (nor what marks have of them)."""
    if isinstance(value, Mapping):
        return {name: scalar(each) for name, each in value.items()}
    return HIDDEN if isinstance(value, Secret) or (isinstance(value, str) and value.startswith("hmac:")) else value


def sparse(**values: Any) -> dict[str, Any]:
    """The values that say something: no None, no empty text, list or mapping. Zero and false do say something."""
    return {name: value for name, value in values.items() if value not in (None, "", [], {}, ())}


def time(seconds: int) -> str:
    """Unix seconds as `2026-11-28T12:01:07Z`; "" for 0."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if seconds else ""


def version(number: int) -> str:
    """libvirt's 9000000 as `9.0.0`; "" for 0."""
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}" if number else ""


def where(location: Location | None) -> str:
    """`file:line`, or ""."""
    return "" if location is None else f"{location.file}:{location.line}" if location.line else location.file


def overrides(many: Iterable[Override]) -> list[dict[str, Any]]:
    """Operators' deeds, with who, why, since and until when."""
    return [
        sparse(
            kind=each.kind, value=each.value, author=each.author, reason=each.reason,
            since=time(each.since), until=time(each.until),
        )
        for each in many
    ]  # fmt: skip


def deed(override: Mapping[str, Any]) -> str:
    """An operator's deed (one of `overrides`) in a few words, which who did it follows: `stopped`, `held on kvm2`."""
    kind, value = override["kind"], override.get("value", "")
    said = {
        "hold": "held", "power": value, "migrate": f"held on {value}", "outage": "off for now",
        "maintenance": "maintenance", "upgrade": "being upgraded", "lost": "declared lost",
    }  # fmt: skip
    return str(said.get(kind) or f"{kind} {value}".strip())


def deed_told(override: Mapping[str, Any]) -> str:
    """The same with who, since when, until when and why."""
    since = f" since {override['since']}" if "since" in override else ""
    until = f" until {override['until']}" if "until" in override else ", no end"
    reason = f" ({override['reason']})" if "reason" in override else ""
    return f"{deed(override)} by {override.get('author', 'an operator')}{since}{until}{reason}"


_SILENT = frozenset({"record", "release", "note"})


def telling(changes: Iterable[Change]) -> list[FieldChange]:
    """The fields that differ; without what only the mark learns, and notes."""
    return [field for change in changes for field in change.fields if field.kind not in _SILENT]


def effect(field: FieldChange) -> str:
    """The effect in words; what waits says for what, if there is more to say than "the next power cycle"."""
    return words.plain(field.note) if field.kind == "pending" and field.note else words.effect(field)


def pending(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """What the plan would change, field by field."""
    return [
        sparse(
            field=field.path, before=scalar(field.before), after=scalar(field.after), effect=str(field.effect),
            kind=field.kind, note=field.note, host=change.host, where=where(field.where),
        )
        for change in changes
        for field in telling([change])
        if not (change.held or field.held)
    ]  # fmt: skip


def held(changes: Iterable[Change]) -> list[dict[str, Any]]:
    """What is kept back: whole changes, and single fields."""
    found = []
    for change in changes:
        if change.held:
            found.append(_held(change.held, verb=str(change.verb), host=change.host))
        found += [_held(each.held, field=each.path, host=change.host) for each in change.fields if each.held]
    return found


def _held(kept: Held, **more: str) -> dict[str, Any]:
    return sparse(reason=str(kept.reason), message=kept.text, fix=advice(kept), **more)
