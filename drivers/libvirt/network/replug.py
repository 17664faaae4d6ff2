"""Running VMs get their links back after their network was restarted: libvirt leaves their taps where they hung.

A network that stops takes its bridge away, and starting it plugs nobody in again. libvirt moves a running NIC to
another bridge, though, and takes an interface that names the bridge itself for that: each NIC is made one on the
bridge, and then what it was. Guests do not see it. Ports of Open vSwitch stay where and as they are, until the VM's
next power cycle, and so do VMs of others: they are not ours to touch. Called by networks.py, right after a start.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import libvirt

from drivers.errors import DriverError, Missing, Refused
from drivers.libvirt.connect import Connections
from drivers.libvirt.domain.reading import mark_of
from drivers.libvirt.domain.tree import Element, parse_to_edit, write
from drivers.libvirt.network.read import NetworkView

_LIVE = libvirt.VIR_DOMAIN_AFFECT_LIVE


def replug(connections: Connections, conn: libvirt.virConnect, network: libvirt.virNetwork, view: NetworkView) -> None:
    """Plugs its repository's running VMs in again; Refused, with their names, if some stay without a link."""
    if view.mark is None:
        return
    kind = str((view.live or {}).get("type", ""))
    name = network.name()
    operation = f"plug VMs in to network/{name}"
    left = []
    for domain in connections.call(operation, conn.listAllDomains, libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
        try:
            for nic in nics(connections.call(operation, domain.XMLDesc, 0), name, view.mark.repository):
                bridge = _bridge(connections, operation, network, nic, kind)
                for each in (_on_bridge(nic, bridge), nic) if bridge else ():
                    connections.call(operation, domain.updateDeviceFlags, write(each), _LIVE)
        except DriverError as error:
            if _runs(connections, operation, domain):
                left.append(f"vm/{domain.name()} ({error.detail})")
    if left:
        detail = f"the network runs, and is out of reach until their next power cycle for {', '.join(left)}"
        raise Refused(connections.host, operation, detail)


def _runs(connections: Connections, operation: str, domain: libvirt.virDomain) -> bool:
    """Whether it did not stop meanwhile."""
    try:
        return bool(connections.call(operation, domain.isActive))
    except Missing:
        return False


def nics(xml: str, network: str, repository: str) -> Iterator[Element]:
    """The NICs on the network, if the VM is the repository's."""
    domain = parse_to_edit(xml)
    mark, _ = mark_of(domain)
    if mark is None or mark.repository != repository:
        return
    for nic in domain.iterfind("devices/interface[@type='network']"):
        source = nic.find("source")
        if source is not None and source.get("network") == network:
            yield nic


def _bridge(connections: Connections, operation: str, network: libvirt.virNetwork, nic: Element, kind: str) -> str:
    """The bridge that the NIC has to be plugged in to; "" where it is plugged in already."""
    source = nic.find("source")
    if nic.find("virtualport") is not None or source is None:
        return ""  # a port of Open vSwitch stays
    bridge = str(connections.call(operation, network.bridgeName))
    return "" if kind == "bridge" and source.get("bridge") == bridge else bridge


def _on_bridge(nic: Element, bridge: str) -> Element:
    """The same NIC on the bridge itself."""
    found = deepcopy(nic)
    found.set("type", "bridge")
    source = found.find("source")
    assert source is not None
    source.attrib.clear()
    source.set("bridge", bridge)
    inbound = found.find("bandwidth/inbound")
    if inbound is not None:
        inbound.attrib.pop("floor", "")  # there is none without a network
    return found
