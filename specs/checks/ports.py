"""Ports: what NICs of VMs ask of their networks is there: the role, the profile, a fixed address."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from specs.attachment import is_network
from specs.checks.networks import roles_of
from specs.checks.scope import Scope, wrong
from specs.errors import Finding, did_you_mean
from specs.resource import Resource


def findings(scope: Scope) -> Iterator[Finding]:
    """What is wrong with NICs beside the networks that they name."""
    for vm in scope.of("VirtualMachine"):
        for nic in vm.spec.nics or ():
            yield from _nic(scope, vm, nic)
    yield from _leases(scope)


def _nic(scope: Scope, vm: Resource, nic: Any) -> Iterator[Finding]:
    path = f"nics[{nic.name}]"
    name = nic.network or nic.name
    network = scope.get("Network", name) if is_network(name) else None
    if network is None:
        for field in ("profile", "address"):
            if getattr(nic, field) is not None and not is_network(name):
                yield wrong(vm, f"{path}.{field}", f"no `{field}` on {name}", "only a Network has them", "take it away")
        return
    if "vm" not in roles_of(network.spec):
        why = f"its roles are {', '.join(roles_of(network.spec))} ({network.where('roles')})"
        yield wrong(vm, f"{path}.network", f"{network.ref} is not for VMs", why, "add the role vm, or use another")
    names = [each.name for each in network.spec.profiles or ()]
    if nic.profile is not None and nic.profile not in names:
        fix = did_you_mean(nic.profile, names) or f"declare it under `profiles` of {network.ref}"
        yield wrong(vm, f"{path}.profile", f"{network.ref} has no profile `{nic.profile}`", fix=fix)
    if nic.address is not None:
        yield from _leased(vm, nic, network)


def _leased(vm: Resource, nic: Any, network: Resource) -> Iterator[Finding]:
    path = f"nics[{nic.name}].address"
    spec = network.spec
    if spec.external:
        yield wrong(vm, path, f"{network.ref} is external: gitvirt adds no lease", fix="take `address` away")
    elif spec.subnet is None or spec.dhcp is None or (spec.dhcp.start is None and not spec.dhcp.hosts):
        yield wrong(vm, path, f"{network.ref} has no DHCP", "nobody would give the address out", "declare its `dhcp`")
    elif ipaddress.ip_address(nic.address).version == 6:
        why = "libvirt's leases of IPv6 know no MAC"
        yield wrong(vm, path, "only IPv4 addresses can be fixed", why, "take it away")
    else:
        subnet, address = ipaddress.ip_network(spec.subnet), ipaddress.ip_address(nic.address)
        if address not in subnet or address in (subnet.network_address, subnet.broadcast_address):
            yield wrong(vm, path, f"{nic.address} is not for VMs of {spec.subnet}", fix="use another of that subnet")
        elif nic.address == (spec.address or str(subnet[1])):
            yield wrong(vm, path, f"{nic.address} is the host's own address", fix="use another")


def _leases(scope: Scope) -> Iterator[Finding]:
    """One address for two, or one name: among the NICs, and with the leases that the network itself declares."""
    taken: dict[tuple[str, str], str] = {}
    names: dict[tuple[str, str], str] = {}
    for network in scope.of("Network"):
        for lease in (network.spec.dhcp and network.spec.dhcp.hosts) or ():
            where = network.where(f"dhcp.hosts[{lease.name}].address")
            taken[network.name, lease.address] = f"{network.ref} gives it to `{lease.name}` ({where})"
            names[network.name, lease.name] = str(where)
    uses = [(vm, nic) for vm in scope.of("VirtualMachine") for nic in vm.spec.nics or () if nic.address is not None]
    for vm, nic in sorted(uses, key=lambda use: (use[0].where(f"nics[{use[1].name}].address"), use[0].name)):
        path = f"nics[{nic.name}].address"
        name = nic.network or nic.name
        if (name, nic.address) in taken:
            yield wrong(vm, path, f"{nic.address} is used twice", taken[name, nic.address], "use another")
        elif (name, vm.name) in names:
            what = f"network/{name} has a lease of the name `{vm.name}` already"
            yield wrong(vm, path, what, f"at {names[name, vm.name]}", "take one of them away")
        taken.setdefault((name, nic.address), f"{vm.ref} has it ({vm.where(path)})")
