"""Differences: what is declared against what was seen, field by field. Pure. Called by `gitvirt diff`.

Taken from the plan's changes, so that a diff never says anything else than the plan would do. `structural` gives the
same as nested data, through deepdiff.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from reconciler.diff.change import Change, FieldChange, HeldReason, Verb
from reconciler.diff.networks import wanted_on
from reconciler.diff.vms import wanted_fields
from reconciler.plan.faces import words
from reconciler.status.situation import VM, Machine, Situation
from reconciler.status.values import effect, telling
from specs.fields import Fields, Scalar, entry_of
from specs.resource import Ref
from specs.structs import Struct


class Line(Struct, frozen=True, kw_only=True):
    """One field: `+` comes, `-` goes, `~` changes, `!` is held, `·` has no effect; `told` are the values in words."""

    sign: str
    path: str
    told: str
    effect: str = ""
    where: str = ""


class Difference(Struct, frozen=True, kw_only=True):
    """One object on one host ("" if on none yet), with a line per field; `held` is why all of it is kept back."""

    ref: Ref
    host: str
    verb: Verb
    where: str
    held: str
    lines: tuple[Line, ...]


def differences(situation: Situation, refs: Iterable[Ref] = (), live: bool = False) -> list[Difference]:
    """In the plan's order; of `refs` only, if there are any. `live`: against what runs, not what the next boot gets."""
    only = frozenset(refs)
    found = []
    for change in situation.plan.changes:
        if only and change.ref not in only:
            continue
        lines = tuple(_live(change, situation) if live else _lines(change, situation))
        if lines or (not live and (change.held or change.verb is not Verb.UPDATE)):
            found.append(
                Difference(
                    ref=change.ref, host=change.host, verb=change.verb, where=words.where(change.where),
                    held=words.plain(str(change.held)) if change.held else "", lines=lines,
                )
            )  # fmt: skip
    return found


def _lines(change: Change, situation: Situation) -> Iterator[Line]:
    if change.verb is Verb.CREATE:
        for path, value in _declared(change.ref, change.host, situation).items():
            yield Line(sign="+", path=words.plain(path), told=words.value(path, value))
        return
    for each in change.fields:
        if not (each.kind == "record" and each.before == each.after and not each.held):
            yield _line(each)


def _line(field: FieldChange) -> Line:
    told = effect(field)
    if field.held:
        left = field.held.reason is HeldReason.DRIFT
        told = "left as it is" if left else words.plain(f"held, {field.held.reason}: {field.held.text}")
    return Line(
        sign=_sign(field), path=words.plain(field.path), told=_told(field.path, field.before, field.after),
        effect=told, where=words.where(field.where),
    )  # fmt: skip


def _sign(field: FieldChange) -> str:
    if field.held:
        return "!"
    if field.kind in ("note", "release", "record"):
        return "·"
    return "+" if field.before is None else "-" if field.after is None else "~"


def _told(path: str, before: Scalar | Fields, after: Scalar | Fields) -> str:
    old, new = words.shown(path, before), words.shown(path, after)
    if before is None:
        return new
    if after is None:
        return old
    if before == after:
        return old
    return f"{old} → {new}" if old != new else f"{old} (another one)"


def _declared(ref: Ref, host: str, situation: Situation) -> Fields:
    wanted = situation.context.wanted
    if ref.kind == VM:
        return wanted.vms[ref.name].fields
    if ref.kind == "Network":
        return wanted_on(ref.name, host, situation.context)
    return {}


def _live(change: Change, situation: Situation) -> Iterator[Line]:
    """The fields of a running VM that are not as they shall be in the machine that runs."""
    machine = situation.machine(change.ref) if change.ref.kind == VM else None
    live = machine.vm.live if machine and machine.vm else None
    for each in telling([change]) if live is not None else ():
        parts = entry_of(each.path)
        if parts and not parts[2]:
            there = any(path.startswith(each.path + ".") for path in live or {})
            if there == (each.after is None):
                yield _line(each)
        elif each.path in (live or {}) or each.path in _hardware(change.ref, situation):
            running = (live or {}).get(each.path)
            if running != each.after:
                told = _told(each.path, running, each.after)
                yield Line(
                    sign=_sign(each), path=words.plain(each.path), told=told,
                    effect=effect(each) if each.held is None else "held",
                    where=words.where(each.where),
                )  # fmt: skip


def _hardware(ref: Ref, situation: Situation) -> Fields:
    wanted = situation.context.wanted.vms.get(ref.name)
    return wanted.fields if wanted else {}


def structural(situation: Situation, refs: Iterable[Ref] = ()) -> list[dict[str, Any]]:
    """`[{ref, host, verb, differences, running}]`: deepdiff's view of seen → wanted, as nested data.

    `differences` are those of the next boot's definition, `running` those of what runs; objects that are on one side
    only have neither. Only what is declared is compared: a field that nobody wrote is not ours. Secrets are digests.
    """
    only = frozenset(refs)
    found = []
    for change in situation.plan.changes:
        if only and change.ref not in only:
            continue
        data: dict[str, Any] = {"ref": str(change.ref), "host": change.host, "verb": str(change.verb)}
        config, live, wanted = _views(change, situation)
        if config and wanted:
            data["differences"] = _deepdiff(change, config, wanted, situation)
        if live and wanted:
            data["running"] = _deepdiff(change, live, wanted, situation)
        found.append(data)
    return found


def _deepdiff(change: Change, seen: Fields, wanted: Fields, situation: Situation) -> Any:
    from deepdiff import DeepDiff  # costs a third of a second: only here, where models differ

    gone = {each.path for each in change.fields if each.after is None and each.kind != "release"}
    ours = {path: value for path, value in seen.items() if path in wanted or path.partition("]")[0] + "]" in gone}
    sides = (nested(ours, situation), nested(wanted, situation))
    return json.loads(DeepDiff(*sides, verbose_level=2).to_json())


def _views(change: Change, situation: Situation) -> tuple[Fields, Fields, Fields]:
    """(the next boot's fields, those that run, the wanted ones); empty where there are none."""
    context = situation.context
    if change.ref.kind == VM:
        machine = situation.machine(change.ref)
        vm = machine.vm if machine else None
        return (vm.config if vm else {}), (vm.live or {} if vm else {}), _wanted(machine, situation)
    if change.ref.kind == "Network" and change.ref.name in context.wanted.networks:
        network = context.observed.network(change.host, change.ref.name)
        wanted = wanted_on(change.ref.name, change.host, context)
        return (network.config if network else {}), (network.live or {} if network else {}), wanted
    return {}, {}, {}


def _wanted(machine: Machine | None, situation: Situation) -> Fields:
    if machine is None or machine.wanted is None:
        return {}
    if machine.found is None or machine.mark is None:
        return machine.wanted.fields
    return wanted_fields(machine.wanted, machine.found, machine.mark, situation.context)


def nested(fields: Fields, situation: Situation) -> dict[str, Any]:
    """`{"cpu.count": 2, "disks[root].size": 1}` → `{cpu: {count: 2}, disks: {root: {size: 1}}}`."""
    found: dict[str, Any] = {}
    for path, value in fields.items():
        parts = entry_of(path)
        keys = [parts[0], parts[1], *([parts[2]] if parts[2] else [])] if parts else path.split(".")
        place = found
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = situation.context.stored(value)
    return found
