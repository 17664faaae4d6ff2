"""Scheduling: policies that clusters name exist, and policies name filters and weights that exist."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from specs.checks.scope import Scope, doubtful, wrong
from specs.errors import Finding, did_you_mean
from specs.kinds import schedulingpolicy as known
from specs.resource import Ref, Resource

_LEAST, _MOST = 10, 1000


def findings(scope: Scope) -> Iterator[Finding]:
    """What is wrong with scheduling policies and with what clusters and VMs say of placement."""
    for policy in scope.of("SchedulingPolicy"):
        yield from _policy(policy)
    for cluster in scope.of("Cluster"):
        yield from _overcommit(cluster)
        yield from _cluster(scope, cluster)
    for vm in scope.of("VirtualMachine"):
        yield from _preferred(scope, vm)


def _policy(policy: Resource) -> Iterator[Finding]:
    if policy.name in known.BUILT_IN:
        what, why = f"`{policy.name}` is a built-in policy", "two policies cannot have one name"
        yield wrong(policy, "", what, why, "take another name")
    for name in policy.spec.filters or ():
        yield from _unknown(policy, "filters", name, (*known.MANDATORY_FILTERS, *known.OPTIONAL_FILTERS))
    for name in policy.spec.weights or ():
        yield from _unknown(policy, "weights", name, known.WEIGHTS)


def _unknown(policy: Resource, path: str, name: str, names: Collection[str]) -> Iterator[Finding]:
    if name not in names:
        fix = did_you_mean(name, names) or f"use one of {', '.join(names)}"
        yield wrong(policy, path, f"there is no {path[:-1]} `{name[:60]}`", fix=fix)


def _cluster(scope: Scope, cluster: Resource) -> Iterator[Finding]:
    said = cluster.spec.scheduling_policy
    name = said.policy if said is not None else None
    if name is None or name in known.BUILT_IN or not scope.complete or Ref("SchedulingPolicy", name) in scope.names:
        return
    names = [*known.BUILT_IN, *sorted(each.name for each in scope.names if each.kind == "SchedulingPolicy")]
    fix = did_you_mean(name, names) or f"use one of {', '.join(names)}, or declare a SchedulingPolicy"
    yield wrong(cluster, "schedulingPolicy.policy", f"there is no scheduling policy `{name}`", fix=fix)


def _overcommit(cluster: Resource) -> Iterator[Finding]:
    percent = cluster.spec.memory_overcommit
    if percent is not None and not _LEAST <= percent <= _MOST:
        what = f"{percent}% is no sensible share of a host's memory"
        yield wrong(
            cluster, "memoryOvercommit", what, fix=f"write {_LEAST}% to {_MOST}%; 100% promises no more than is there"
        )


def _preferred(scope: Scope, vm: Resource) -> Iterator[Finding]:
    for name in vm.spec.preferred_hosts or ():
        host = scope.get("Host", name)
        if host is not None and host.spec.cluster != vm.spec.cluster:
            why = f"it is in cluster {host.spec.cluster}, the VM in {vm.spec.cluster}"
            yield wrong(vm, "preferredHosts", f"{host.ref} cannot run it", why, "name hosts of the VM's cluster")
        elif vm.spec.hosts and name not in vm.spec.hosts:
            why = "`hosts` does not name it, and no other may run the VM"
            yield doubtful(vm, "preferredHosts", f"{name} is never taken", why, "name it in `hosts`, or not here")
