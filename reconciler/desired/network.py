"""From Network and MacPool resources to what is wanted: canonical fields, the bridge of each host, roles. Pure.

Called by resolve.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reconciler.desired.drift import drift_of
from reconciler.desired.identity import derived_uuid
from reconciler.desired.wanted import WantedMacPool, WantedNetwork
from specs.catalog import Catalog
from specs.fields import Scalar
from specs.kinds.network import ON_BRIDGES
from specs.macranges import bounds
from specs.patterns import fill
from specs.resource import Resource

_DEVICE = "vxlan{vni}"
_TYPES = {"vxlan": "bridge"}
"""Declared type → libvirt's, where it has another word for what it does."""


def resolve_network(resource: Resource, catalog: Catalog, hosts: tuple[str, ...]) -> WantedNetwork:
    """The network on its hosts."""
    spec = resource.spec
    kind = spec.type or "nat"
    bridged = kind in ON_BRIDGES
    numbers = {"vlan": spec.vlan, "vni": spec.vxlan.id if spec.vxlan else None}
    bridges = {host: fill(name, numbers) for host, name in ((spec.bridge and spec.bridge.hosts) or {}).items()}
    return WantedNetwork(
        ref=resource.ref,
        name=resource.name,
        uuid=str(spec.uuid) if spec.uuid else derived_uuid(str(catalog.repository.spec.id), resource.ref),
        fields=_fields(spec, kind, numbers),
        hosts=hosts,
        external=bool(spec.external),
        drift=drift_of(spec, catalog),
        origin=resource.declared,
        location=resource.location,
        bridges=bridges,
        kind=kind,
        vlan=spec.vlan or 0,
        carried=_carried(spec, hosts),
        mtu=(spec.mtu or 0) if bridged else 0,
        device=fill(spec.vxlan.device or _DEVICE, numbers) if spec.vxlan else "",
        vni=spec.vxlan.id if spec.vxlan else 0,
        roles=spec.roles if spec.roles is not None else ("vm",),
        required=bool(spec.required),
        addresses={host: str(address) for host, address in (spec.addresses or {}).items()},
    )


def _fields(spec: Any, kind: str, numbers: Mapping[str, int | None]) -> dict[str, Scalar]:
    """What libvirt's definition says; it takes no MTU for a bridge that is not its own."""
    fields: dict[str, Scalar] = {"type": _TYPES.get(kind, kind)}
    if spec.bridge and spec.bridge.default:
        fields["bridge"] = fill(spec.bridge.default, numbers)
    values = (("vlan", spec.vlan), ("uplink", spec.uplink), ("subnet", spec.subnet), ("address", spec.address))
    for path, value in (*values, ("mtu", None if kind in ON_BRIDGES else spec.mtu)):
        if value is not None:
            fields[path] = value if isinstance(value, int) else str(value)
    if spec.dhcp:
        _dhcp(spec.dhcp, fields)
    if spec.dns:
        if spec.dns.domain:
            fields["domain"] = spec.dns.domain
        for address, names in (spec.dns.hosts or {}).items():
            fields[f"dns[{address}].names"] = ",".join(sorted(names))
    return fields


def _carried(spec: Any, hosts: tuple[str, ...]) -> frozenset[str]:
    """The hosts whose bridge is named after the VLAN."""
    if spec.bridge is None:
        return frozenset()
    own = spec.bridge.hosts or {}
    return frozenset(host for host in hosts if "{vlan}" in (own.get(host) or spec.bridge.default or ""))


def _dhcp(dhcp: Any, fields: dict[str, Scalar]) -> None:
    for name in ("start", "end"):
        if (value := getattr(dhcp, name)) is not None:
            fields[f"dhcp.{name}"] = str(value)
    for lease in dhcp.hosts or ():
        fields[f"hosts[{lease.name}].mac"] = lease.mac
        fields[f"hosts[{lease.name}].address"] = str(lease.address)


def resolve_mac_pool(resource: Resource) -> WantedMacPool:
    """The pool, its ranges as numbers."""
    return WantedMacPool(
        ref=resource.ref,
        name=resource.name,
        ranges=tuple(bounds(text) for text in resource.spec.ranges),
        duplicates=bool(resource.spec.allow_duplicates),
        location=resource.location,
    )
