"""A small simulated datacenter for the tests of it: two hosts, a shared pool, a network, a VM."""

from __future__ import annotations

from drivers.base import NewNetwork, NewPool, NewVm, NewVolume
from drivers.mark import Mark
from drivers.memory.world import Clock, World
from drivers.seen import SeenVm
from specs.fields import Scalar

GIB = 1 << 30
POOL = NewPool(name="shared", uuid="aaaaaaaa-0000-4000-8000-000000000002", path="/srv/shared")
LAN = "aaaaaaaa-0000-4000-8000-000000000003"
WEB = "aaaaaaaa-0000-4000-8000-000000000001"


def mark(name: str = "web", uuid: str = WEB, generation: int = 1) -> Mark:
    return Mark(repository="r", ref=f"vm/{name}", uuid=uuid, generation=generation, revision="a")


def site(locks: bool = True) -> World:
    """Two hosts, a shared pool, the network `lan`; VM `web` on kvm1, stopped, with a disk and a NIC."""
    world = World(clock=Clock(1000.0), locks=locks)
    for name in ("kvm1", "kvm2"):
        host = world.add_host(name, memory=4 * GIB)
        if name == "kvm1":
            world.add_directory("/srv/shared", ["kvm1"])
        else:
            world.hosts[name].mounts["/srv/shared"] = world.directories[0]
        host.pools.define(POOL)
        dhcp = {"dhcp.start": "10.1.0.10", "dhcp.end": "10.1.0.20"}
        fields: dict[str, Scalar] = {"type": "nat", "subnet": "10.1.0.0/24", "address": "10.1.0.1", **dhcp}
        host.networks.define(NewNetwork(name="lan", uuid=LAN, fields=fields, mark=mark("lan", LAN)))
        host.networks.active("lan", True)
        host.networks.autostart("lan", True)
    world.host("kvm1").volumes.create(NewVolume(pool="shared", name="web.qcow2", capacity=GIB))
    define(world, "kvm1", "web", WEB)
    return world


def define(world: World, host: str, name: str, uuid: str, disk: str = "web.qcow2") -> None:
    fields: dict[str, Scalar] = {
        "memory": GIB,
        "agent": True,
        "machine": "q35",
        "disks[root].source": f"/srv/shared/{disk}",
        "disks[root].format": "qcow2",
        "nics[lan].network": "lan",
        "nics[lan].mac": f"52:54:00:00:00:{uuid[-2:]}",
    }
    world.host(host).vms.define(NewVm(name=name, uuid=uuid, fields=fields, mark=mark(name, uuid)))


def vm(world: World, host: str = "kvm1", uuid: str = WEB) -> SeenVm:
    found = world.host(host).reader.vm(uuid)
    assert found is not None
    return found
