"""A world as plain data and back, for golden cases and for starting a test from what was observed somewhere.

`dump` is drivers.snapshot's form with one more part, `directories` (which hosts share what). `load` makes a world in
which every host reads back as in the data; a path that several hosts have a pool on is one directory each, unless
`directories` says that they share it. An Unseen host is there, with nothing on it, and cut.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivers.mark import kind_of
from drivers.memory.model.defaults import lists_of
from drivers.memory.model.domain import Domain
from drivers.memory.model.files import Directory
from drivers.memory.model.hardware import Device, Hardware
from drivers.memory.model.places import HostState, Network, Pool
from drivers.memory.running import plug
from drivers.memory.world import World
from drivers.seen import Power, SeenHost, SeenPool, SeenVm
from drivers.snapshot import from_data, to_data
from specs.fields import Fields, entries, entry
from specs.structs import replace


def dump(world: World, key: bytes = b"world") -> dict[str, Any]:
    """The observation of all hosts, and the directories by path with the hosts that see them."""
    directories = [
        {"path": each.path, "hosts": hosts, "capacity": each.capacity}
        for each in world.directories
        if (hosts := [host.name for host in world.hosts.values() if host.mounts.get(each.path) is each])
    ]
    return {**to_data(world.observe(), key), "directories": directories}


def load(data: Mapping[str, Any], **settings: Any) -> World:
    """A world that reads as the data says; `settings` go to World."""
    world = World(**settings)
    seen = from_data(data)
    for name, host in seen.items():
        world.add_host(name)
        if isinstance(host, SeenHost):
            _describe(world.hosts[name], host)
    for each in data.get("directories", ()):
        world.add_directory(each["path"], each["hosts"], each.get("capacity", 1 << 40))
    for name, host in seen.items():
        if isinstance(host, SeenHost):
            _furnish(world, world.hosts[name], host)
        else:
            world.cut(name)
            world.hosts[name].denied = host.denied
    return world


def _describe(state: HostState, seen: SeenHost) -> None:
    state.uuid, state.hostname, state.capabilities = seen.uuid, seen.hostname, seen.capabilities
    state.libvirt, state.hypervisor = seen.libvirt, seen.hypervisor
    state.cpus, state.memory = seen.cpus, seen.memory
    state.topology, state.cells, state.cpu_model = seen.topology, seen.cells, seen.cpu_model
    state.cpu_time, state.tsc, state.devices = seen.cpu_time, seen.tsc, list(seen.devices or ())
    state.links = dict(seen.links)


def _furnish(world: World, state: HostState, seen: SeenHost) -> None:
    for pool in seen.pools:
        _pool(world, state, pool)
    for network in seen.networks:
        state.networks[network.name] = Network(
            name=network.name,
            uuid=network.uuid,
            config=dict(network.config),
            live=dict(network.live) if network.live is not None else None,
            autostart=network.autostart,
            mark=network.mark,
        )
    for vm in seen.vms:
        domain = state.domains[vm.uuid] = _domain(vm)
        if domain.live is not None:
            world.running.setdefault(vm.uuid, []).append(state.name)
            for device in domain.live.devices:
                if device.kind != "nics" and state.file(device.source):
                    plug(world, state, domain, device)


def _pool(world: World, state: HostState, seen: SeenPool) -> None:
    directory = state.mounts.get(seen.path)
    if directory is None:
        directory = world.add_directory(seen.path, [state.name], seen.capacity or 1 << 40)
    for volume in seen.volumes.values():
        if volume.name not in directory.files:
            file = world.new_file(volume.name, volume.capacity, volume.format, volume.backing)
            file.allocation = volume.allocation
            directory.add(file)
    pool = state.pools[seen.name] = Pool(seen.name, seen.uuid, seen.path, seen.active, seen.autostart)
    if seen.active:
        _fit(directory, seen)
        pool.known = directory.listing()


def _fit(directory: Directory, seen: SeenPool) -> None:
    """What the pool has less than its volumes explain is somebody else's data."""
    directory.capacity = seen.capacity
    directory.ballast = 0
    directory.ballast = max(0, directory.available - seen.available)


def _domain(vm: SeenVm) -> Domain:
    domain = Domain(vm.name, vm.uuid, _hardware(vm, vm.config), mark=vm.mark)
    domain.power, domain.reason, domain.persistent = vm.power, vm.reason, vm.persistent
    domain.autostart, domain.snapshots, domain.damaged = vm.autostart, vm.snapshots, vm.mark_damaged
    domain.live = _hardware(vm, vm.live) if vm.live is not None else None
    domain.saved = domain.config.copy() if vm.power is Power.SUSPENDED else None
    domain.guest = replace(domain.guest, agent=vm.agent or vm.live is None)
    return domain


def _hardware(vm: SeenVm, fields: Fields) -> Hardware:
    """The fields as devices: with their aliases and targets where these were seen, else with what the name tells."""
    hardware = Hardware({path: value for path, value in fields.items() if "[" not in path})
    for kind in lists_of(fields):
        for name, values in entries(fields, kind).items():
            path = entry(kind, name)
            ours = "" if path in vm.unnamed else f"ua-{kind_of(kind)}-{name}"
            device = Device(kind, vm.aliases.get(path, ours), vm.targets.get(path, "" if ours else name))
            device.fields = {key: value for key, value in values.items() if key != "size"}
            hardware.devices.append(device)
    return hardware
