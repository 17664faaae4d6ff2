"""From a VirtualMachine resource to a WantedVm: canonical fields, disks, media, seed, policies. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.desired import cloudinit, hostdevices
from reconciler.desired.drift import drift_of
from reconciler.desired.hardware import hardware
from reconciler.desired.migration import migration_rules
from reconciler.desired.ports import display_network, mac_pool_of, profiles
from reconciler.desired.wanted import Seed, Update, WantedDisk, WantedVm
from specs.catalog import Catalog
from specs.fields import Scalar, entry
from specs.resource import Location, Ref, Resource

_STOP_TIMEOUT = 180  # seconds that a guest has to shut down, where nothing is declared

_HA_PRIORITY = 50  # of a highly available VM that names none


HostsOf = Mapping[str, tuple[str, ...]]
"""Cluster → its hosts in order of name: one tuple for all of its VMs."""


def resolve_vm(
    resource: Resource,
    catalog: Catalog,
    hosts: HostsOf,
    reveal: Callable[[object, Location], Any],
) -> WantedVm:
    """The WantedVm of one resource of a checked catalog."""
    spec = resource.spec
    cluster = catalog.resources[Ref("Cluster", spec.cluster)].spec
    seed = cloudinit.seed(resource, catalog, reveal)
    disks = tuple(_disk(each, spec) for each in spec.disks or ())
    profiled = profiles(resource, catalog)
    return WantedVm(
        ref=resource.ref,
        name=resource.name,
        uuid=str(spec.uuid or ""),
        cluster=spec.cluster,
        hosts=_hosts(spec, hosts),
        fields=profiled.under(hardware(resource, reveal)),
        disks=disks,
        cdroms=_media(resource),
        creation=_creation(disks, spec, seed),
        seed=seed,
        xml=_patches(spec),
        power=spec.state or "running",
        restart=spec.restart or "onFailure",
        autostart=spec.autostart or "auto",
        update=_update(spec.update_policy),
        stop_timeout=_STOP_TIMEOUT if spec.stop_timeout is None else spec.stop_timeout,
        last_resort=spec.stop_last_resort or "fail",
        protected=bool(spec.delete_protection),
        drift=drift_of(spec, catalog),
        renamed_from=resource.metadata.renamed_from,
        labels=resource.metadata.labels,
        emulation=cluster.emulation or "auto",
        cluster_cpu=(cluster.cpu.model or "") if cluster.cpu else "",
        origin={**profiled.origin, **resource.declared},
        mac_pool=mac_pool_of(cluster, catalog),
        leases={nic.name: str(nic.address) for nic in spec.nics or () if nic.address is not None},
        display=display_network(spec.cluster, catalog),
        location=resource.location,
        migration=migration_rules(cluster.migration, spec.migration),
        on_host_maintenance=spec.on_host_maintenance or "migrate",
        device_choices=hostdevices.choices(spec),
        guaranteed=spec.memory_policy.guaranteed if spec.memory_policy else None,
        preferred=tuple(spec.preferred_hosts or ()),
        ha_priority=_priority(spec.high_availability),
    )


def _update(policy: Any) -> Update:
    """When changes that interrupt it are made: "wait" where nothing is said."""
    return Update(restart=(policy and policy.restart) or "wait", offline=(policy and policy.offline) or "wait")


def _priority(availability: Any) -> int:
    """That of a highly available VM; 0 for others."""
    if availability is None or availability.enabled is False:
        return 0
    return int(availability.priority or _HA_PRIORITY)


def _hosts(spec: Any, hosts: HostsOf) -> tuple[str, ...]:
    there = hosts.get(spec.cluster, ())
    return tuple(name for name in there if name in spec.hosts) if spec.hosts else there


def _disk(disk: Any, spec: Any) -> WantedDisk:
    return WantedDisk(
        name=disk.name,
        pool="" if disk.device else disk.storage_domain or spec.storage_domain or "",
        size=disk.size,
        image=disk.image or "",
        clone=disk.clone or "linked",
        format="raw" if disk.device else "qcow2" if disk.image and disk.clone != "copy" else disk.format or "qcow2",
        volume=disk.volume or "",
        external=bool(disk.external or disk.device),
        path=disk.device or "",
    )


def _media(resource: Resource) -> dict[str, str | None]:
    """Drive → image, "" for a drive that is declared empty, None where nothing is said about a medium."""
    return {
        drive.name: drive.image
        if drive.image
        else ""
        if entry("cdroms", drive.name, "image") in resource.declared
        else None
        for drive in resource.spec.cdroms or ()
    }


def _medium(spec: Any, seed: Seed | None) -> dict[str, Scalar]:
    """What the mark remembers of the medium of the first boot."""
    way = "ignition" if spec.ignition else "sysprep" if spec.sysprep else "cloudInit"
    return {way: seed.declaration} if seed else {}


def _presets(spec: Any) -> dict[str, Scalar]:
    """What presets.py goes by, where it is declared."""
    return {path: value for path, value in (("type", spec.type), ("os", spec.os)) if value is not None}


def _creation(disks: tuple[WantedDisk, ...], spec: Any, seed: Seed | None) -> dict[str, Scalar]:
    """What acts when the VM or the disk is made, and is only noted when it changes later."""
    images: dict[str, Scalar] = {entry("disks", disk.name, "image"): disk.image for disk in disks if disk.image}
    return {**images, **_presets(spec), **_medium(spec, seed)}


def _patches(spec: Any) -> str:
    """The `xml:` patches as canonical JSON, "" without any."""
    patches = [each.model_dump(by_alias=True, exclude_none=True) for each in spec.xml or ()]
    return json.dumps(patches, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if patches else ""
