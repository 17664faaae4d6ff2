"""What hosts and VMs use, from two samples of a simulated datacenter."""

from __future__ import annotations

import pytest

from drivers.memory.world import GIB, World
from reconciler.observe.usage import Sampled, Watch, sample
from reconciler.status.usage import Order, hosts, vms
from specs.fields import Fields

VM: Fields = {"cpu.count": 2, "cpu.max": 2, "memory": GIB, "memoryMax": GIB}


class Passing:
    """Ten seconds, in which guests work and come and go."""

    def __init__(self, world: World) -> None:
        self.world, self.time = world, 0.0

    def watch(self) -> Watch:
        return Watch(now=lambda: self.time, wait=self.wait)

    def wait(self, seconds: float) -> None:
        self.time += seconds
        kvm1 = self.world.outside("kvm1")
        kvm1.burn("busy", 15)
        kvm1.burn("idle", 0.5)
        kvm1.destroy("gone")
        kvm1.start("new")


@pytest.fixture
def samples() -> dict[str, Sampled | str]:
    world = World()
    for name in ("kvm1", "kvm2", "kvm3"):
        world.add_host(name, cpus=4, memory=8 * GIB)
    for name in ("busy", "idle", "gone", "new"):
        world.outside("kvm1").define(name, VM)
    for name in ("busy", "idle", "gone"):
        world.outside("kvm1").start(name)
    world.cut("kvm3")
    return sample({name: world.host(name) for name in world.hosts}, 10, Passing(world).watch())


def test_a_hosts_share_is_of_all_its_cpus(samples: dict[str, Sampled | str]) -> None:
    first, second = hosts(samples)
    assert (first.name, first.cpu, first.cpus, first.vcpus, first.vms) == ("kvm1", 38.8, 4, 6, 3)
    assert (first.memory, first.memory_used, first.promised) == (8 * GIB, 3 * GIB, 3 * GIB)
    assert (second.name, second.cpu, second.vms) == ("kvm2", 0.0, 0)


def test_a_vms_share_is_of_its_own_cpus_and_one_that_just_began_has_none(samples: dict[str, Sampled | str]) -> None:
    found = vms(samples, declared=frozenset({"busy"}))
    assert [(each.name, each.host, each.cpu, each.managed) for each in found] == [
        ("busy", "kvm1", 75.0, True), ("idle", "kvm1", 2.5, False),
    ]  # fmt: skip


def test_a_host_that_does_not_answer_is_told_with_its_reason(samples: dict[str, Sampled | str]) -> None:
    assert samples["kvm3"] == "no route to host"


@pytest.mark.parametrize(("order", "names"), [("cpu", ["kvm1", "kvm2"]), ("name", ["kvm1", "kvm2"])])
def test_the_order_is_as_asked_for(order: Order, names: list[str], samples: dict[str, Sampled | str]) -> None:
    assert [each.name for each in hosts(samples, order)] == names
    assert [each.name for each in vms(samples, frozenset(), "memory")] == ["busy", "idle"]


def test_what_is_printed_as_data_has_every_figure(samples: dict[str, Sampled | str]) -> None:
    assert hosts(samples)[0].data() == {
        "name": "kvm1", "cpuPercent": 38.8, "cpus": 4, "vcpus": 6, "memory": 8 * GIB, "memoryUsed": 3 * GIB,
        "memoryOfVms": 3 * GIB, "vms": 3,
    }  # fmt: skip
    assert vms(samples, frozenset())[0].data() == {
        "name": "busy", "host": "kvm1", "cpuPercent": 75.0, "vcpus": 2, "memory": GIB, "declared": False,
    }  # fmt: skip
