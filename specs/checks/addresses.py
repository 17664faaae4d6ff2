"""Addresses: they lie in their subnet; subnets do not overlap."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import TypeAlias

from specs.checks.scope import Scope, wrong
from specs.errors import Finding
from specs.kinds.network import ON_BRIDGES
from specs.resource import Resource

_Subnet: TypeAlias = "ipaddress.IPv4Network | ipaddress.IPv6Network"


def findings(scope: Scope) -> Iterator[Finding]:
    """What is wrong with the networks."""
    for network in scope.of("Network"):
        if network.spec.subnet is not None:
            yield from _inside(network, ipaddress.ip_network(network.spec.subnet))
    yield from _overlaps(scope)


def _inside(network: Resource, subnet: _Subnet) -> Iterator[Finding]:
    spec = network.spec
    if subnet.num_addresses < 4:
        yield wrong(network, "subnet", f"{subnet} has no room for guests", fix="use a larger subnet, such as a /24")
        return
    if spec.address is not None:
        yield from _usable(network, "address", spec.address, subnet)
    if spec.dhcp is None:
        return
    own = spec.address or str(subnet[1])
    yield from _range(network, subnet)
    seen: dict[str, str] = {}
    for lease in spec.dhcp.hosts or ():
        path = f"dhcp.hosts[{lease.name}].address"
        yield from _usable(network, path, lease.address, subnet)
        if lease.address == own:
            yield wrong(network, path, f"{lease.address} is the host's own address", fix="use another")
        if lease.address in seen:
            yield wrong(
                network, path, f"{lease.address} is used twice", f"`{seen[lease.address]}` has it", "use another"
            )
        seen.setdefault(lease.address, lease.name)


def _usable(network: Resource, path: str, text: str, subnet: _Subnet) -> Iterator[Finding]:
    address = ipaddress.ip_address(text)
    if address.version != subnet.version or address not in subnet:
        yield wrong(network, path, f"{text} is not in the subnet", f"that is {subnet}", "use an address of the subnet")
    elif address in (subnet.network_address, subnet.broadcast_address):
        yield wrong(network, path, f"{text} is reserved in {subnet}", fix=f"such as `{subnet[1]}`")


def _range(network: Resource, subnet: _Subnet) -> Iterator[Finding]:
    start, end = network.spec.dhcp.start, network.spec.dhcp.end
    if start is None and end is None:
        return
    if start is None or end is None:
        missing = "start" if start is None else "end"
        yield wrong(network, f"dhcp.{missing}", f"`{missing}` is missing", "a range has two ends", "write both or none")
        return
    faults = [*_usable(network, "dhcp.start", start, subnet), *_usable(network, "dhcp.end", end, subnet)]
    yield from faults
    if not faults and int(ipaddress.ip_address(start)) > int(ipaddress.ip_address(end)):
        yield wrong(network, "dhcp.end", f"the range ends at {end}", f"it starts at {start}", "exchange the two")


def _overlaps(scope: Scope) -> Iterator[Finding]:
    """Two subnets on one host that share addresses; sorted, so that only neighbours are compared."""
    spans = sorted(
        (subnet.version, int(subnet[0]), int(subnet[-1]), network.name)
        for network in scope.of("Network")
        if network.spec.subnet is not None and network.spec.type not in ON_BRIDGES
        for subnet in (ipaddress.ip_network(network.spec.subnet),)
    )
    for position, (version, _, last, name) in enumerate(spans):
        for other_version, start, _, other in spans[position + 1 :]:
            if other_version != version or start > last:
                break
            yield from _overlap(scope, name, other)


def _overlap(scope: Scope, name: str, other: str) -> Iterator[Finding]:
    pair = [each for each in (scope.get("Network", name), scope.get("Network", other)) if each is not None]
    first, second = sorted(pair, key=lambda each: (each.where("subnet"), each.name))
    common = scope.hosts_of(first.spec) & scope.hosts_of(second.spec)
    if common or not scope.of("Host"):
        what = f"{second.spec.subnet} overlaps {first.spec.subnet} of {first.ref}"
        why = f"both are on {min(common)}" if common else "both are on the same hosts"
        yield wrong(second, "subnet", what, why, "use another subnet for one of them")
