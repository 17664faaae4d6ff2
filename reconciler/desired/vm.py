"""From a VirtualMachine resource to a WantedVm: canonical fields, disks, media, seed, policies. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from reconciler.desired import cloudinit
from reconciler.desired.drift import drift_of
from reconciler.desired.wanted import Update, WantedDisk, WantedHost, WantedVm
from specs.catalog import Catalog
from specs.fields import Scalar, entry
from specs.resource import Location, Ref, Resource

_STOP_TIMEOUT = 180  # seconds that a guest has to shut down, where nothing is declared
_PLAIN = (
    ("description", "description"),
    ("memory", "memory"),
    ("memory_max", "memoryMax"),
    ("machine", "machine"),
    ("firmware", "firmware"),
    ("serial", "serial"),
    ("agent", "agent"),
    ("rng", "rng"),
)
_DISK = ("size", "bus", "cache", "io", "discard", "read_only", "serial", "boot_order")
_NIC = ("network", "mac", "model", "link", "boot_order")
_CDROM = ("bus", "boot_order")


def resolve_vm(
    resource: Resource,
    catalog: Catalog,
    hosts: Mapping[str, WantedHost],
    reveal: Callable[[object, Location], Any],
) -> WantedVm:
    """The WantedVm of one resource of a checked catalog."""
    spec = resource.spec
    cluster = catalog.resources[Ref("Cluster", spec.cluster)].spec
    seed = cloudinit.seed(resource, reveal) if spec.cloud_init else None
    disks = tuple(_disk(each, spec) for each in spec.disks or ())
    update = spec.update_policy
    return WantedVm(
        ref=resource.ref,
        name=resource.name,
        uuid=str(spec.uuid or ""),
        cluster=spec.cluster,
        hosts=_hosts(spec, hosts),
        fields=_fields(resource, reveal),
        disks=disks,
        cdroms=_media(resource),
        creation=_creation(disks, seed.digest if seed else ""),
        seed=seed,
        xml=_patches(spec),
        power=spec.state or "running",
        restart=spec.restart or "onFailure",
        autostart=spec.autostart or "auto",
        update=Update(restart=(update and update.restart) or "wait", offline=(update and update.offline) or "wait"),
        stop_timeout=_STOP_TIMEOUT if spec.stop_timeout is None else spec.stop_timeout,
        last_resort=spec.stop_last_resort or "fail",
        protected=bool(spec.delete_protection),
        drift=drift_of(spec, catalog),
        renamed_from=resource.metadata.renamed_from,
        labels=resource.metadata.labels,
        emulation=cluster.emulation or "auto",
        cluster_cpu=(cluster.cpu.model or "") if cluster.cpu else "",
        origin=resource.declared,
        location=resource.location,
    )


def _hosts(spec: Any, hosts: Mapping[str, WantedHost]) -> tuple[str, ...]:
    return tuple(
        name
        for name, host in sorted(hosts.items())
        if host.cluster == spec.cluster and (not spec.hosts or name in spec.hosts)
    )


def _fields(resource: Resource, reveal: Callable[[object, Location], Any]) -> dict[str, Scalar]:
    spec = resource.spec
    fields: dict[str, Scalar] = {}
    for attribute, path in _PLAIN:
        if (value := getattr(spec, attribute)) is not None:
            fields[path] = value
    if spec.cpu:
        fields.update(_cpu(spec.cpu))
    if spec.graphics:
        for name in ("type", "listen"):
            if (value := getattr(spec.graphics, name)) is not None:
                fields[f"graphics.{name}"] = str(value)
        if spec.graphics.password is not None:
            fields["graphics.password"] = reveal(spec.graphics.password, resource.where("graphics.password"))
    for list_name, names, items in (
        ("disks", _DISK, spec.disks),
        ("cdroms", _CDROM, spec.cdroms),
        ("nics", _NIC, spec.nics),
    ):
        for item in items or ():
            fields.update(_entry(list_name, names, item))
    return fields


def _entry(list_name: str, names: tuple[str, ...], item: Any) -> dict[str, Scalar]:
    found: dict[str, Scalar] = {}
    for name in names:
        if (value := getattr(item, name)) is not None:
            found[entry(list_name, item.name, _camel(name))] = value
    if list_name == "nics" and item.network is None:
        found[entry(list_name, item.name, "network")] = item.name
    return found


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)


def _cpu(cpu: Any) -> dict[str, Scalar]:
    """`count` vCPUs are online of `max`; a topology that is written out describes the maximum.

    Where sockets, cores or threads are written without `count`, all of them are online.
    """
    fields: dict[str, Scalar] = {}
    per_socket = (cpu.cores or 1) * (cpu.threads or 1)
    shaped = any(each is not None for each in (cpu.sockets, cpu.cores, cpu.threads))
    product = (cpu.sockets or 1) * per_socket if shaped else None
    most = cpu.max or product
    count = cpu.count or (product if shaped else None)
    if count is not None:
        fields["cpu.count"] = count
    if most is not None:
        fields["cpu.max"] = most
    if shaped and most is not None:
        fields["cpu.sockets"] = most // per_socket
        fields["cpu.cores"] = cpu.cores or 1
        fields["cpu.threads"] = cpu.threads or 1
    if cpu.model is not None:
        fields["cpu.model"] = cpu.model
    return fields


def _disk(disk: Any, spec: Any) -> WantedDisk:
    return WantedDisk(
        name=disk.name,
        pool=disk.storage_domain or spec.storage_domain or "",
        size=disk.size,
        image=disk.image or "",
        clone=disk.clone or "linked",
        format="qcow2" if disk.image and disk.clone != "copy" else disk.format or "qcow2",
        volume=disk.volume or "",
        external=bool(disk.external),
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


def _creation(disks: tuple[WantedDisk, ...], seed: str) -> dict[str, Scalar]:
    """What acts when the VM or the disk is made, and is only noted when it changes later."""
    found: dict[str, Scalar] = {}
    for disk in disks:
        if disk.image:
            found[entry("disks", disk.name, "image")] = disk.image
    if seed:
        found["cloudInit"] = seed
    return found


def _patches(spec: Any) -> str:
    """The `xml:` patches as canonical JSON, "" without any."""
    patches = [each.model_dump(by_alias=True, exclude_none=True) for each in spec.xml or ()]
    return json.dumps(patches, sort_keys=True, separators=(",", ":"), ensure_ascii=False) if patches else ""
