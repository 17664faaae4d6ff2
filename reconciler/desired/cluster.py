"""From a Cluster resource to a WantedCluster: the policies that hold in it. Pure. Called by resolve.py."""

from __future__ import annotations

from reconciler.desired.scheduling import scheduling_of
from reconciler.desired.wanted import WantedCluster
from specs.catalog import Catalog
from specs.resource import Resource


def resolve_cluster(resource: Resource, catalog: Catalog) -> WantedCluster:
    """The WantedCluster of one resource of a checked catalog."""
    return WantedCluster(
        ref=resource.ref,
        name=resource.name,
        location=resource.location,
        emulation=resource.spec.emulation or "auto",
        cpu=(resource.spec.cpu.model or "") if resource.spec.cpu else "",
        scheduling=scheduling_of(resource.spec.scheduling_policy),
        memory_overcommit=resource.spec.memory_overcommit or 100,
        ha_reservation=bool(resource.spec.ha_reservation),
    )
