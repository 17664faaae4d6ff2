"""Reading a simulated host: the Reader protocol."""

from __future__ import annotations

import ipaddress
from xml.etree import ElementTree

from drivers.memory.calls import Line
from drivers.memory.model.domain import Domain
from drivers.memory.model.places import HostState, Network, Pool
from drivers.memory.model.said import Said
from drivers.memory.protocols.node import cpu_of
from drivers.memory.protocols.pools import refresh
from drivers.seen import Address, Power, Rest, SeenHost, SeenNetwork, SeenPool, SeenVm
from specs.fields import Secret, entries
from specs.structs import replace


class MemoryReader:
    """See drivers.base.Reader."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def read(self) -> SeenHost:
        """Everything."""
        with self._line.call(self._line.reading("read")):
            host = self._line.host
            pools = tuple(_pool(host, pool) for pool in host.pools.values())
            domains = sorted(host.domains.values(), key=lambda domain: domain.name)
            vms = tuple(domain.seen(host.size) for domain in domains)
            taken = sum(int(str(vm.live["memory"])) for vm in vms if vm.live)
            return SeenHost(
                name=host.name,
                uuid=host.uuid,
                hostname=host.hostname,
                libvirt=host.libvirt,
                hypervisor=host.hypervisor,
                cpus=host.cpus,
                memory=host.memory,
                memory_free=(free := max(0, host.memory - taken)),
                topology=host.topology,
                cells=tuple(
                    replace(each, memory_free=free * each.memory // max(1, host.memory)) for each in host.cells
                ),
                cpu_model=cpu_of(host),
                cpu_time=host.cpu_time,
                tsc=host.tsc,
                capabilities=host.capabilities,
                links=dict(sorted(host.links.items())),
                vms=vms,
                networks=tuple(_network(network) for network in host.networks.values()),
                pools=pools,
            )

    def vm(self, uuid: str) -> SeenVm | None:
        """One VM."""
        with self._line.call(self._line.reading("vm", uuid)):
            found = self._line.host.domains.get(uuid)
            return found.seen(self._line.host.size) if found else None

    def network(self, name: str) -> SeenNetwork | None:
        """One network."""
        with self._line.call(self._line.reading("network", name)):
            found = self._line.host.networks.get(name)
            return _network(found) if found else None

    def pool(self, name: str) -> SeenPool | None:
        """One pool, refreshed."""
        with self._line.call(self._line.reading("pool", name)):
            found = self._line.host.pools.get(name)
            return _pool(self._line.host, found) if found else None

    def addresses(self, uuid: str) -> tuple[Address, ...]:
        """The agent's addresses, then the leases."""
        with self._line.call(self._line.reading("addresses", uuid)):
            found = self._line.host.domains.get(uuid)
            return _addresses(self._line.host, found) if found else ()

    def ping(self) -> None:
        """Raises Unreachable if the host is cut or off."""
        with self._line.call(self._line.reading("ping")):
            return

    def xml(self, uuid: str) -> str:
        """A description in libvirt's shape, of what this twin knows; secrets left out."""
        with self._line.call(self._line.reading("xml", uuid)):
            return _xml(self._line.host.domain(uuid))

    def rest(self, uuid: str) -> Rest:
        """Nothing: this twin has no more than fields."""
        with self._line.call(self._line.reading("rest", uuid)):
            self._line.host.domain(uuid)
            return Rest()


def _network(network: Network) -> SeenNetwork:
    return SeenNetwork(
        name=network.name,
        uuid=network.uuid,
        active=network.live is not None,
        autostart=network.autostart,
        config=dict(network.config),
        live=dict(network.live) if network.live is not None else None,
        mark=network.mark,
        definition=network.digest(),
    )


def _pool(host: HostState, pool: Pool) -> SeenPool:
    problem = ""
    if pool.active:
        try:
            refresh(host, pool)
        except Said as said:
            problem = said.detail
    directory = host.directory(pool.path) if pool.active else None
    return SeenPool(
        name=pool.name,
        uuid=pool.uuid,
        active=pool.active,
        autostart=pool.autostart,
        path=pool.path,
        capacity=directory.capacity if directory else 0,
        available=directory.available if directory else 0,
        volumes=pool.known if pool.active else {},
        problem=problem,
    )


def _addresses(host: HostState, domain: Domain) -> tuple[Address, ...]:
    if domain.live is None or domain.power is not Power.RUNNING:
        return ()
    found = [Address(each, "", "agent") for each in domain.guest.addresses] if domain.answers() else []
    for device in domain.live.devices:
        network = host.networks.get(str(device.fields.get("network", "")))
        if device.kind == "nics" and device.fields["link"] == "up" and network:
            address = _lease(network, device.mac)
            if address and address not in found:
                found.append(Address(address, device.mac, "lease"))
    return tuple(found)


def _lease(network: Network, mac: str) -> str:
    if network.live is None or "dhcp.start" not in network.live:
        return ""
    for values in entries(network.live, "hosts").values():
        if values.get("mac") == mac:
            return str(values.get("address", ""))
    if mac not in network.leases:
        first = ipaddress.ip_address(str(network.live["dhcp.start"]))
        last = ipaddress.ip_address(str(network.live["dhcp.end"]))
        taken = set(network.leases.values())
        free = (str(first + number) for number in range(int(last) - int(first) + 1))
        network.leases[mac] = next((address for address in free if address not in taken), "")
    return network.leases[mac]


def _xml(domain: Domain) -> str:
    hardware = domain.live or domain.config
    root = ElementTree.Element("domain", {"type": "kvm" if hardware.scalars["emulation"] == "kvm" else "qemu"})
    ElementTree.SubElement(root, "name").text = domain.name
    ElementTree.SubElement(root, "uuid").text = domain.uuid
    for path, value in hardware.scalars.items():
        if not isinstance(value, Secret):
            ElementTree.SubElement(root, "field", {"path": path}).text = str(value)
    for device in hardware.devices:
        node = ElementTree.SubElement(
            root, device.kind.removesuffix("s"), {"alias": device.alias, "target": device.target}
        )
        for key, value in device.fields.items():
            ElementTree.SubElement(node, "field", {"path": key}).text = str(value)
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode")
