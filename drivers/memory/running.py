"""QEMU, simulated: starting and ending domains, the images that they open, and what must never happen twice.

Used by the power calls, by a host's boot and by tests that act outside of gitvirt. `World.doubles` and
`World.damage` are written here and in the volume calls: they are what invariants are asserted on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from drivers.errors import Busy, Conflict, DriverError, Unsupported
from drivers.memory.model.domain import Domain
from drivers.memory.model.files import File
from drivers.memory.model.hardware import Device, Hardware
from drivers.memory.model.places import HostState
from drivers.memory.model.said import Said
from drivers.seen import Power
from specs.attachment import is_network
from specs.structs import Struct

if TYPE_CHECKING:
    from drivers.memory.world import World


class Double(Struct, frozen=True):
    """One domain uuid, or one writable image, was running twice from `time` on; `where` are the hosts."""

    time: float
    what: str
    where: tuple[str, ...]


class Damage(Struct, frozen=True):
    """Data that somebody needs was lost: an image deleted in use, or a backing file under an overlay."""

    time: float
    host: str
    path: str
    why: str


def launch(world: World, host: HostState, domain: Domain, other: Hardware | None = None) -> None:
    """Starts QEMU from `other`, else the managed-save image, else the definition; refuses as libvirt and QEMU do."""
    hardware = (other or domain.saved or domain.config).copy()
    _cpu(host, hardware)
    for device in hardware.devices:
        plug(world, host, domain, device, only_check=True)
    where = world.running.setdefault(domain.uuid, [])
    if where:
        world.doubles.append(Double(world.clock(), f"uuid {domain.uuid}", (*where, host.name)))
    where.append(host.name)
    for device in hardware.devices:
        plug(world, host, domain, device)
    if not domain.guest.balloon:
        hardware.scalars["memory"] = hardware.scalars["memoryMax"]
    domain.live = hardware
    domain.reason = "restored" if domain.saved else "booted"
    domain.power, domain.saved = Power.RUNNING, None
    domain.boots += 1
    world.wake(host, f"vm/{domain.name}")


def halt(world: World, host: HostState, domain: Domain, reason: str, power: Power = Power.STOPPED) -> None:
    """The QEMU process is gone; a transient domain is gone with it."""
    for file in domain.opened:
        file.writers.discard((host.name, domain.uuid))
        file.readers.discard((host.name, domain.uuid))
    domain.opened.clear()
    if host.name in (where := world.running.get(domain.uuid, [])):  # the shell of a migration never ran
        where.remove(host.name)
    domain.live, domain.power, domain.reason = None, power, reason
    host.going.pop(domain.uuid, None)
    if not domain.persistent:
        host.domains.pop(domain.uuid, None)
    world.wake(host, f"vm/{domain.name}")


def plug(world: World, host: HostState, domain: Domain, device: Device, only_check: bool = False) -> None:
    """Gives a device to QEMU: opens its image under QEMU's write lock, or joins its network."""
    if device.kind == "nics":
        _check_network(host, str(device.fields["network"]))
        return
    if not device.source:
        return
    user = (host.name, domain.uuid)
    for number, file in enumerate(chain(host, device.source)):
        writes = device.writable and number == 0
        rivals = file.writers - {user}
        if world.locks and (rivals or (writes and file.readers - {user})):
            raise Said(Busy, f'Failed to get "{"write" if writes else "shared read"}" lock on {device.source}')
        if only_check:
            continue
        if writes and rivals:
            hosts = tuple(sorted({name for name, _ in rivals} | {host.name}))
            world.doubles.append(Double(world.clock(), f"disk {device.source}", hosts))
        (file.writers if writes else file.readers).add(user)
        domain.opened.append(file)


def unplug(host: HostState, domain: Domain, device: Device) -> None:
    """QEMU lets go of the device's images."""
    user = (host.name, domain.uuid)
    for file in chain(host, device.source) if device.source else ():
        file.writers.discard(user)
        file.readers.discard(user)
        if file in domain.opened:
            domain.opened.remove(file)


def chain(host: HostState, path: str) -> list[File]:
    """The image and all that it is an overlay of; Missing if one cannot be opened."""
    found: list[File] = []
    while path:
        file = host.file(path)
        if file is None:
            raise Said(DriverError, f"Cannot access storage file '{path}': No such file or directory")
        if file in found:
            raise Said(DriverError, f"backing chain of '{path}' is a loop")
        found.append(file)
        path = file.backing
    return found


def _check_network(host: HostState, name: str) -> None:
    if name.startswith("bridge:"):
        bridges = host.capabilities.bridges
        if bridges is not None and name.removeprefix("bridge:") not in bridges:
            raise Said(DriverError, f"Cannot get interface MTU on '{name.removeprefix('bridge:')}': No such device")
    elif is_network(name):
        live = host.network(name).live
        if live is None:
            raise Said(Conflict, f"network '{name}' is not active")
        if live["type"] == "bridge":
            _check_network(host, f"bridge:{live['bridge']}")


def _cpu(host: HostState, hardware: Hardware) -> None:
    model = str(hardware.scalars["cpu.model"])
    known = host.capabilities.cpu_models | {"host-model", "maximum"}
    if model == "host-passthrough" and hardware.scalars["emulation"] != "kvm":
        raise Said(Unsupported, "CPU mode 'host-passthrough' is only supported with kvm")
    if model not in known | {"host-passthrough"}:
        raise Said(Unsupported, f"Unknown CPU model {model}")
