"""Leases: the fixed addresses that VMs ask of their networks' DHCP, as fields of the network.

Pure. Called by diff/networks.py and plan/steps/network.py. Every host of the network gets every lease: a VM may move.
DNS of the network answers the name of the VM with it; that of a second NIC on the same network is `VM-NIC`.
"""

from __future__ import annotations

from collections.abc import Mapping

from reconciler.desired.wanted import Wanted, WantedNetwork, WantedVm
from reconciler.diff.context import Context
from reconciler.place.macs import Assigned, assign
from specs.fields import Scalar, entry
from specs.resource import Location
from specs.structs import Struct, field, replace


class Leases(Struct, frozen=True):
    """The leases on one network, and where each was asked for."""

    fields: dict[str, Scalar] = field(default_factory=dict)
    origin: dict[str, Location] = field(default_factory=dict)


def leases(context: Context, assigned: Assigned | None = None) -> Mapping[str, Leases]:
    """Network → the leases on it; `assigned` if it is known already."""
    found: dict[str, Leases] = {}
    if asked(context.wanted):
        macs = (assigned or assign(context)).macs
        for vm in context.wanted.vms.values():
            _of_vm(vm, macs, found)
    return found


def asked(wanted: Wanted) -> bool:
    """Whether any VM asks for a fixed address at all."""
    return any(vm.leases for vm in wanted.vms.values())


def with_leases(network: WantedNetwork, found: Mapping[str, Leases]) -> WantedNetwork:
    """The network with the leases of the VMs' NICs on it."""
    mine = found.get(network.name)
    if mine is None:
        return network
    return replace(network, fields={**network.fields, **mine.fields}, origin={**network.origin, **mine.origin})


def _of_vm(vm: WantedVm, macs: Mapping[tuple[str, str], str], found: dict[str, Leases]) -> None:
    named: set[str] = set()
    for nic, address in vm.leases.items():
        mac, network = macs.get((vm.name, nic)), str(vm.fields.get(entry("nics", nic, "network")))
        if mac is None:
            continue
        name = f"{vm.name}-{nic}" if network in named else vm.name
        named.add(network)
        mine = found.setdefault(network, Leases())
        for each, value in (("mac", mac), ("address", address)):
            path = entry("hosts", name, each)
            mine.fields[path] = value
            mine.origin[path] = vm.origin.get(entry("nics", nic, "address"), vm.location)
