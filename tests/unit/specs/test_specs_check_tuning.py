"""Tuning that does not fit together is told when a repository is loaded."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Vm = Callable[[str], list[str]]
CELLS = "numa: {cells: [{cpus: 0, memory: 1GiB}]}"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("{cpu: {count: 1, model: Nehalem, migratable: true}}", "cpu.migratable: the model is Nehalem"),
        ("{iothreads: 1, cpu: {count: 1, iothreadPins: {2: 0}}}", "cpu.iothreadPins: there are 1 I/O threads"),
        ("{cpu: {count: 2, pins: {2: 0}}}", "cpu.pins: there is no vCPU 2"),
        ("{memory: 2GiB, " + CELLS + "}", "numa.cells: the cells have 1GiB, the machine 2GiB"),
        ("{memory: 1GiB, memoryMax: 2GiB, memoryPolicy: {ballooning: false}}", "memoryPolicy.ballooning: there is no"),
        ("{memory: 1GiB, memoryPolicy: {guaranteed: 2GiB}}", "memoryPolicy.guaranteed: 2GiB are more than"),
        ("{memoryHotplug: {max: 2GiB}}", "memoryHotplug: it needs both max and slots"),
        ("{memoryModules: [{name: a, size: 1GiB}]}", "memoryModules: there is no room for them"),
        (
            "{memory: 1GiB, memoryHotplug: {max: 4GiB, slots: 1}, " + CELLS + ", memoryModules: [{name: a}]}",
            "memoryModules[a]: it has no size",
        ),
        (
            "{memory: 1GiB, memoryHotplug: {max: 4GiB, slots: 1}, " + CELLS
            + ", memoryModules: [{name: a, size: 1GiB, requested: 0B}]}",
            "memoryModules[a]: a DIMM does not change its size",
        ),
        (
            "{memory: 1GiB, memoryHotplug: {max: 4GiB, slots: 1}, " + CELLS
            + ", memoryModules: [{name: a, model: virtio-mem, size: 1GiB, requested: 2GiB}]}",
            "memoryModules[a].requested: it is more than the module has",
        ),
        ("{boot: {order: [hd]}, cdroms: [{name: a, bootOrder: 1}]}", "boot.order: a device has a `bootOrder`"),
    ],
)  # fmt: skip
def test_a_fault_is_told_at_its_place(vm_faults: Vm, spec: str, said: str) -> None:
    assert [each for each in vm_faults(spec) if said in each], vm_faults(spec)


@pytest.mark.parametrize(
    "spec",
    [
        "{iothreads: 2, cpu: {count: 2, model: maximum, migratable: true, pins: {1: 0}, iothreadPins: {2: 0}}}",
        "{memory: 1GiB, memoryHotplug: {max: 4GiB, slots: 1}, " + CELLS + ", memoryModules: [{name: a, size: 1GiB}]}",
        "{memory: 1GiB, memoryPolicy: {guaranteed: 1GiB}}",
        "{memory: 1GiB, memoryPolicy: {ballooning: false}, boot: {order: [hd, network]}}",
    ],
)
def test_what_fits_is_not_told(vm_faults: Vm, spec: str) -> None:
    assert vm_faults(spec) == []
