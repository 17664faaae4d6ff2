"""Migration settings that cannot go together, or that will hold a host's maintenance up: warnings where they stand."""

from __future__ import annotations

from collections.abc import Iterator

from specs.checks.scope import Scope, doubtful
from specs.errors import Finding
from specs.resource import Resource


def findings(scope: Scope) -> Iterator[Finding]:
    """What is doubtful in the migration settings of clusters and VMs; a VM's are seen with those of its cluster."""
    for cluster in scope.of("Cluster"):
        yield from _together(cluster, cluster.spec.migration, None)
    for vm in scope.of("VirtualMachine"):
        above = scope.get("Cluster", vm.spec.cluster)
        yield from _together(vm, vm.spec.migration, above.spec.migration if above else None)
        yield from _maintenance(vm)


def _together(resource: Resource, own: object, above: object) -> Iterator[Finding]:
    """QEMU sends over parallel connections neither compressed pages nor what post-copy asks for."""
    if own is None:
        return
    policy, parallel, compressed = (
        _first(getattr(own, name), getattr(above, name, None)) for name in ("policy", "parallel", "compressed")
    )
    if not parallel:
        return
    if policy == "postCopy":
        what = "no post-copy over parallel connections"
        yield doubtful(resource, "migration", what, "it gives up in its place", "leave `parallel` out, or the policy")
    if compressed:
        what = "no compression over parallel connections"
        yield doubtful(resource, "migration", what, "it is not compressed", "leave one of them out")


def _first(own: object, above: object) -> object:
    return above if own is None else own


def _maintenance(vm: Resource) -> Iterator[Finding]:
    """A VM that shall leave its host for maintenance and may not migrate."""
    said = vm.spec.migration
    if said is not None and said.mode in ("never", "manual") and vm.spec.on_host_maintenance == "migrate":
        what = f"`onHostMaintenance: migrate` and `migration: {said.mode}`"
        why = "its host's maintenance would wait for it"
        yield doubtful(vm, "onHostMaintenance", what, why, "write `onHostMaintenance: stop` or `hold`")
