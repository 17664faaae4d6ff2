"""Kinds that are only declared: clusters, data centers, instance types, MAC pools. Pure, without a look at any host."""

from __future__ import annotations

from typing import Any

from reconciler.status.values import sparse
from specs.catalog import Catalog
from specs.macranges import bounds
from specs.render import spec_data
from specs.resource import Resource


def clusters(catalog: Catalog) -> list[dict[str, Any]]:
    """Every cluster, the implied one too, with its hosts and the number of its VMs."""
    return [
        _object(each, hosts=_names(catalog, "Host", each.name), vms=len(_names(catalog, "VirtualMachine", each.name)))
        for each in catalog.of("Cluster")
    ]


def datacenters(catalog: Catalog) -> list[dict[str, Any]]:
    """Every data center, the implied one too, with its clusters, networks and storage domains."""
    found = []
    for each in catalog.of("DataCenter"):
        below = {
            key: [one.name for one in catalog.of(kind) if one.spec.data_center == each.name]
            for key, kind in (("clusters", "Cluster"), ("networks", "Network"), ("storageDomains", "StorageDomain"))
        }
        found.append(_object(each, **below))
    return found


def instance_types(catalog: Catalog) -> list[dict[str, Any]]:
    """Every instance type, with the VMs that name it."""
    machines = catalog.of("VirtualMachine")
    return [
        _object(each, vms=[vm.name for vm in machines if vm.spec.instance_type == each.name])
        for each in catalog.of("InstanceType")
    ]


def scheduling_policies(catalog: Catalog) -> list[dict[str, Any]]:
    """Every declared scheduling policy, with the clusters that name it."""
    clusters = [(each.name, each.spec.scheduling_policy) for each in catalog.of("Cluster")]
    return [
        _object(each, clusters=[name for name, said in clusters if said is not None and said.policy == each.name])
        for each in catalog.of("SchedulingPolicy")
    ]


def mac_pools(catalog: Catalog) -> list[dict[str, Any]]:
    """Every MAC pool, with the clusters whose new NICs take from it, and how many addresses it has in all."""
    centers = {each.name: each.spec.mac_pool for each in catalog.of("DataCenter")}
    users = {each.name: each.spec.mac_pool or centers.get(each.spec.data_center) for each in catalog.of("Cluster")}
    return [
        _object(
            each,
            clusters=[name for name, pool in users.items() if pool == each.name],
            addresses=sum(last - first + 1 for first, last in map(bounds, each.spec.ranges)),
        )
        for each in catalog.of("MacPool")
    ]


def _names(catalog: Catalog, kind: str, cluster: str) -> list[str]:
    return [each.name for each in catalog.of(kind) if each.spec.cluster == cluster]


def _object(resource: Resource, **status: Any) -> dict[str, Any]:
    metadata = sparse(name=resource.name, labels=dict(resource.metadata.labels))
    return {"metadata": metadata, "spec": spec_data(resource), "status": {"implied": resource.implied, **status}}
