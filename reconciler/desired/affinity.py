"""From an AffinityGroup resource to a WantedAffinity: members by name, rules spelt out. Pure. Called by resolve.py."""

from __future__ import annotations

from typing import Literal

from specs import affinity
from specs.catalog import Catalog
from specs.resource import Location, Ref, Resource
from specs.structs import Struct

Polarity = Literal["", "positive", "negative"]


class WantedAffinity(Struct, frozen=True, kw_only=True):
    """An affinity group of one cluster. `vm_rule` and `host_rule` are "" where there is none.

    `vms` and `hosts` in order of name. `holds`: a hard rule between its VMs does not yield when a host is emptied.
    """

    ref: Ref
    name: str
    cluster: str
    priority: int
    vms: tuple[str, ...]
    hosts: tuple[str, ...]
    vm_rule: Polarity
    vm_hard: bool
    host_rule: Polarity
    host_hard: bool
    holds: bool
    location: Location


def resolve_groups(catalog: Catalog) -> dict[str, WantedAffinity]:
    """All groups of a checked catalog, by name."""
    groups = catalog.of("AffinityGroup")
    if not groups:
        return {}
    vms, hosts = affinity.Members(catalog.of("VirtualMachine")), affinity.Members(catalog.of("Host"))
    return {each.name: _group(each, affinity.vms_of(each, vms), affinity.hosts_of(each, hosts)) for each in groups}


def _group(resource: Resource, vms: tuple[str, ...], hosts: tuple[str, ...]) -> WantedAffinity:
    spec = resource.spec
    return WantedAffinity(
        ref=resource.ref,
        name=resource.name,
        cluster=spec.cluster,
        priority=spec.priority or affinity.DEFAULT_PRIORITY,
        vms=vms,
        hosts=hosts,
        vm_rule=spec.vm_rule.polarity if spec.vm_rule else "",
        vm_hard=affinity.enforcing(spec.vm_rule),
        host_rule=spec.host_rule.polarity if spec.host_rule else "",
        host_hard=affinity.enforcing(spec.host_rule),
        holds=spec.during_maintenance == "hold",
        location=resource.location,
    )
