"""Saved plans: `gitvirt plan --out FILE` writes one, `gitvirt apply FILE` acts on it only if nothing moved since.

In: the data of data.py, a path. Out: a file that only its owner can read; the data again, checked; in words, what
moved between a saved plan and the one that would be made now. Nobody executes a saved plan: it is planned again.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from reconciler.errors import ReconcilerError
from reconciler.plan.faces import words
from reconciler.plan.plan import Plan

LARGEST = 64 * 1024 * 1024  # bytes; a plan of ten thousand VMs has about a tenth of it


class SavedPlanError(ReconcilerError):
    """The file is not a saved plan that this version can use; the message says why and what to do."""


def write(path: Path, data: Mapping[str, Any]) -> None:
    """Writes the file anew (0600), whole or not at all. Raises SavedPlanError."""
    text = json.dumps(data, indent=1, ensure_ascii=False) + "\n"
    fresh = path.with_name(f".{path.name}.new")
    try:
        fresh.unlink(missing_ok=True)
        fresh.touch(mode=0o600, exist_ok=False)
        fresh.write_text(text, encoding="utf-8")
        fresh.replace(path)
    except OSError as error:
        fresh.unlink(missing_ok=True)
        raise SavedPlanError(f"{path}: the plan cannot be saved: {error.strerror}") from error


def read(path: Path) -> dict[str, Any]:
    """The data of a saved plan. Raises SavedPlanError."""
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
    except OSError as error:
        raise SavedPlanError(f"{path}: the plan cannot be read: {error.strerror}") from error
    if len(content) > LARGEST:
        raise SavedPlanError(f"{path}: larger than {LARGEST >> 20} MiB, this is no saved plan")
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        told = f"{error.msg} in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "no text"
        raise SavedPlanError(f"{path}: not a saved plan: not JSON: {told}; make one with `plan --out`") from error
    return checked(data, str(path))


def checked(data: object, name: str) -> dict[str, Any]:
    """The data if it is a `gitvirt.plan/v1`; SavedPlanError names the first faults."""
    from pydantic import ValidationError

    from reconciler.plan.faces.document import FORMAT, PlanDocument

    found = data.get("format") if isinstance(data, dict) else None
    if not isinstance(data, dict) or found != FORMAT:
        told = f"its format is {words.plain(str(found))[:60]!r}" if found else "it has no `format`"
        raise SavedPlanError(f"{name}: not a saved plan: {told}, expected {FORMAT!r}; make one with `plan --out`")
    try:
        PlanDocument.model_validate(data)
    except ValidationError as error:
        raise SavedPlanError(f"{name}: the saved plan is damaged: {_faults(error.errors())}; make a new one") from error
    return data


def _faults(errors: Iterable[Mapping[str, Any]]) -> str:
    told = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in errors]
    return words.plain("; ".join(told[:3])) + (f"; and {len(told) - 3} more" if len(told) > 3 else "")


def moved(saved: Mapping[str, Any], plan: Plan) -> list[str]:
    """What moved since the plan was saved, in words; empty if the same would be done and kept back."""
    if saved["repository"] != plan.repository:
        return [f"it is a plan of repository {saved['repository']}, this one is {plan.repository}"]
    told = []
    if saved["revision"] != plan.revision:
        before, now = words.revision(saved["revision"]), words.revision(plan.revision)
        told.append(f"it was made at revision {before}, the repository is at {now}")
    if saved["digest"] == plan.digest:
        return told
    told += [*_hosts(saved, plan), *_objects(saved, plan), *_steps(saved, plan), *_held(saved, plan)]
    return told or ["values that it decided on are others now (addresses, names of volumes, marks)"]


def _hosts(saved: Mapping[str, Any], plan: Plan) -> list[str]:
    then = saved["hosts"]
    if (then["seen"], then["declared"]) == (plan.hosts_seen, plan.hosts_declared):
        return []
    return [
        f"{then['seen']} of {then['declared']} hosts were read then, {plan.hosts_seen} of {plan.hosts_declared} now"
    ]


def _objects(saved: Mapping[str, Any], plan: Plan) -> list[str]:
    """Objects that look different on their hosts, and those that came or went."""
    then, now = saved["fingerprints"], plan.fingerprints
    changed = [ref for ref in then if ref in now and then[ref] != now[ref]]
    told = [f"{words.refs(changed)}: changed on the host since"] if changed else []
    before, after = {each["ref"] for each in saved["changes"]}, {str(each.ref) for each in plan.changes}
    for refs, what in ((before - after, "nothing is to be done any more"), (after - before, "was not in the plan")):
        told += [f"{words.refs(sorted(refs))}: {what}"] if refs else []
    return told


def _steps(saved: Mapping[str, Any], plan: Plan) -> list[str]:
    then = Counter((each["ref"], each["what"], each["host"]) for each in saved["steps"])
    now = Counter((str(each.ref), each.what, each.host) for each in plan.steps)
    told = []
    for steps, what in ((then - now, "is not needed now"), (now - then, "is needed now")):
        kinds: dict[str, list[str]] = {}
        for ref, name, _ in steps:
            kinds.setdefault(name, []).append(ref)
        told += [f"`{words.plain(name)}` of {words.refs(sorted(refs))} {what}" for name, refs in kinds.items()]
    return told


def _held(saved: Mapping[str, Any], plan: Plan) -> list[str]:
    then = {(each["ref"], each["host"]): each["held"]["reason"] for each in saved["changes"] if each["held"]}
    now = {(str(each.ref), each.host): str(each.held.reason) for each in plan.changes if each.held}
    told = [
        f"{words.plain(ref)} is held now: {why}" for (ref, host), why in now.items() if then.get((ref, host)) != why
    ]
    return told + [f"{words.plain(ref)} is not held any more" for ref, host in then if (ref, host) not in now]
