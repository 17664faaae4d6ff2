"""From a Cluster resource to a WantedCluster: the policies that hold in it. Pure. Called by resolve.py."""

from __future__ import annotations

from reconciler.desired.wanted import WantedCluster
from specs.catalog import Catalog
from specs.resource import Resource


def resolve_cluster(resource: Resource, catalog: Catalog) -> WantedCluster:
    """The WantedCluster of one resource of a checked catalog."""
    return WantedCluster(ref=resource.ref, name=resource.name, location=resource.location)
