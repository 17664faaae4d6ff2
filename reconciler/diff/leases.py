"""Leases: the fixed addresses that VMs ask of their networks' DHCP, as fields of the network.

Pure. Called by diff/networks.py and plan/steps/network.py. Every host of the network gets every lease: a VM may move.
DNS of the network answers the name of the VM with it; that of a second NIC on the same network is `VM-NIC`.
"""

from __future__ import annotations

from dataclasses import replace

from reconciler.desired.wanted import Wanted, WantedNetwork
from reconciler.place.macs import Assigned
from specs.fields import Scalar, entry


def asked(wanted: Wanted) -> bool:
    """Whether any VM asks for a fixed address at all."""
    return any(vm.leases for vm in wanted.vms.values())


def with_leases(network: WantedNetwork, wanted: Wanted, assigned: Assigned) -> WantedNetwork:
    """The network with the leases of the VMs' NICs on it."""
    fields: dict[str, Scalar] = {}
    origin = {}
    for vm in wanted.vms.values():
        named = False
        for nic, address in vm.leases.items():
            mac = assigned.macs.get((vm.name, nic))
            if mac is None or vm.fields.get(entry("nics", nic, "network")) != network.name:
                continue
            name = f"{vm.name}-{nic}" if named else vm.name
            named = True
            for field, value in (("mac", mac), ("address", address)):
                path = entry("hosts", name, field)
                fields[path] = value
                origin[path] = vm.origin.get(entry("nics", nic, "address"), vm.location)
    return replace(network, fields={**network.fields, **fields}, origin={**network.origin, **origin})
