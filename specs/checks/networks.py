"""Networks: they have what their type needs and nothing that it cannot have; roles and profiles agree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specs.checks.scope import Scope, doubtful, wrong
from specs.errors import Finding, did_you_mean
from specs.kinds.network import ON_BRIDGES
from specs.patterns import LONGEST, fill, unfilled
from specs.resource import Resource

_SERVED = ("subnet", "address", "dhcp", "dns", "uplink")
_FORWARDING = ("nat", "routed", "open")
_SINGLE = ("management", "migration", "display")
"""Roles of which a cluster has one holder."""


def findings(scope: Scope) -> Iterator[Finding]:
    """What is wrong with networks by themselves and beside each other."""
    for network in scope.of("Network"):
        kind = network.spec.type or "nat"
        yield from _on_bridge(network, kind) if kind in ON_BRIDGES else _served(network, kind)
        yield from _tags(network, kind)
        yield from _profiles(network)
    yield from _roles(scope)


def _on_bridge(network: Resource, kind: str) -> Iterator[Finding]:
    spec = network.spec
    named = spec.bridge is not None and (spec.bridge.default or spec.bridge.hosts)
    if not named:
        fix = "name it" if kind != "vxlan" else "name it, such as `br{vni}`"
        yield wrong(network, "bridge", "`bridge` is missing", f"type {kind} uses one that the host has", fix)
    for field in _SERVED:
        if getattr(spec, field) is not None:
            why = "on a bridge, addresses are given by what is behind it"
            yield wrong(network, field, f"`{field}` has no meaning for type {kind}", why, "take it away")
    if named:
        yield from _patterns(network)
    if kind == "vxlan" and spec.vxlan is None:
        yield wrong(network, "vxlan", "`vxlan` is missing", "hosts tell overlays apart by it", "such as `vxlan: 100`")
    if kind != "vxlan" and spec.vxlan is not None:
        yield wrong(network, "vxlan", f"`vxlan` has no meaning for type {kind}", fix="use type vxlan")


def _patterns(network: Resource) -> Iterator[Finding]:
    """`{vlan}` and `{vni}` need a value, and what comes out must be a name that the kernel takes."""
    spec = network.spec
    numbers = {"vlan": spec.vlan, "vni": spec.vxlan.id if spec.vxlan else None}
    names = [("bridge.default", spec.bridge.default), ("vxlan.device", spec.vxlan.device if spec.vxlan else None)]
    for path, name in (*names, *(("bridge.hosts", name) for name in (spec.bridge.hosts or {}).values())):
        if name is None:
            continue
        if missing := unfilled(name, numbers):
            field = "vlan" if missing == "vlan" else "vxlan"
            yield wrong(network, path, f"`{name}` needs `{field}`", fix=f"declare `{field}:`, or write the name out")
        elif len(fill(name, numbers)) > LONGEST:
            yield wrong(network, path, f"{fill(name, numbers)} is longer than {LONGEST}", fix="use a shorter name")


def _served(network: Resource, kind: str) -> Iterator[Finding]:
    spec = network.spec
    for field in ("bridge", "vxlan"):
        if getattr(spec, field) is not None:
            why = f"libvirt makes the bridge of a network of type {kind}"
            fix = f"take it away, or use type {field}"
            yield wrong(network, field, f"`{field}` has no meaning for type {kind}", why, fix)
    if spec.uplink is not None and kind not in ("nat", "routed"):
        yield wrong(network, "uplink", f"`uplink` has no meaning for type {kind}", fix="take it away")
    if spec.subnet is None:
        needing = [field for field in ("address", "dhcp") if getattr(spec, field) is not None]
        if kind in _FORWARDING and not spec.external and spec.uuid is None:
            why = "NAT needs addresses" if kind == "nat" else f"the host needs an address on a network of type {kind}"
            yield wrong(network, "subnet", "`subnet` is missing", why, "such as `192.168.150.0/24`")
        elif needing:
            yield wrong(network, needing[0], f"`{needing[0]}` without `subnet`", fix="write the subnet that it is in")


def _tags(network: Resource, kind: str) -> Iterator[Finding]:
    if network.spec.vlan is not None and kind not in ("bridge", "ovs"):
        why = "only bridge and ovs lead to where other VLANs are"
        yield wrong(network, "vlan", f"`vlan` has no meaning for type {kind}", why, "take it away")


def _profiles(network: Resource) -> Iterator[Finding]:
    spec = network.spec
    names = [each.name for each in spec.profiles or ()]
    if spec.default_profile is not None and spec.default_profile not in names:
        fix = did_you_mean(spec.default_profile, names) or "declare it under `profiles`"
        yield wrong(network, "defaultProfile", f"there is no profile `{spec.default_profile}`", fix=fix)
    for each in spec.profiles or ():
        if each.filter_parameters and not each.filter:
            path = f"profiles[{each.name}].filterParameters"
            yield wrong(network, path, "parameters without `filter`", fix="name the filter")


def roles_of(spec: Any) -> tuple[str, ...]:
    """The roles of a network: those declared, else that of VMs."""
    return spec.roles if spec.roles is not None else ("vm",)


def _roles(scope: Scope) -> Iterator[Finding]:
    """One holder of a role in each cluster; the later one, in order of file and line, is told."""
    for cluster in scope.of("Cluster"):
        serving = [each for each in scope.of("Network") if scope.serves(each.spec, cluster.name)]
        serving.sort(key=lambda each: (each.where("roles"), each.name))
        for role in _SINGLE:
            holders = [each for each in serving if role in roles_of(each.spec)]
            for other in holders[1:]:
                first = holders[0]
                what = f"{cluster.ref} has two networks with the role {role}"
                fix = "take the role from one, or narrow one with `clusters`"
                yield wrong(other, "roles", what, f"{first.ref} has it ({first.where('roles')})", fix)
    for network in scope.of("Network"):
        yield from _unaddressed(scope, network)


def _unaddressed(scope: Scope, network: Resource) -> Iterator[Finding]:
    """A host without an address on the network of migrations takes what libvirt chooses: perhaps not what was meant."""
    spec = network.spec
    if "migration" not in roles_of(spec) or not spec.addresses:
        return
    without = sorted(scope.hosts_of(spec) - spec.addresses.keys())
    if without:
        why = "migrations to them go where libvirt chooses"
        yield doubtful(network, "addresses", f"no address of {', '.join(without)}", why, "add theirs")
