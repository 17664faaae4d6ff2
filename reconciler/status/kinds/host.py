"""Hosts as objects. Pure. Memory in bytes; a host that could not be read has its reason and no figures."""

from __future__ import annotations

from typing import Any

from drivers.seen import SeenHost, Unseen
from reconciler.diff.power import active
from reconciler.place.hosts.hoststate import HostState, State, state
from reconciler.status.conditions import Condition, on_hold, truth
from reconciler.status.kinds.cluster import cpu
from reconciler.status.situation import Situation
from reconciler.status.values import overrides, sparse, version
from specs.compound import format_numbers
from specs.render import spec_data
from specs.resource import Ref
from specs.units import format_size

HOST = "Host"
_SILENT = (State.NON_RESPONSIVE, State.CONNECTING, State.DOWN)


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
    found = state(name, context)
    said = [*filter(None, [context.holds.get(f"host/{name}")]), *context.overrides.get(f"host/{name}", ())]
    status = {
        "state": str(found.state),
        **sparse(reason=found.why),
        "conditions": [each.data() for each in _conditions(name, seen, found, situation)],
        **(_figures(seen) if isinstance(seen, SeenHost) else {}),
        **sparse(overrides=overrides(each for each in said if active(each, context.now))),
    }
    metadata = sparse(
        name=name,
        labels=dict(resource.metadata.labels) if resource else {},
        uid=seen.uuid if isinstance(seen, SeenHost) else "",
    )
    return {"metadata": metadata, "spec": spec_data(resource) if resource else {}, "status": status}


def _conditions(name: str, seen: SeenHost | Unseen, found: HostState, situation: Situation) -> list[Condition]:
    if isinstance(seen, Unseen):
        reached = Condition(
            type="Reachable", status="False", reason="Denied" if seen.denied else "NotRead", message=seen.reason
        )
    else:
        reached = Condition(type="Reachable", status="True", reason="Read")
    reason = "NotRead" if found.state in _SILENT else str(found.state).title().replace(" ", "").replace("-", "")
    told = "" if isinstance(seen, Unseen) else found.why
    schedulable = Condition(type="Schedulable", status=truth(found.up), reason=reason, message=told)
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
        **_machine(seen),
    }


def _machine(seen: SeenHost) -> dict[str, Any]:
    """What it is made of, as far as it tells: processors, CPU, NUMA nodes where there is something to say of them."""
    shape, cells = seen.topology, seen.cells
    telling = len(cells) > 1 or any(each.hugepages for each in cells)
    nodes = [
        {
            "node": each.id,
            "cpus": format_numbers(each.cpus),
            "memory": each.memory,
            "memoryFree": each.memory_free,
            **sparse(hugepages={format_size(size): free for size, free in each.hugepages.items()}),
        }
        for each in cells
        if telling
    ]
    return sparse(
        topology={each: getattr(shape, each) for each in ("sockets", "cores", "threads")} if shape else {},
        cpu=cpu(seen.cpu_model) if seen.cpu_model else "",
        numa=nodes,
    )
