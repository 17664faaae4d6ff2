"""What a VM's NICs get from their networks and its cluster: vNIC profiles, the MAC pool, the network of consoles. Pure.

Called by vm.py. The fields of a profile are declared fields of the NIC, with the place in the profile as their origin.
"""

from __future__ import annotations

from typing import Any

from reconciler.desired.hardware import flat
from specs import shape
from specs.attachment import is_network
from specs.catalog import Catalog
from specs.fields import Fields, Scalar, entry
from specs.kinds.network import ON_BRIDGES
from specs.kinds.vnicprofile import VnicProfile
from specs.resource import Location, Ref, Resource
from specs.structs import Struct


class Profiled(Struct, frozen=True, kw_only=True):
    """Fields that the VM's NICs get, and where each was written."""

    fields: dict[str, Scalar]
    origin: dict[str, Location]

    def under(self, own: Fields) -> dict[str, Scalar]:
        """The VM's own fields, which win, and these; the order of NICs, which the guest sees, is that of its own."""
        return {**own, **{path: value for path, value in self.fields.items() if path not in own}}


def profiles(resource: Resource, catalog: Catalog) -> Profiled:
    """What the profiles and the networks of the VM's NICs declare for them."""
    found = Profiled(fields={}, origin={})
    for nic in resource.spec.nics or ():
        name = nic.network or nic.name
        network = catalog.get("Network", name) if is_network(name) else None
        if network is not None:
            _of(nic, network, found)
    return found


def _of(nic: Any, network: Resource, found: Profiled) -> None:
    spec = network.spec
    if spec.mtu is not None and (spec.type or "nat") in ON_BRIDGES:
        _put(found, entry("nics", nic.name, "mtu"), spec.mtu, network.where("mtu"))
    wanted = nic.profile or spec.default_profile
    profile = next((each for each in spec.profiles or () if each.name == wanted), None)
    if profile is None:
        return
    for path, value in flat(shape.of(VnicProfile), profile).items():
        if path == "filterParameters" and nic.filter is not None:
            continue  # they are another filter's
        where = network.where(f"profiles[{profile.name}].{path}")
        _put(found, entry("nics", nic.name, path), value, where)


def _put(found: Profiled, path: str, value: Scalar, where: Location) -> None:
    found.fields[path] = value
    found.origin[path] = where


def mac_pool_of(cluster: Any, catalog: Catalog) -> str:
    """The name of the pool that new NICs in a cluster get their MACs from: its own, else its data center's, else ""."""
    center = catalog.get("DataCenter", cluster.data_center) if cluster.data_center else None
    return cluster.mac_pool or (center.spec.mac_pool if center is not None else None) or ""


def display_network(cluster: str, catalog: Catalog) -> str:
    """The network with the role of displays that serves the cluster, or ""."""
    spec = catalog.resources[Ref("Cluster", cluster)].spec
    for network in catalog.of("Network"):
        own = network.spec
        if "display" not in (own.roles or ()):
            continue
        if cluster in own.clusters if own.clusters else own.data_center == spec.data_center:
            return network.name
    return ""
