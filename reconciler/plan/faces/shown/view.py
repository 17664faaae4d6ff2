"""View: a plan as sections of rows, equal changes folded into one row, ready to be laid out.

Pure. In: a Plan. Out: a View, which knows words but neither widths, colours nor markup. Called by text.py
and markdown.py, so that both say the same.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Literal

from reconciler.diff.change import Change, FieldChange, Held, HeldReason, Verb
from reconciler.plan.faces import words
from reconciler.plan.faces.shown.deeds import Deeds
from reconciler.plan.faces.shown.held import advice
from reconciler.plan.faces.shown.pieces import Piece, Title, pieces
from reconciler.plan.faces.shown.tally import summary
from reconciler.plan.plan import Plan, Warned
from specs.resource import Location
from specs.structs import Struct

LineKind = Literal["field", "text", "why", "fix"]


class Line(Struct, frozen=True, kw_only=True):
    """One line below a row. A `field` has path, values and effect; the others only `text`."""

    kind: LineKind = "field"
    text: str = ""
    path: str = ""
    effect: str = ""
    where: str = ""


class Row(Struct, frozen=True, kw_only=True):
    """One change, or several that are equal: sign, what, on which hosts, in short why, where it is written."""

    sign: str
    what: str
    hosts: str = ""
    verb: str = ""
    why: str = ""
    where: str = ""
    lines: tuple[Line, ...] = ()
    count: int = 1


class Section(Struct, frozen=True, kw_only=True):
    """One heading and its rows; `count` changes stand in them."""

    title: Title
    heading: str
    rows: tuple[Row, ...]

    @property
    def count(self) -> int:
        """How many changes the rows stand for."""
        return sum(each.count for each in self.rows)


class View(Struct, frozen=True, kw_only=True, dict=True):
    """The whole plan in words."""

    name: str
    revision: str
    observed: str
    sections: tuple[Section, ...]
    warnings: tuple[Line, ...]
    summary: str


def view(plan: Plan) -> View:
    """The view of a plan."""
    deeds = Deeds(plan.steps)
    hosts = f"{plan.hosts_seen} of {words.count(plan.hosts_declared, 'host')}"
    return View(
        name=words.plain(plan.name),
        revision=words.revision(plan.revision),
        observed=f"observed {words.clock(plan.taken)}, {hosts}",
        sections=tuple(
            Section(title=title, heading=_heading(title, plan), rows=_rows(list(found), deeds))
            for title, found in groupby(pieces(plan), key=lambda each: each.title)
        ),
        warnings=tuple(_warnings(plan.warnings)),
        summary=summary(plan),
    )


def _heading(title: Title, plan: Plan) -> str:
    base = words.revision(plan.base)
    return f"{title} (already due at {base})" if title is Title.ANYWAY and base else str(title)


# One key per row: pieces that say the same are one.


def _rows(found: list[Piece], deeds: Deeds) -> tuple[Row, ...]:
    groups: dict[tuple[object, ...], list[Piece]] = {}
    for each in found:
        change = each.change
        key = (change.ref.kind, change.verb, each.held, change.reason, *_lines(each, deeds, alone=False))
        groups.setdefault(key, []).append(each)
    return tuple(_row(group, deeds) for group in groups.values())


def _row(group: Sequence[Piece], deeds: Deeds) -> Row:
    first, alone = group[0], len({each.change.ref for each in group}) == 1
    hosts = dict.fromkeys(each.change.host for each in group if each.change.host)
    label = words.refs(each.change.ref for each in group)
    lines = _lines(first, deeds, alone=alone)
    return Row(
        sign=_sign(first),
        what=label,
        hosts=", ".join(words.names(sorted(hosts))),
        verb=str(first.change.verb) if first.held and first.change.verb is not Verb.UPDATE else "",
        why=words.plain(first.change.reason),
        where=_where([each.change.where for each in group]),
        lines=tuple(_named(each, first.change, label) for each in lines),
        count=len(group),
    )


def _sign(piece: Piece) -> str:
    if piece.held:
        return words.HELD_SIGN
    quiet = piece.title in (Title.PENDING, Title.GUEST, Title.NOTES)
    return words.SIGNS[Verb.NOTE if quiet else piece.change.verb]


def _where(places: list[Location | None]) -> str:
    """The one place, or the first of several with "…"."""
    distinct = list(dict.fromkeys(words.where(each) for each in places if each))
    return (distinct[0] + (" …" if len(distinct) > 1 else "")) if distinct else ""


_SELF = "\0"


def _named(line: Line, change: Change, label: str) -> Line:
    """The line with the row's own name put back where a text speaks of the object itself."""
    if _SELF not in line.text:
        return line
    return Line(kind=line.kind, text=line.text.replace(_SELF, label), path=line.path, effect=line.effect)


# Lines.


def _lines(piece: Piece, deeds: Deeds, alone: bool) -> list[Line]:
    change = piece.change
    found = [Line(kind="text", text=text) for text in _told(piece, deeds, alone)]
    if change.held:
        return [*found, *_would(change), *_why(change.held, change)]
    fields = [each for each in change.fields if not _known(each) and not _told_already(each, change)]
    found += [_field(each, change, alone) for each in fields]
    known = [words.path_of(each) for each in change.fields if _known(each)]
    if known and not found:
        found.append(Line(kind="text", text=f"recorded, already so: {', '.join(known)}"))
    for held in dict.fromkeys(each.held for each in fields if each.held):
        found += _why(held, change)
    return found


def _told(piece: Piece, deeds: Deeds, alone: bool) -> list[str]:
    change = piece.change
    if piece.held or change.verb in (Verb.UPDATE, Verb.NOTE):
        return []
    return deeds.told(change, alone)


def _known(field: FieldChange) -> bool:
    plain = field.kind == "record" and field.before == field.after and not field.held
    return plain and field.note in ("", "already so")


def _told_already(field: FieldChange, change: Change) -> bool:
    return change.verb is Verb.RESTORE and field.path == "state"


def _would(change: Change) -> list[Line]:
    """What a change that is held altogether would change, in short."""
    paths = [words.path_of(each) for each in change.fields if each.kind not in ("record", "release", "note")]
    return [Line(kind="text", text=f"would change {', '.join(paths)}")] if paths else []


def _why(held: Held, change: Change) -> list[Line]:
    """The reason in words, and what to do; a mention of the object itself is left open for folding."""
    text, fix = (words.plain(each).replace(str(change.ref), _SELF) for each in (held.text, advice(held)))
    lines = []
    if held.reason is not HeldReason.DRIFT:
        lines.append(Line(kind="why", text=f"{held.reason}: {text}"))
    elif "changed outside" not in text:
        lines.append(Line(kind="why", text=text))
    return [*lines, Line(kind="fix", text=fix)]


def _field(field: FieldChange, change: Change, alone: bool) -> Line:
    place = words.where(field.where)
    return Line(
        path=words.path_of(field),
        text=_values(field, alone),
        effect=_effect(field),
        where=place if alone and place != words.where(change.where) else "",
    )


def _values(field: FieldChange, alone: bool) -> str:
    before, after = (words.shown(field.path, each, alone) for each in (field.before, field.after))
    if field.before == field.after:
        return before
    if field.before is None and isinstance(field.after, Mapping):
        return after
    if field.after is None and isinstance(field.before, Mapping):
        return f"was {before}"
    if field.held and field.held.reason is HeldReason.DRIFT:
        return f"{before}, declared {after}"
    return "*** (another one)" if before == after == "***" else f"{before} → {after}"


def _effect(field: FieldChange) -> str:
    if field.held is None:
        return words.effect(field)
    return "left as it is" if field.held.reason is HeldReason.DRIFT else "held"


_COLUMN = re.compile(r"^(.*:[0-9]+):[0-9]+$")


def _warnings(warnings: Iterable[Warned]) -> list[Line]:
    """Warnings; those that say the same of several objects (`vm/a: …`, `vm/b: …`) are one."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for each in warnings:
        subject, colon, rest = words.plain(each.text).partition(": ")
        about = bool(colon) and "/" in subject and " " not in subject
        text, subject = (rest, subject) if about else (words.plain(each.text), "")
        groups.setdefault(text, []).append((subject, _COLUMN.sub(r"\1", words.plain(each.where))))
    return [_warning(text, found) for text, found in groups.items()]


def _warning(text: str, found: list[tuple[str, str]]) -> Line:
    subjects = [subject for subject, _ in found if subject]
    more = " …" if len({where for _, where in found}) > 1 else ""
    said = f"{words.refs(subjects)}: {text}" if subjects else text
    return Line(kind="text", text=said, where=found[0][1] + more)
