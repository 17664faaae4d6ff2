"""MACs: none is used twice, wherever it is written; pools do not share addresses."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from specs.checks.identity import repeated
from specs.checks.scope import Scope, wrong
from specs.errors import Finding
from specs.macranges import bounds
from specs.resource import Resource


def findings(scope: Scope) -> Iterator[Finding]:
    """Every second use, at its place, naming the first."""
    nics = [
        (nic.mac, vm, f"nics[{nic.name}].mac")
        for vm in scope.of("VirtualMachine")
        if not _duplicates(scope, vm)
        for nic in vm.spec.nics or ()
        if nic.mac is not None
    ]
    leases = [
        ((network.ref, lease.mac), network, f"dhcp.hosts[{lease.name}].mac")
        for network in scope.of("Network")
        if network.spec.dhcp is not None
        for lease in network.spec.dhcp.hosts or ()
    ]
    for uses in (nics, leases):
        for _, resource, path, other in repeated(uses):
            yield wrong(resource, path, "this MAC is used twice", other, "leave one out to get a free one")
    yield from _overlaps(scope)


def pool_of(scope: Scope, cluster: str | None) -> Resource | None:
    """The MacPool of a cluster: its own, else its data center's."""
    found = scope.get("Cluster", cluster)
    if found is None:
        return None
    center = scope.get("DataCenter", found.spec.data_center)
    return scope.get("MacPool", found.spec.mac_pool or (center.spec.mac_pool if center is not None else None))


def _duplicates(scope: Scope, vm: Resource) -> bool:
    pool = pool_of(scope, vm.spec.cluster)
    return pool is not None and bool(pool.spec.allow_duplicates)


def _overlaps(scope: Scope) -> Iterator[Finding]:
    """Two pools that share addresses give one out twice, in clusters that do not know of each other."""
    spans = sorted(
        (*bounds(text), pool.name, text) for pool in scope.of("MacPool") for text in dict.fromkeys(pool.spec.ranges)
    )
    for (_, end, name, text), (start, _, other, _) in pairwise(spans):
        pool = scope.get("MacPool", other)
        if start <= end and pool is not None:
            what = f"a range overlaps {text} of macpool/{name}"
            yield wrong(pool, "ranges", what, "an address would be given out twice", "separate the ranges")
