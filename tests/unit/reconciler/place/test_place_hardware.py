"""Filters and weights by CPUs, NUMA cells and huge pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.node import Cell, CpuModel, Topology
from drivers.seen import Capabilities, SeenHost
from reconciler.desired.resolve import Sources, resolve
from reconciler.place.demand import Demand, demand
from reconciler.place.filters import cpu, memory, numa
from reconciler.place.room import Room
from reconciler.place.weights import hardware
from specs.load import load
from specs.structs import replace
from specs.tree import Folder

GIB, MIB = 1 << 30, 1 << 20
REPOSITORY = """
apiVersion: gitvirt/v1
kind: Repository
metadata: {name: home}
spec: {id: 5a1d1f0e-6f0f-4c7b-9d8e-0f3c6f6e5b11}
---
apiVersion: gitvirt/v1
kind: Host
metadata: {name: kvm1}
spec: {uri: "qemu+tls://kvm1/system"}
"""
VM = """---
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata: {name: NAME}
spec: {SAYS}
"""
ABLE = Capabilities(kvm=True, offers={"cpu.kvm": frozenset({"Nehalem"}), "cpu.tcg": frozenset({"qemu64"})})
CELLS = (
    Cell(id=0, cpus=(0, 1), memory=8 * GIB, memory_free=4 * GIB, hugepages={2 * MIB: 1024}),
    Cell(id=1, cpus=(2, 3), memory=8 * GIB, memory_free=2 * GIB),
)
HOST = SeenHost(
    name="kvm1", uuid="h-1", cpus=4, memory=16 * GIB, memory_free=6 * GIB, capabilities=ABLE, cells=CELLS,
    topology=Topology(sockets=1, cores=4, threads=1), cpu_model=CpuModel(name="Nehalem", disables=frozenset({"aes"})),
)  # fmt: skip


def demands(folder: Path, *says: str) -> list[Demand]:
    vms = "".join(VM.replace("NAME", f"vm{number}").replace("SAYS", each) for number, each in enumerate(says))
    (folder / "gitvirt.yaml").write_text(REPOSITORY + vms, encoding="utf-8")
    wanted = resolve(load(Folder(folder)), "r1", Sources(files={}, reveal=lambda secret: ""))
    return [demand(each) for each in wanted.vms.values()]


def room(host: SeenHost = HOST) -> Room:
    return Room(hosts={}, seen={"kvm1": host}, networks={}, storage={})


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("cpu: {count: 1, model: Nehalem}", None),
        ("cpu: {count: 1, model: host-model}", None),
        ("cpu: {count: 1, model: Haswell}", "cannot provide CPU Haswell"),
        ("cpu: {count: 1, model: qemu64}", "cannot provide CPU qemu64"),  # only by emulation, and there is KVM
        ("cpu: {count: 1, features: [+aes, +ssse3, -svm]}", "cannot provide aes of its CPU"),
    ],
)
def test_the_declared_cpu_has_to_run_there(says: str, why: str | None, tmp_path: Path) -> None:
    [asked] = demands(tmp_path, f"memory: 1GiB, {says}")
    assert cpu.level(asked, "kvm1", room()) == why


def test_emulation_gives_any_model_but_not_the_hosts_own(tmp_path: Path) -> None:
    any_model, own = demands(
        tmp_path,
        "memory: 1GiB, cpu: {count: 1, model: Haswell, features: [+aes]}",
        "memory: 1GiB, cpu: {count: 1, model: host-passthrough}",
    )
    emulated = replace(HOST, capabilities=replace(ABLE, kvm=False))
    assert cpu.level(any_model, "kvm1", room(emulated)) is None
    assert cpu.level(own, "kvm1", room(emulated)) == "no KVM, which CPU host-passthrough needs"
    assert cpu.level(own, "kvm1", room()) is None


def test_a_host_that_lists_no_models_is_not_kept_from_trying(tmp_path: Path) -> None:
    [asked] = demands(tmp_path, "memory: 1GiB, cpu: {count: 1, model: Haswell}")
    silent = replace(HOST, capabilities=Capabilities(kvm=True), cpu_model=None)
    assert cpu.level(asked, "kvm1", room(silent)) is None


def test_a_guest_with_threads_needs_a_host_with_threads(tmp_path: Path) -> None:
    [asked] = demands(tmp_path, "memory: 1GiB, cpu: {sockets: 1, cores: 1, threads: 2, pins: {0: 0, 1: 1}}")
    assert cpu.topology(asked, "kvm1", room()) == "its cores have 1 thread, 2 wanted"
    wide = replace(HOST, topology=Topology(sockets=1, cores=2, threads=2))
    assert cpu.topology(asked, "kvm1", room(wide)) is None


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("pins: {0: 2-3}", None),
        ("pins: {0: 2-5}", "has no CPU 4-5"),
        ("emulatorPin: 7", "has no CPU 7"),
    ],
)
def test_the_cpus_that_a_vm_is_bound_to_have_to_be_there(says: str, why: str | None, tmp_path: Path) -> None:
    bound, free = demands(tmp_path, f"memory: 1GiB, cpu: {{count: 1, {says}}}", "memory: 1GiB, cpu: 1")
    assert (cpu.is_pinned(bound, room()), cpu.is_pinned(free, room())) == (True, False)
    assert cpu.pinning(bound, "kvm1", room()) == why


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("memory: 2GiB, numa: {nodes: 1}", None),
        ("memory: 3GiB, numa: {nodes: 1}", "2GiB free in NUMA node 1, 3GiB needed"),
        ("memory: 3GiB, numa: {nodes: 1, mode: preferred}", None),
        ("memory: 5GiB, numa: {nodes: 0-1}", None),
        ("memory: 1GiB, numa: {nodes: 0-2}", "has no NUMA node 2"),
        (
            "memory: 4GiB, numa: {cells: [{cpus: 0, memory: 1GiB}, {cpus: 1, memory: 3GiB}], pins: {0: 0, 1: 1}}",
            "2GiB free in NUMA node 1, 3GiB needed",
        ),
        ("memory: 3GiB, numa: {nodes: 1}, state: stopped", None),
    ],
)
def test_the_numa_nodes_that_a_vm_is_bound_to_have_to_have_its_memory(
    says: str, why: str | None, tmp_path: Path
) -> None:
    [asked] = demands(tmp_path, f"cpu: 2, {says}")
    assert numa.is_bound(asked, room())
    assert numa.numa(asked, "kvm1", room()) == why


def test_what_a_plan_has_given_of_a_numa_node_is_given(tmp_path: Path) -> None:
    first, second = demands(tmp_path, *["cpu: 1, memory: 1536MiB, numa: {nodes: 1}"] * 2)
    left = room()
    assert numa.numa(first, "kvm1", left) is None
    left.take(first, "kvm1")
    assert numa.numa(first, "kvm1", left) is None
    assert numa.numa(second, "kvm1", left) == "512MiB free in NUMA node 1, 1536MiB needed"


@pytest.mark.parametrize(
    ("says", "why"),
    [
        ("memory: 2GiB, memoryPolicy: {hugepages: 2MiB}", None),
        ("memory: 2GiB, memoryPolicy: {hugepages: default}", None),
        ("memory: 3GiB, memoryPolicy: {hugepages: 2MiB}", "1024 huge pages of 2MiB free, 1536 needed"),
        ("memory: 1GiB, memoryPolicy: {hugepages: 1GiB}", "0 huge pages of 1GiB free, 1 needed"),
        ("memory: 1GiB, memoryPolicy: {hugepages: 2MiB}, numa: {nodes: 1}", "0 huge pages of 2MiB free, 512 needed"),
    ],
)
def test_huge_pages_have_to_be_free(says: str, why: str | None, tmp_path: Path) -> None:
    [asked] = demands(tmp_path, f"cpu: 1, {says}")
    assert numa.takes_huge_pages(asked, room())
    assert numa.hugepages(asked, "kvm1", room()) == why


def test_huge_pages_that_a_plan_has_given_are_given(tmp_path: Path) -> None:
    first, second = demands(tmp_path, *["cpu: 1, memory: 1280MiB, memoryPolicy: {hugepages: default}"] * 2)
    left = room()
    left.take(first, "kvm1")
    assert numa.hugepages(second, "kvm1", left) == "384 huge pages of 2MiB free, 640 needed"


@pytest.mark.parametrize(
    "more", ["memoryMax: 3GiB, memoryPolicy: {", "memoryMax: 3GiB, memoryPolicy: {guaranteed: 1MiB, "]
)
def test_huge_pages_are_set_aside_for_all_that_the_guest_may_have(more: str, tmp_path: Path) -> None:
    [asked] = demands(tmp_path, f"cpu: 1, memory: 1GiB, {more}hugepages: 2MiB}}")
    assert numa.hugepages(asked, "kvm1", room()) == "1024 huge pages of 2MiB free, 1536 needed"


@pytest.mark.parametrize(
    ("says", "refused"),
    [
        ("memory: 1280MiB, memoryPolicy: {hugepages: 2MiB}", "384 huge pages of 2MiB free, 640 needed"),
        ("memory: 1536MiB, numa: {nodes: 1}", "512MiB free in NUMA node 1, 1536MiB needed"),
    ],
)
def test_what_a_running_vm_that_comes_takes_of_a_node_is_given(says: str, refused: str, tmp_path: Path) -> None:
    coming, asked = demands(tmp_path, *[f"cpu: 1, {says}"] * 2)
    why = numa.hugepages if coming.huge else numa.numa
    there = room()
    there.take(replace(coming, host="kvm1", present=True), "kvm1")  # the host's report is without it already
    assert why(asked, "kvm1", there) is None
    left = room()
    left.take(replace(coming, host="kvm2", present=True), "kvm1")  # it migrates by this plan
    assert why(asked, "kvm1", left) == refused


@pytest.mark.parametrize(
    ("modules", "gib"),
    [
        ("{name: extra, size: 2GiB}", 3),
        ("{name: extra, size: 2GiB}, {name: more, size: 1GiB}", 4),
        ("{name: elastic, model: virtio-mem, size: 4GiB, requested: 1GiB}", 2),
    ],
)
def test_memory_modules_are_memory(modules: str, gib: int, tmp_path: Path) -> None:
    cells = "numa: {cells: [{cpus: 0, memory: 1GiB}]}, memoryHotplug: {max: 16GiB, slots: 8}"
    [asked] = demands(tmp_path, f"cpu: 1, memory: 1GiB, {cells}, memoryModules: [{modules}]")
    assert asked.memory == gib * GIB


def test_a_vm_in_huge_pages_takes_no_other_memory(tmp_path: Path) -> None:
    huge, plain = demands(tmp_path, "cpu: 1, memory: 8GiB, memoryPolicy: {hugepages: 2MiB}", "cpu: 1, memory: 8GiB")
    left = room()
    assert memory.free(huge, "kvm1", left) is None
    assert str(memory.free(plain, "kvm1", left)).startswith("6GiB free, 8GiB needed")
    left.take(huge, "kvm1")
    assert left.free("kvm1") == HOST.memory_free - huge.overhead


def test_a_host_without_huge_pages_has_none(tmp_path: Path) -> None:
    [asked] = demands(tmp_path, "cpu: 1, memory: 1GiB, memoryPolicy: {hugepages: default}")
    bare = replace(HOST, cells=(replace(CELLS[0], hugepages={}),))
    assert numa.hugepages(asked, "kvm1", room(bare)) == "has no huge pages"


def test_a_host_with_room_in_one_node_is_better(tmp_path: Path) -> None:
    small, large, wide = demands(tmp_path, "cpu: 2, memory: 4GiB", "cpu: 1, memory: 5GiB", "cpu: 3, memory: 1GiB")
    assert [hardware.single_cell(each, "kvm1", room()) for each in (small, large, wide)] == [0, 1, 1]


def test_a_host_whose_cpus_others_are_bound_to_is_worse(tmp_path: Path) -> None:
    first, second, third = demands(
        tmp_path,
        "cpu: {count: 1, pins: {0: 0-1}}, memory: 1GiB, numa: {nodes: 0}",
        "cpu: {count: 1, pins: {0: 1-2}}, memory: 1GiB, numa: {nodes: 0}",
        "cpu: {count: 1, pins: {0: 3}}, memory: 1GiB",
    )
    left = room()
    left.take(first, "kvm1")
    assert [hardware.pinning(each, "kvm1", left) for each in (first, second, third)] == [0, 2, 0]


def test_a_high_performance_vm_likes_hosts_of_its_shape(tmp_path: Path) -> None:
    says = "type: highPerformance, memory: 1GiB, cpu: {sockets: 2, cores: 4, threads: 2}"
    asked, plain = demands(tmp_path, says, "cpu: 1, memory: 1GiB")
    assert [hardware.is_high_performance(each, room()) for each in (asked, plain)] == [True, False]
    assert hardware.high_performance(asked, "kvm1", room()) == 2
