"""From a catalog (what the YAML says) to Wanted (what shall be true): references followed, units canonical.

Pure. Called by reconciler/cycle.py. In: the checked catalog, facts about image files, a function that reveals secrets.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from reconciler.desired.affinity import resolve_groups
from reconciler.desired.cluster import resolve_cluster
from reconciler.desired.identity import derived_uuid, image_volume
from reconciler.desired.network import resolve_mac_pool, resolve_network
from reconciler.desired.scheduling import resolve_policy
from reconciler.desired.vm import resolve_vm
from reconciler.desired.wanted import (
    Budget,
    Wanted,
    WantedHost,
    WantedImage,
    WantedPool,
    WantedVm,
)
from reconciler.errors import ReconcilerError
from specs.catalog import Catalog
from specs.fields import Secret
from specs.kinds.common import Limit
from specs.resource import Location, Resource
from specs.structs import Struct


class FileFacts(Struct, frozen=True, kw_only=True):
    """An image that can be read here: size in bytes, sha256 in hex ("" if declared anyway).

    `format` is what a storage domain gets of it if nothing is declared: `qcow2` or `raw`.
    """

    size: int
    format: str
    sha256: str = ""


_TRASH_KEEP = 7 * 86400  # seconds

Reveal = Callable[[object, Location], Secret]
"""(SecretRef, where it is written) → the secret."""


class Sources(Struct, frozen=True, kw_only=True):
    """What is read from outside the YAML: images by repository path or URL, and secrets."""

    files: Mapping[str, FileFacts]
    reveal: Reveal


def resolve(catalog: Catalog, revision: str, sources: Sources, staying: Mapping[str, str] | None = None) -> Wanted:
    """Everything that this revision of the repository wants; `staying`: hosts that are in their old cluster yet."""
    repository = catalog.repository.spec
    budgets = repository.budgets
    hosts = {each.name: _host(each, (staying or {}).get(each.name, "")) for each in catalog.of("Host")}
    clusters = _by_cluster(hosts)
    return Wanted(
        repository=str(repository.id),
        name=catalog.repository.name,
        revision=revision,
        hosts=hosts,
        pools={each.name: _pool(each, catalog, hosts) for each in catalog.of("StorageDomain")},
        networks={
            each.name: resolve_network(each, catalog, hosts_of(each, catalog, hosts)) for each in catalog.of("Network")
        },
        images={each.name: _image(each, sources) for each in catalog.of("Image")},
        vms=_vms(catalog, clusters, sources),
        mac_pools={each.name: resolve_mac_pool(each) for each in catalog.of("MacPool")},
        affinity=resolve_groups(catalog),
        policies={each.name: resolve_policy(each) for each in catalog.of("SchedulingPolicy")},
        clusters={each.name: resolve_cluster(each, catalog) for each in catalog.of("Cluster")},
        deletions=_budget(budgets and budgets.deletions, Budget()),
        restarts=_budget(budgets and budgets.restarts, Budget(count=5, percent=10)),
        trash_keep=_keep(repository.trash),
        location=catalog.repository.location,
    )


def _vms(catalog: Catalog, clusters: Mapping[str, tuple[str, ...]], sources: Sources) -> dict[str, WantedVm]:
    """All VMs; ReconcilerError with a line for each one whose secrets cannot be had."""
    found: dict[str, WantedVm] = {}
    refused: list[str] = []
    for each in catalog.of("VirtualMachine"):
        try:
            found[each.name] = resolve_vm(each, catalog, clusters, sources.reveal)
        except ReconcilerError as error:
            refused.append(str(error))
    if refused:
        raise ReconcilerError("\n".join(refused))
    return found


def _by_cluster(hosts: Mapping[str, WantedHost]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for name, host in sorted(hosts.items()):
        found.setdefault(host.cluster, []).append(name)
    return {cluster: tuple(names) for cluster, names in found.items()}


def image_file(resource: Resource) -> str:
    """The image's file as a path in the repository (`file:` is relative to the document), or an absolute path."""
    file = resource.spec.file or ""
    if not file or file.startswith("/"):
        return file
    return posixpath.normpath(posixpath.join(posixpath.dirname(resource.location.file), file))


def _keep(trash: Any) -> int:
    """Seconds that what was deleted can be restored; `0s` is taken at its word."""
    return _TRASH_KEEP if trash is None or trash.keep is None else int(trash.keep)


def _budget(limit: Limit | None, built_in: Budget) -> Budget:
    if limit is None:
        return built_in
    return Budget(count=0, percent=limit.number) if limit.percent else Budget(count=limit.number, percent=0)


def _host(resource: Resource, staying: str) -> WantedHost:
    return WantedHost(
        ref=resource.ref,
        name=resource.name,
        uri=resource.spec.uri,
        cluster=staying or resource.spec.cluster,
        declared_cluster=resource.spec.cluster if staying else "",
        maintenance=bool(resource.spec.maintenance),
        migration_address=str((resource.spec.migration and resource.spec.migration.address) or ""),
        labels=resource.metadata.labels,
        location=resource.location,
    )


def hosts_of(resource: Resource, catalog: Catalog, hosts: Mapping[str, WantedHost]) -> tuple[str, ...]:
    """The hosts of the object's data center, narrowed by `clusters:` and `hosts:`, in order of name."""
    spec = resource.spec
    clusters = spec.clusters or tuple(
        each.name for each in catalog.of("Cluster") if each.spec.data_center == spec.data_center
    )
    narrowed = getattr(spec, "hosts", None)
    return tuple(
        name for name, host in sorted(hosts.items()) if host.cluster in clusters and (not narrowed or name in narrowed)
    )


def _pool(resource: Resource, catalog: Catalog, hosts: Mapping[str, WantedHost]) -> WantedPool:
    spec = resource.spec
    return WantedPool(
        ref=resource.ref,
        name=resource.name,
        uuid=derived_uuid(str(catalog.repository.spec.id), resource.ref),
        path=spec.path,
        shared=spec.type != "local",
        hosts=hosts_of(resource, catalog, hosts),
        external=bool(spec.external),
        location=resource.location,
        warning=(spec.free_space and spec.free_space.warning) or 0,
        critical=(spec.free_space and spec.free_space.critical) or 0,
    )


def _image(resource: Resource, sources: Sources) -> WantedImage:
    spec, file = resource.spec, image_file(resource)
    facts = sources.files.get(file)
    checksum = spec.checksum or (f"sha256:{facts.sha256}" if facts and facts.sha256 else "")
    source = urlsplit(spec.url).path if spec.url else file or spec.volume or ""
    iso = spec.type == "iso" or (spec.type is None and source.lower().endswith(".iso"))
    known = "raw" if iso else "qcow2" if spec.url else facts.format if facts else _by_ending(source)
    format_ = spec.format or known
    return WantedImage(
        ref=resource.ref,
        name=resource.name,
        file=file,
        url=spec.url or "",
        checksum=checksum,
        format=format_,
        iso=spec.type == "iso",
        pool=spec.storage_domain,
        volume=spec.volume or (image_volume(checksum, format_) if checksum else ""),
        external=bool(spec.external),
        location=resource.location,
    )


_BECOME_QCOW2 = (".qcow2", ".vmdk", ".vdi", ".vhd", ".vhdx", ".xz", ".gz", ".bz2", ".zst")


def _by_ending(name: str) -> str:
    """What a file that is not here will be in the storage domain, as far as its name tells."""
    return "qcow2" if name.endswith(_BECOME_QCOW2) else "raw"
