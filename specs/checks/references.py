"""References: every name that an object mentions is declared; what must be named where a choice exists is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from specs.attachment import is_network
from specs.checks.scope import Scope, wrong
from specs.errors import Finding, did_you_mean
from specs.resource import Ref, Resource

_Mentioned = Iterator[tuple[str, str, str | None]]
"""(path, kind, name)"""


def findings(scope: Scope) -> Iterator[Finding]:
    """Unknown names, and names that are missing."""
    for kind, mentioned in _MENTIONED.items():
        for resource in scope.of(kind):
            for path, target, name in mentioned(resource):
                if name is None:
                    yield _unsaid(scope, resource, path, target)
                elif scope.complete and Ref(target, name) not in scope.names:
                    yield _unknown(scope, resource, path, Ref(target, name))
    if scope.complete:
        yield from _partial(scope)


def _partial(scope: Scope) -> Iterator[Finding]:
    for resource in scope.partial:
        mentioned = _MENTIONED.get(resource.ref.kind)
        for path, target, name in mentioned(resource) if mentioned is not None else ():
            if name is not None and Ref(target, name) not in scope.names:
                yield _unknown(scope, resource, path, Ref(target, name))


def _unknown(scope: Scope, resource: Resource, path: str, ref: Ref) -> Finding:
    known = sorted(each.name for each in scope.names if each.kind == ref.kind)
    fix = did_you_mean(ref.name, known)
    if not fix:
        fix = f"declare it, or use {_some(known)}" if known else f"declare a document of kind {ref.kind}"
    return wrong(resource, path, f"there is no {ref}", fix=fix)


def _some(names: list[str]) -> str:
    return ", ".join(f"`{name}`" for name in names[:5]) + (" …" if len(names) > 5 else "")


def _unsaid(scope: Scope, resource: Resource, path: str, kind: str) -> Finding:
    known = sorted(each.name for each in scope.names if each.kind == kind)
    field = path.rpartition(".")[2]
    if not known:
        return wrong(resource, path, f"there is no {kind}", fix="declare one")
    if kind == "StorageDomain":
        why = f"not exactly one of {_some(known)} is a data domain that can be used here"
    else:
        why = f"there are {len(known)} of kind {kind}"
    return wrong(resource, path, f"`{field}` is missing", why, f"name one: {_some(known)}")


def _several(path: str, kind: str, names: tuple[str, ...] | None) -> _Mentioned:
    return ((path, kind, name) for name in names or ())


def _of_center(resource: Resource) -> _Mentioned:
    if resource.spec.mac_pool is not None:
        yield "macPool", "MacPool", resource.spec.mac_pool


def _of_cluster(resource: Resource) -> _Mentioned:
    yield "dataCenter", "DataCenter", resource.spec.data_center
    yield from _of_center(resource)


def _of_host(resource: Resource) -> _Mentioned:
    yield "cluster", "Cluster", resource.spec.cluster


def _of_network(resource: Resource) -> _Mentioned:
    yield "dataCenter", "DataCenter", resource.spec.data_center
    yield from _several("clusters", "Cluster", resource.spec.clusters)
    if resource.spec.bridge is not None:
        yield from _several("bridge.hosts", "Host", tuple(resource.spec.bridge.hosts or ()))
    yield from _several("addresses", "Host", tuple(resource.spec.addresses or ()))


def _of_domain(resource: Resource) -> _Mentioned:
    yield "dataCenter", "DataCenter", resource.spec.data_center
    yield from _several("clusters", "Cluster", resource.spec.clusters)
    yield from _several("hosts", "Host", resource.spec.hosts)


def _of_image(resource: Resource) -> _Mentioned:
    yield "storageDomain", "StorageDomain", resource.spec.storage_domain


def _of_affinity(resource: Resource) -> _Mentioned:
    yield "cluster", "Cluster", resource.spec.cluster
    yield from _several("vms", "VirtualMachine", resource.spec.vms)
    yield from _several("hosts", "Host", resource.spec.hosts)


def _of_vm(resource: Resource) -> _Mentioned:
    spec = resource.spec
    yield "cluster", "Cluster", spec.cluster
    if spec.instance_type is not None:
        yield "instanceType", "InstanceType", spec.instance_type
    yield from _several("hosts", "Host", spec.hosts)
    yield from _several("preferredHosts", "Host", spec.preferred_hosts)
    for disk in spec.disks or ():
        if disk.device is None:
            yield f"disks[{disk.name}].storageDomain", "StorageDomain", disk.storage_domain
        if disk.image is not None:
            yield f"disks[{disk.name}].image", "Image", disk.image
    for drive in spec.cdroms or ():
        if drive.image is not None:
            yield f"cdroms[{drive.name}].image", "Image", drive.image
    for nic in spec.nics or ():
        if is_network(network := nic.network or nic.name):
            yield f"nics[{nic.name}].network", "Network", network


_MENTIONED: Mapping[str, Callable[[Resource], _Mentioned]] = {
    "DataCenter": _of_center,
    "Cluster": _of_cluster,
    "Host": _of_host,
    "Network": _of_network,
    "StorageDomain": _of_domain,
    "Image": _of_image,
    "VirtualMachine": _of_vm,
    "AffinityGroup": _of_affinity,
}
