"""Three-way comparison of scalar fields: declared before (the mark), declared now, observed.

Pure; the one mechanism for VMs and networks. Called by diff/vms.py and diff/networks.py.

    declared now ≠ seen, and the YAML moved since the mark        → change
    declared now ≠ seen, and the YAML did not move                → drift (repaired as the drift mode says)
    definition right, running machine not yet                     → pending
    declared now = seen, but the mark does not know               → record
    declared before, not now                                      → release: left as it is
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from reconciler.desired.wanted import Drift
from reconciler.diff.change import FieldChange, HeldReason
from reconciler.diff.context import Context
from specs.effects import Effect, Facts, effect_of
from specs.fields import Fields, Scalar, Secret
from specs.resource import Location, Ref
from specs.structs import Struct
from specs.units import format_size

LIVE = frozenset({Effect.LIVE, Effect.HOTPLUG})


class Sides(Struct, frozen=True, kw_only=True):
    """The three sides of one object. `kind` names its effect rules; `declared` is what the mark remembers."""

    kind: str
    ref: Ref
    wanted: Fields
    declared: Mapping[str, Any]
    config: Fields
    live: Fields | None
    drift: Drift
    origin: Mapping[str, Location]

    @property
    def facts(self) -> Facts:
        """What the effect rules may ask about the running object."""
        return Facts(running=self.live is not None, live=self.live or {}, config=self.config)


def same(path: str, wanted: Scalar, seen: Scalar) -> bool:
    """Equality of canonical values; a machine family (`q35`) is any version of it (`pc-q35-7.2`).

    What is declared off or 0 is what a host that says nothing has: limits that were lifted, flags that are not set.
    """
    if seen is None and not isinstance(wanted, Secret) and wanted in (0, False):
        return True
    if path == "machine" and isinstance(wanted, str) and isinstance(seen, str) and wanted != seen:
        family = {"q35": "pc-q35-", "pc": "pc-i440fx-"}.get(wanted)
        return family is not None and seen.startswith(family)
    return wanted == seen


def scalars(sides: Sides, context: Context) -> list[FieldChange]:
    """The differences of every wanted scalar of `sides` (its entries included), in the order of the YAML."""
    found = []
    for path, after in sides.wanted.items():
        if isinstance(after, Secret) and not context.secrets_comparable:
            continue
        change = _scalar(sides, context, path, after)
        if change is not None:
            found.append(change)
    return found


def released(sides: Sides, gone_entries: frozenset[str]) -> list[FieldChange]:
    """What was declared before and is not now; fields of entries that go away altogether are not listed.

    It stays as it is, but for a change that still waits for a power cycle: that is taken back, as if never made.
    """
    return [
        _taken_back(sides, path) or _let_go(sides, path)
        for path in sides.declared
        if path not in sides.wanted and path.partition("]")[0] + "]" not in gone_entries
    ]


def _let_go(sides: Sides, path: str) -> FieldChange:
    value = sides.config.get(path)
    note = "no longer declared, left as it is"
    return FieldChange(path=path, before=value, after=value, effect=Effect.NONE, kind="release", note=note)


def _taken_back(sides: Sides, path: str) -> FieldChange | None:
    before, running = sides.config.get(path), (sides.live or {}).get(path)
    if running is None or before == running or sides.declared[path] != before:
        return None
    if effect_of(sides.kind, path, running, before, sides.facts) in LIVE:
        return None
    note = "no longer declared, and not in force yet: taken back"
    return FieldChange(path=path, before=before, after=running, effect=Effect.LIVE, config=True, note=note)


def _scalar(sides: Sides, context: Context, path: str, after: Scalar) -> FieldChange | None:
    config_differs = not same(path, after, sides.config.get(path))
    live_differs = sides.live is not None and not same(path, after, sides.live.get(path))
    known = path in sides.declared and context.knows(sides.declared[path], after)
    if not config_differs and not live_differs:
        return None if known else _record(sides, path, after)
    before = sides.config.get(path) if config_differs else (sides.live or {}).get(path)
    effect = effect_of(sides.kind, path, before, after, sides.facts)
    live = live_differs and effect in LIVE
    kind: Literal["change", "drift", "pending"] = "change"
    if known:
        kind = "drift" if config_differs or live else "pending"
    change = FieldChange(
        path=path,
        before=before,
        after=after,
        effect=effect,
        kind=kind,
        where=sides.origin.get(path),
        config=config_differs or not known,
        live=live,
    )
    if effect is Effect.FORBIDDEN:
        return _forbidden(change)
    if kind == "drift" and (mode := sides.drift.mode(path)) != "enforce":
        return _tolerated(change, mode, sides.ref)
    return change


def _record(sides: Sides, path: str, after: Scalar) -> FieldChange:
    return FieldChange(
        path=path,
        before=after,
        after=after,
        effect=Effect.NONE,
        kind="record",
        where=sides.origin.get(path),
        note="already so",
    )


def _forbidden(change: FieldChange) -> FieldChange:
    return change.keep_back(
        HeldReason.WOULD_SHRINK,
        f"{change.path} would shrink; shrinking loses data",
        f"write {format_size(change.before)} or more" if isinstance(change.before, int) else "",
    )


def _tolerated(change: FieldChange, mode: str, ref: Ref) -> FieldChange | None:
    """Drift that is not repaired: ignored, told, or told with the edit that would take it over."""
    if mode == "ignore":
        return None
    fix = "set drift: enforce to have it set back"
    if mode == "accept":
        fix = f"take it over: `gitvirt set {ref} {change.path}={_typed(change.path, change.before)}`"
    return change.keep_back(HeldReason.DRIFT, "differs from what is declared, changed outside gitvirt", fix)


def _typed(path: str, value: Scalar | Fields) -> str:
    """A value as one types it: sizes with their unit."""
    size = path in ("memory", "memoryMax") or path.endswith("].size")
    return format_size(value) if size and isinstance(value, int) else "null" if value is None else str(value)
