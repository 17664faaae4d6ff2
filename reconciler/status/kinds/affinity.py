"""Affinity groups as objects: their members, where these are, and whether the rules hold now. Pure."""

from __future__ import annotations

from typing import Any

from reconciler.desired.affinity import WantedAffinity
from reconciler.diff.holding import owned
from reconciler.place.affinity import broken
from reconciler.status.conditions import Condition, unseen
from reconciler.status.situation import Situation
from reconciler.status.values import sparse
from specs.render import spec_data
from specs.resource import Ref, Resource
from specs.structs import replace


def groups(situation: Situation) -> list[dict[str, Any]]:
    """Every declared affinity group."""
    return [_group(each, situation) for each in situation.catalog.of("AffinityGroup")]


def _group(resource: Resource, situation: Situation) -> dict[str, Any]:
    wanted = situation.context.wanted.affinity[resource.name]
    where, running = _places(wanted, situation)
    against = broken(wanted, where, running)
    ready = _ready(wanted, where, against, situation)
    status = {
        "state": {"True": "kept", "False": "broken"}.get(ready.status, "unknown"),
        "vmRule": _rule(wanted.vm_rule, wanted.vm_hard),
        "hostRule": _rule(wanted.host_rule, wanted.host_hard),
        "vms": {name: where.get(name, "nowhere") for name in wanted.vms},
        "broken": list(against),
        "onHosts": list(wanted.hosts),
        "conditions": [ready.data()],
    }
    metadata = sparse(name=resource.name, labels=dict(resource.metadata.labels))
    return {"metadata": metadata, "spec": spec_data(resource), "status": status}


def broken_hard(situation: Situation) -> list[dict[str, str]]:
    """The groups of which a hard rule is broken now, and by which VMs."""
    found = []
    for wanted in situation.context.wanted.affinity.values():
        hard = replace(
            wanted,
            vm_rule=wanted.vm_rule if wanted.vm_hard else "",
            host_rule=wanted.host_rule if wanted.host_hard else "",
        )
        where, running = _places(wanted, situation)
        if against := broken(hard, where, running):
            found.append({"ref": str(wanted.ref), "message": ", ".join(f"vm/{each}" for each in against)})
    return found


def _rule(polarity: str, hard: bool) -> str:
    return f"{polarity}, {'hard' if hard else 'soft'}" if polarity else "none"


def _places(wanted: WantedAffinity, situation: Situation) -> tuple[dict[str, str], frozenset[str]]:
    """VM → host, and the VMs that run; one that is defined twice counts where it runs."""
    where: dict[str, str] = {}
    running: set[str] = set()
    for name in wanted.vms:
        there = owned(Ref("VirtualMachine", name), situation.context)
        if there:
            found = min(there, key=lambda each: (not each.vm.running, each.host))
            where[name] = found.host
            running.update({name} if found.vm.running else ())
    return where, frozenset(running)


def _ready(wanted: WantedAffinity, where: dict[str, str], against: tuple[str, ...], situation: Situation) -> Condition:
    if against:
        message = ", ".join(f"vm/{name} on {where[name]}" for name in against)
        return Condition(type="Ready", status="False", reason="Broken", message=message)
    if situation.context.observed.unseen and any(name not in where for name in wanted.vms):
        return Condition(type="Ready", status="Unknown", reason="HostUnseen", message=unseen(situation))
    return Condition(type="Ready", status="True", reason="Kept")
