"""Pieces: one change taken apart into what stands under different headings.

Pure. A VM may have a field that changes, one that somebody else changed, one that waits for a power cycle and one
that is held: each belongs elsewhere. In: a plan. Out: pieces in the order of the headings.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from reconciler.diff.change import Change, FieldChange, HeldReason, Verb
from reconciler.plan.faces.shown.deeds import Deeds, by_object
from reconciler.plan.plan import Plan
from specs.effects import Effect
from specs.structs import Struct, replace


class Title(StrEnum):
    """The headings, by harm; what is held comes last."""

    DELETES = "Deletes"
    INTERRUPTS = "Interrupts service"
    MOVES = "Migrations"
    CREATES = "Creates"
    CHANGES = "Changes without interruption"
    DRIFT = "Changed outside gitvirt"
    PENDING = "Waits for a power cycle"
    GUEST = "Waits for the guest"
    NOTES = "No effect on what exists"
    ANYWAY = "Not from this branch"
    HELD = "Held"


class Piece(Struct, frozen=True, kw_only=True):
    """A part of a change under one heading; `held`: its fields are kept back, or all of it is."""

    title: Title
    change: Change
    held: bool = False


_HARD = frozenset({Effect.RESTART, Effect.OFFLINE, Effect.RECREATE})
_MAIN = (Title.INTERRUPTS, Title.MOVES, Title.CHANGES)
_QUIET = frozenset({"record", "release", "note"})


def pieces(plan: Plan) -> list[Piece]:
    """All of a plan's changes, and what is brought along for them, under their headings."""
    deeds = Deeds(plan.steps)
    found = [_due(each, plan) for change in plan.changes for each in _pieces(change)]
    for ref, host, _ in by_object(deeds.without(plan.changes)):
        change = Change(ref=ref, verb=Verb.CREATE, host=host, reason="needed there")
        found.append(Piece(title=Title.CREATES, change=change))
    order = list(Title)
    return sorted(found, key=lambda each: order.index(each.title))


def _due(piece: Piece, plan: Plan) -> Piece:
    """The piece, apart from the others if the base revision causes it just the same."""
    anyway = (str(piece.change.ref), piece.change.host) in plan.anyway
    return replace(piece, title=Title.ANYWAY) if anyway else piece


def _pieces(change: Change) -> Iterator[Piece]:
    if change.held:
        yield Piece(title=Title.HELD, change=change, held=True)
    elif change.verb in (Verb.DELETE, Verb.PURGE):
        yield Piece(title=Title.DELETES, change=change)
    elif change.verb in (Verb.CREATE, Verb.RESTORE, Verb.ADOPT):
        yield Piece(title=Title.CREATES, change=change)
    elif change.verb is Verb.NOTE or not change.fields:
        yield Piece(title=Title.NOTES, change=change)
    else:
        yield from _fields(change)


def _fields(change: Change) -> Iterator[Piece]:
    parts: dict[tuple[Title, bool], list[FieldChange]] = {}
    quiet = [each for each in change.fields if _quiet(each)]
    for each in change.fields:
        if each not in quiet:
            parts.setdefault(_place(each), []).append(each)
    main = next((key for title in _MAIN if (key := (title, False)) in parts), (Title.NOTES, False))
    for lighter in _MAIN[_MAIN.index(main[0]) + 1 :] if main[0] in _MAIN else ():
        parts[main] += parts.pop((lighter, False), [])
    if quiet:
        parts.setdefault(main, []).extend(quiet)
    for (title, held), fields in parts.items():
        ordered = tuple(each for each in change.fields if any(each is one for one in fields))
        yield Piece(title=title, change=replace(change, fields=ordered, reason=""), held=held)


def _quiet(field: FieldChange) -> bool:
    return field.kind in _QUIET and not field.held


def _place(field: FieldChange) -> tuple[Title, bool]:
    if field.held:
        return (Title.DRIFT if field.held.reason is HeldReason.DRIFT else Title.HELD), True
    if field.kind == "drift":
        return Title.DRIFT, False
    if not field.acts:
        return (Title.GUEST if field.waits_for_guest else Title.PENDING), False
    if field.effect in _HARD:
        return Title.INTERRUPTS, False
    return (Title.MOVES if field.path == "host" else Title.CHANGES), False
