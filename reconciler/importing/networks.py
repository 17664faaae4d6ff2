"""Networks: libvirt's networks as external ones, which are used and checked and never changed. Pure.

Their addresses are written all the same, so that the network can be made elsewhere by taking `external` away. A
network that is off, or that one of the hosts lacks, would be held: NICs on it are told as XML instead.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from drivers.seen import SeenNetwork
from reconciler.importing.document import Document, Source, is_name
from specs.fields import Fields, entries
from specs.resource import Ref


def networks(sources: Sequence[Source], declared: frozenset[str], cluster: str) -> tuple[list[Document], list[str]]:
    """(documents, what was passed over and why). `declared` ones are the repository's already."""
    found: dict[str, dict[str, SeenNetwork]] = {}
    for source in sources:
        for network in source.seen.networks:
            found.setdefault(network.name, {})[source.name] = network
    documents, passed = [], []
    for name, places in sorted(found.items()):
        if name in declared:
            continue
        why = _unfit(name, places, [each.name for each in sources])
        if why:
            passed.append(f"network {name!r}: {why}; NICs on it are told as XML")
            continue
        fields = [each.config for each in places.values()]
        spec: dict[str, Any] = _spec(fields[0]) if all(each == fields[0] for each in fields) else {}
        spec = {**spec, "external": True, **({"clusters": [cluster]} if cluster else {})}
        documents.append(Document(ref=Ref("Network", name), spec=spec))
    return documents, passed


def _unfit(name: str, places: dict[str, SeenNetwork], hosts: list[str]) -> str:
    if not is_name(name):
        return "gitvirt takes only letters, digits, `.`, `_` and `-` in a name"
    off = sorted(host for host, network in places.items() if not network.active)
    if off:
        return f"it is not active on {', '.join(off)} (`virsh net-start`)"
    without = [host for host in hosts if host not in places]
    return f"{', '.join(without)} has none of that name" if without else ""


def _spec(fields: Fields) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if fields.get("type", "nat") != "nat":
        spec["type"] = fields["type"]
    for key in ("bridge", "vlan", "uplink", "subnet", "mtu"):
        if fields.get(key):
            spec[key] = fields[key]
    address = fields.get("address")
    if address and not _is_first(str(address), str(fields.get("subnet", ""))):
        spec["address"] = address
    dhcp: dict[str, Any] = {key: fields[f"dhcp.{key}"] for key in ("start", "end") if fields.get(f"dhcp.{key}")}
    leases = [
        {"name": name, **{key: value for key, value in lease.items() if value}}
        for name, lease in entries(fields, "hosts").items()
        if is_name(name) and lease.get("mac") and lease.get("address")
    ]
    if leases:
        dhcp["hosts"] = leases
    if dhcp:
        spec["dhcp"] = dhcp
    if fields.get("domain"):
        spec["dns"] = {"domain": fields["domain"]}
    return spec


def _is_first(address: str, subnet: str) -> bool:
    try:
        network = ipaddress.ip_network(subnet)
        return ipaddress.ip_address(address) == network.network_address + 1
    except ValueError:
        return False
