"""Hosts as objects. Pure. Memory in bytes; a host that could not be read has its reason and no figures."""

from __future__ import annotations

from typing import Any

from drivers.seen import SeenHost, Unseen
from reconciler.status.conditions import Condition, on_hold, truth
from reconciler.status.situation import Situation
from reconciler.status.values import overrides, sparse, version
from specs.render import spec_data
from specs.resource import Ref

HOST = "Host"


def hosts(situation: Situation) -> list[dict[str, Any]]:
    """Every declared host, and those that are declared no more but may still hold VMs of ours."""
    context = situation.context
    names = sorted({*context.wanted.hosts, *context.observed.hosts})
    return [host(name, situation) for name in names]


def host(name: str, situation: Situation) -> dict[str, Any]:
    """One host."""
    context = situation.context
    resource = situation.catalog.get(HOST, name)
    seen = context.observed.hosts.get(name) or Unseen(name=name, reason="not looked at")
    wanted = context.wanted.hosts.get(name)
    maintenance = wanted is not None and wanted.maintenance
    hold = context.holds.get(f"host/{name}")
    reached = isinstance(seen, SeenHost)
    status = {
        "state": "unreachable" if not reached else "maintenance" if maintenance else "up",
        **sparse(reason=seen.reason if isinstance(seen, Unseen) else "declared: maintenance" if maintenance else ""),
        "conditions": [each.data() for each in _conditions(name, seen, maintenance, situation)],
        **(_figures(seen) if isinstance(seen, SeenHost) else {}),
        **sparse(overrides=overrides([hold]) if hold else []),
    }
    metadata = sparse(
        name=name,
        labels=dict(resource.metadata.labels) if resource else {},
        uid=seen.uuid if isinstance(seen, SeenHost) else "",
    )
    return {"metadata": metadata, "spec": spec_data(resource) if resource else {}, "status": status}


def _conditions(name: str, seen: SeenHost | Unseen, maintenance: bool, situation: Situation) -> list[Condition]:
    if isinstance(seen, Unseen):
        reached = Condition(
            type="Reachable", status="False", reason="Denied" if seen.denied else "NotRead", message=seen.reason
        )
    else:
        reached = Condition(type="Reachable", status="True", reason="Read")
    reason = "NotRead" if isinstance(seen, Unseen) else "Maintenance" if maintenance else "Up"
    schedulable = Condition(type="Schedulable", status=truth(reason == "Up"), reason=reason)
    return [reached, schedulable, on_hold(Ref(HOST, name), name, situation)]


def _figures(seen: SeenHost) -> dict[str, Any]:
    return {
        "vms": {"total": len(seen.vms), "running": sum(each.running for each in seen.vms)},
        "cpus": seen.cpus,
        "memory": seen.memory,
        "memoryFree": seen.memory_free,
        **sparse(
            hostname=seen.hostname,
            libvirt=version(seen.libvirt),
            qemu=version(seen.hypervisor),
            arch=seen.capabilities.arch,
        ),
        "kvm": seen.capabilities.kvm,
    }
