"""Explanation: why an object is as it is: where it is placed, who says each value, why changes wait. Pure.

Called by `gitvirt explain TARGET`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from reconciler.diff import outage, power
from reconciler.diff.change import FieldChange
from reconciler.plan.faces import words
from reconciler.status import placement, telling
from reconciler.status.origins import origins
from reconciler.status.sections import Section
from reconciler.status.situation import Machine, Situation
from reconciler.status.values import effect, time
from reconciler.status.values import telling as fields_that_differ
from specs.effects import WORDS, UnknownField, rule_of
from specs.errors import Location
from specs.render import scalar
from specs.resource import Ref


def explain(ref: Ref, situation: Situation) -> list[Section]:
    """All sections, empty ones left out."""
    found: list[Section] = []
    machine = situation.machine(ref)
    if machine is not None and machine.wanted is not None:
        found += [_where(machine, situation), Section(title="Power", rows=list(_power(machine, situation)))]
    resource = situation.catalog.resources.get(ref)
    if resource is not None:
        rows = [[each.path, _short(each.value), each.said] for each in origins(resource, situation.catalog)]
        found.append(Section(title="Declared values", rows=rows))
    else:
        found.append(Section(title=str(ref), rows=[["no document declares it"]]))
    if machine is not None and machine.vm is not None:
        found.append(_undeclared(machine))
    found.append(Section(title="Changes", rows=list(_changes(ref, situation))))
    found.append(telling.held(situation.changes.get(ref, ())))
    return [each for each in found if each.rows]


def _where(machine: Machine, situation: Situation) -> Section:
    rows: list[list[str]] = [[words.plain(placement.reason(machine, situation))]]
    for each in placement.verdicts(machine, situation):
        rows.append([each.host, words.plain(str(each))])
    return Section(title=f"Why {machine.ref} is where it is", rows=rows)


def _power(machine: Machine, situation: Situation) -> Iterable[list[str]]:
    wanted, mark, now = machine.wanted, machine.mark, situation.context.now
    assert wanted is not None
    said = _place(wanted.origin.get("state"))
    yield ["declared", wanted.power, said or "not written: the default"]
    override = mark.override("power") if mark else None
    if override is not None:
        over = "" if power.active(override, now) else ", which is over"
        until = f" until {time(override.until)}" if override.until else ", no end"
        why = f" ({override.reason})" if override.reason else ""
        yield ["override", override.value, words.plain(f"by {override.author or 'an operator'}{why}{until}{over}")]
    if away := outage.outage(wanted, machine.host, situation.context):
        yield ["outage", "stopped", words.plain(away)]
    asked = outage.wish(wanted, machine.host, mark, situation.context)
    yield ["so it shall be", asked, f"restart: {wanted.restart}"]
    if machine.vm is not None:
        yield ["it is", str(machine.vm.power), words.plain(machine.vm.reason)]


def _place(location: Location | None) -> str:
    return words.where(location)


def _undeclared(machine: Machine) -> Section:
    """What the VM has that nobody declares: built in when gitvirt made it, or its own since before."""
    assert machine.vm is not None
    declared = machine.wanted.fields if machine.wanted else {}
    rows = [
        [words.plain(path), words.value(path, value)]
        for path, value in machine.vm.config.items()
        if path not in declared and "[" not in path
    ]
    return Section(title="Not declared, so left as it is", rows=rows)


def _changes(ref: Ref, situation: Situation) -> Iterable[list[str]]:
    for change in situation.changes.get(ref, ()):
        if change.reason:
            yield [f"{change.verb}: {words.plain(change.reason)}"]
        for each in fields_that_differ([change]):
            before, after = (words.shown(each.path, value) for value in (each.before, each.after))
            yield [words.plain(each.path), f"{before} → {after}", _why(ref, each)]


def _why(ref: Ref, field: FieldChange) -> str:
    """What the change costs and by which rule."""
    told = "held" if field.held else effect(field)
    try:
        rule = rule_of(ref.kind, field.path)
    except UnknownField:
        return told
    plainly = field.path in ("state", "name") or field.kind == "pending"
    return told if plainly else f"{told}; a change takes effect {WORDS[rule]}"


def _short(value: Any) -> str:
    text = scalar(value) if not isinstance(value, dict | list) else json.dumps(value, ensure_ascii=False)
    text = words.plain(text)
    return text if len(text) <= 60 else text[:59] + "…"
