"""Overview: the whole repository on one screen, and whether all is well. Pure. Called by `gitvirt status`.

Levels: `ready` all is as declared; `remarks` somebody should know something: held, drifted, waiting for a restart, a
hard affinity rule broken, on hold, in maintenance, changes due; `errors` a host does not answer or lacks something, or
a VM is not in the state that it shall be in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from drivers.mark import Override
from reconciler.diff import power
from reconciler.diff.change import HeldReason
from reconciler.place.hosts.hoststate import State
from reconciler.status import objects
from reconciler.status.conditions import every_held
from reconciler.status.kinds import affinity, host, volume
from reconciler.status.situation import Situation
from reconciler.status.values import overrides, sparse, time
from specs.kinds import API_VERSION

_TROUBLE = (State.NON_RESPONSIVE, State.CONNECTING, State.NON_OPERATIONAL, State.DOWN)


def overview(situation: Situation, daemon: dict[str, Any] | None) -> dict[str, Any]:
    """The object that `status -o json` prints; `daemon` is what is known of it, None if none runs."""
    machines = objects.machines(situation)
    hosts = host.hosts(situation)
    trash = volume.trash(situation)
    plan = situation.plan
    status = {
        "revision": plan.revision,
        "observed": time(plan.taken),
        "daemon": daemon or {},
        "hosts": {
            "states": dict(Counter(each["status"]["state"] for each in hosts)),
            "remarks": [
                sparse(
                    name=each["metadata"]["name"], state=each["status"]["state"], reason=each["status"].get("reason")
                )
                for each in hosts
                if each["status"]["state"] != "up"
            ],
        },
        "vms": {
            "states": dict(Counter(each["status"]["state"] for each in machines)),
            "notReady": [_why(each) for each in machines if _bad(each)],
            "foreign": len(situation.foreign),
        },
        "due": {"steps": len(plan.steps), "objects": len({str(each.ref) for each in plan.changes if each.acts})},
        "pendingRestart": _with(machines, "PendingRestart"),
        "drifted": _drifted(situation),
        "held": _held(situation),
        "affinity": affinity.broken_hard(situation),
        "overrides": list(_overrides(situation)),
        "trash": {"items": len(trash), "space": sum(each["status"]["space"] for each in trash)},
    }
    return {
        "apiVersion": API_VERSION,
        "kind": "Status",
        "metadata": {"name": plan.name, "uid": plan.repository},
        "status": {"level": level(status), **status},
    }


def level(status: dict[str, Any]) -> str:
    """`ready`, `remarks` or `errors`."""
    states = status["hosts"]["states"]
    bad = (
        any(states.get(each) for each in _TROUBLE)
        or status["vms"]["states"].get("unknown")
        or status["vms"]["notReady"]
    )
    if bad or status["daemon"].get("problem") or status["daemon"].get("failed"):
        return "errors"
    told = ("pendingRestart", "drifted", "held", "affinity", "overrides")
    return (
        "remarks" if any(status[key] for key in told) or set(states) - {State.UP} or status["due"]["steps"] else "ready"
    )


def _bad(item: dict[str, Any]) -> bool:
    """True for a VM that is not as it shall be; one that goes away, or comes back from the trash, is a change due."""
    found = objects.condition(item, "Ready")
    return found["status"] == "False" and found["reason"] not in ("NotDeclared", "InTrash")


def _why(item: dict[str, Any]) -> dict[str, str]:
    found = objects.condition(item, "Ready")
    return sparse(
        ref=objects.name({"kind": "VirtualMachine", **item}), reason=found["reason"], message=found["message"]
    )


def _with(items: list[dict[str, Any]], kind: str) -> list[dict[str, str]]:
    return [
        {"ref": f"vm/{each['metadata']['name']}", "message": found["message"]}
        for each in items
        if (found := objects.condition(each, kind)).get("status") == "True"
    ]


def _drifted(situation: Situation) -> list[dict[str, Any]]:
    return [
        {"ref": str(change.ref), "host": change.host, "fields": fields}
        for change in situation.plan.changes
        if (fields := [each.path for each in change.fields if each.kind == "drift" and each.path != "state"])
    ]


def _held(situation: Situation) -> list[dict[str, Any]]:
    """Each object and reason once; drift that is left as it is counts as drift."""
    found: dict[tuple[str, str, str], dict[str, Any]] = {}
    for change in situation.plan.changes:
        for each in every_held([change]):
            if each.reason is not HeldReason.DRIFT:
                key = (str(change.ref), str(each.reason), each.text)
                found[key] = sparse(ref=str(change.ref), host=change.host, reason=str(each.reason), message=each.text)
    return list(found.values())


def _overrides(situation: Situation) -> Iterator[dict[str, Any]]:
    """Operators' deeds that still count, in marks and beside them; not what guests did themselves."""
    now = situation.context.now
    found: list[tuple[str, Override]] = [
        (str(machine.ref), each)
        for machine in situation.machines
        for each in (machine.mark.overrides if machine.mark else ())
        if each.author != power.GUEST
    ]
    found += sorted(situation.context.holds.items())
    found += [(ref, each) for ref, kept in sorted(situation.context.overrides.items()) for each in kept]
    for ref, each in found:
        if power.active(each, now):
            yield {"ref": ref, **overrides([each])[0]}
