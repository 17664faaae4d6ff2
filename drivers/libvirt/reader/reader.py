"""The Reader protocol on libvirt.

`read` costs one call for each kind of object, one per definition and volume, all of them side by side; the pools have
a connection of their own and come while everything else does. Capabilities are asked once per connection. Whatever
cannot be read makes the whole reading fail, but for a pool's contents: a broken folder says nothing about the VMs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import libvirt

from drivers.errors import DriverError, Missing, Refused
from drivers.libvirt.calls import aside
from drivers.libvirt.connect import Connections
from drivers.libvirt.domain import NotReadable
from drivers.libvirt.reader import addresses, capabilities, hostdevices, links, networks, node, storage, vms
from drivers.seen import Address, Rest, SeenHost, SeenNetwork, SeenPool, SeenVm
from specs.fields import Fields, entry_of
from specs.structs import replace

PING_WAIT = 6.0  # seconds


class Reader:
    """Reads one host."""

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._facts: tuple[libvirt.virConnect, capabilities.Facts] | None = None

    def read(self) -> SeenHost:
        """Everything; raises rather than return a partial view."""
        with self._connections.reads() as conn:
            reading_pools = aside("read pools", lambda: storage.read_all(self._connections))
            facts = self._capabilities(conn)
            host = self._host(conn, facts)
            lists = self._lists(conn)
            seen_networks = networks.read_all(self._connections, lists["networks"])
            own_links = links.read(self._connections, conn, _bridged(seen_networks))
            given = hostdevices.addresses(self._connections, conn)
            filters = links.filters(self._connections, conn)
            states = {each.UUIDString(): _state(stats) for each, stats in lists["states"]}
            flags = {name: frozenset(each.UUIDString() for each in lists[name]) for name in vms.FLAGS}
            domains = [each for each, _ in lists["states"]]
            seen_vms = vms.read_all(self._connections, conn, vms.Bulk(flags=flags, states=states), domains)
            pools = reading_pools.result()
        return SeenHost(
            name=self._connections.host,
            uuid=facts.uuid,
            topology=facts.topology,
            cpu_model=facts.cpu_model,
            tsc=facts.tsc,
            capabilities=replace(
                facts.capabilities,
                bridges=links.bridges(own_links),
                devices=given,
                offers={**facts.capabilities.offers, **({} if filters is None else {"nwfilter": filters})},
            ),
            links=own_links or {},
            vms=tuple(_sized(seen_vms, pools)),
            networks=tuple(seen_networks),
            pools=tuple(pools),
            **host,
        )

    def vm(self, uuid: str) -> SeenVm | None:
        """One VM afresh; its disks' sizes as libvirt knows them without a refresh."""
        try:
            with self._connections.reads() as conn:
                seen = vms.read_one(self._connections, conn, uuid)
                sizes = self._sizes(conn, seen) if seen is not None else {}
        except NotReadable as problem:
            raise DriverError(self._connections.host, f"read vm {uuid}", str(problem)) from problem
        return _with_sizes(seen, sizes) if seen is not None else None

    def network(self, name: str) -> SeenNetwork | None:
        """One network afresh."""
        with self._connections.reads() as conn:
            return networks.read_one(self._connections, conn, name)

    def pool(self, name: str) -> SeenPool | None:
        """One pool with its volumes, refreshed."""
        return storage.read_one(self._connections, name)

    def addresses(self, uuid: str) -> tuple[Address, ...]:
        """Addresses of the running guest; none if it is not here or tells none."""
        try:
            return addresses.read(self._connections, uuid)
        except Missing:
            return ()

    def ping(self) -> None:
        """Returns if the host answers."""
        with self._connections.reads() as conn:
            self._connections.call("ping", conn.getLibVersion, deadline=PING_WAIT)

    def xml(self, uuid: str) -> str:
        """The live, else the next boot's XML, without secrets. Raises Missing."""
        operation = f"read the XML of vm {uuid}"
        with self._connections.reads() as conn:
            domain = self._connections.call(operation, conn.lookupByUUIDString, uuid)
            text: str = self._connections.call(operation, domain.XMLDesc, 0)
            return text

    def rest(self, uuid: str) -> Rest:
        """What no field tells of the next boot's definition. Raises Missing."""
        from drivers.libvirt.domain.rest import rest  # only an import asks

        operation = f"read the XML of vm {uuid}"
        with self._connections.reads() as conn:
            domain = self._connections.call(operation, conn.lookupByUUIDString, uuid)
            xml = self._connections.call(operation, domain.XMLDesc, libvirt.VIR_DOMAIN_XML_INACTIVE)
        try:
            return rest(xml)
        except NotReadable as problem:
            raise DriverError(self._connections.host, operation, str(problem)) from problem

    def _capabilities(self, conn: libvirt.virConnect) -> capabilities.Facts:
        if self._facts is None or self._facts[0] is not conn:
            operation = "read the capabilities"
            xml = self._connections.call(operation, conn.getCapabilities)
            own = capabilities.arch(xml)
            ask = partial(conn.getDomainCapabilities, None, own, capabilities.MACHINES.get(own))
            answers = self._connections.gather(operation, ask, capabilities.VIRTUALIZATIONS)
            self._facts = (conn, capabilities.read(xml, _known(answers)))
        return self._facts[1]

    def _host(self, conn: libvirt.virConnect, facts: capabilities.Facts) -> dict[str, Any]:
        calls: dict[str, Callable[[], Any]] = {
            "libvirt": conn.getLibVersion,
            "hypervisor": conn.getVersion,
            "hostname": conn.getHostname,
            "info": conn.getInfo,
            "memory": lambda: node.memory(conn),
            "cpu_time": lambda: node.cpu_time(conn),
            **node.free_calls(conn, facts.cells, facts.pages),
        }
        found = dict(zip(calls, self._side_by_side("read the host", list(calls.values())), strict=True))
        cpus = found.pop("info")[2]
        memory, free = found.pop("memory")
        cells = node.with_free(facts.cells, (memory, free), found.pop("cells", {}), found.pop("pages", {}))
        return {**found, "cpus": cpus, "memory": memory, "memory_free": free, "cells": cells}

    def _lists(self, conn: libvirt.virConnect) -> Mapping[str, Any]:
        calls: dict[str, Callable[[], Any]] = {
            "states": lambda: conn.getAllDomainStats(libvirt.VIR_DOMAIN_STATS_STATE, vms.NOWAIT),
            "networks": lambda: conn.listAllNetworks(0),
        }
        for name, flag in vms.FLAGS.items():
            calls[name] = lambda flag=flag: conn.listAllDomains(flag)  # type: ignore[misc]
        return dict(zip(calls, self._side_by_side("list what is there", list(calls.values())), strict=True))

    def _side_by_side(self, operation: str, calls: Sequence[Callable[[], Any]]) -> list[Any]:
        answers = self._connections.gather(operation, lambda call: call(), calls)
        for each in answers:
            if isinstance(each, DriverError):
                raise each
        return answers

    def _sizes(self, conn: libvirt.virConnect, seen: SeenVm) -> dict[str, int]:
        paths = sorted({path for fields in (seen.config, seen.live or {}) for path in _sources(fields)})
        answers = self._connections.gather(
            "read the sizes of disks", lambda path: conn.storageVolLookupByPath(path).info()[1], paths
        )
        return {path: size for path, size in zip(paths, answers, strict=True) if isinstance(size, int)}


def _bridged(seen: Sequence[SeenNetwork]) -> set[str]:
    """The bridges that networks say the host has."""
    return {str(name) for each in seen if (name := each.config.get("bridge"))}


def _state(stats: Mapping[str, int]) -> tuple[int, int]:
    return stats["state.state"], stats.get("state.reason", 0)


def _known(answers: Sequence[str | DriverError]) -> list[str]:
    """The documents that there are: a host without KVM has none for it, the test driver none at all."""
    for each in answers:
        if isinstance(each, DriverError) and not isinstance(each, Refused):
            raise each
    return [each for each in answers if isinstance(each, str)]


def _sized(seen: Sequence[SeenVm], pools: Sequence[SeenPool]) -> list[SeenVm]:
    sizes = {volume.path: volume.capacity for pool in pools for volume in pool.volumes.values()}
    return [_with_sizes(vm, sizes) for vm in seen]


def _with_sizes(vm: SeenVm, sizes: Mapping[str, int]) -> SeenVm:
    live = _join(vm.live, sizes) if vm.live is not None else None
    return replace(vm, config=_join(vm.config, sizes), live=live)


def _join(fields: Fields, sizes: Mapping[str, int]) -> Fields:
    added = {
        f"{path.removesuffix('source')}size": sizes[value]
        for path, value in fields.items()
        if isinstance(value, str) and value in sizes and path.startswith("disks[") and path.endswith("].source")
    }
    return {**fields, **added} if added else fields


def _sources(fields: Fields) -> list[str]:
    return [
        value
        for path, value in fields.items()
        if isinstance(value, str) and (of := entry_of(path)) and of[0] == "disks" and of[2] == "source"
    ]
