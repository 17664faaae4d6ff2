"""Usage as objects: what hosts and VMs use of CPU and memory. Pure. Memory in bytes, CPU in percent.

In: two samples of each host. Out: rows for `gitvirt top`, sorted. A host's percentage is of all its CPUs, a VM's of
its own vCPUs, so that 100 is all that it can have; what QEMU itself does counts as well, so it may be more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from reconciler.observe.usage import Sampled
from specs.structs import Struct

Order = Literal["cpu", "memory", "name"]
_NANOSECONDS = 1_000_000_000


class HostUsage(Struct, frozen=True, kw_only=True):
    """`vcpus` of its running VMs, `promised` bytes that they have."""

    name: str
    cpu: float
    cpus: int
    vcpus: int
    memory: int
    memory_used: int
    promised: int
    vms: int

    def data(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        return {
            "name": self.name, "cpuPercent": self.cpu, "cpus": self.cpus, "vcpus": self.vcpus, "memory": self.memory,
            "memoryUsed": self.memory_used, "memoryOfVms": self.promised, "vms": self.vms,
        }  # fmt: skip


class VmUsage(Struct, frozen=True, kw_only=True):
    """One VM that ran at both times; `cpus` are its vCPUs, `managed` tells whether it is declared."""

    name: str
    host: str
    cpu: float
    cpus: int
    memory: int
    managed: bool = True

    def data(self) -> dict[str, Any]:
        """As `-o json` prints it."""
        return {
            "name": self.name, "host": self.host, "cpuPercent": self.cpu, "vcpus": self.cpus, "memory": self.memory,
            "declared": self.managed,
        }  # fmt: skip


def hosts(samples: Mapping[str, Sampled | str], order: Order = "cpu") -> list[HostUsage]:
    """Every host that was read."""
    found = [_host(name, each) for name, each in samples.items() if isinstance(each, Sampled)]
    return sorted(found, key=lambda each: (_rank(each.cpu, each.memory_used, order), each.name))


def vms(samples: Mapping[str, Sampled | str], declared: frozenset[str], order: Order = "cpu") -> list[VmUsage]:
    """Every VM that runs; one that began to run in between has no percentage yet, and is left out."""
    found = [vm for name, each in samples.items() if isinstance(each, Sampled) for vm in _vms(name, each, declared)]
    return sorted(found, key=lambda each: (_rank(each.cpu, each.memory, order), each.name, each.host))


def _rank(cpu: float, memory: int, order: Order) -> float:
    return -cpu if order == "cpu" else -memory if order == "memory" else 0


def _host(name: str, each: Sampled) -> HostUsage:
    now = each.second
    return HostUsage(
        name=name,
        cpu=min(100.0, _percent(now.cpu_time - each.first.cpu_time, each.elapsed, now.cpus)),
        cpus=now.cpus,
        vcpus=sum(vm.cpus for vm in now.vms),
        memory=now.memory,
        memory_used=now.memory - now.memory_free,
        promised=sum(vm.memory for vm in now.vms),
        vms=len(now.vms),
    )


def _vms(host: str, each: Sampled, declared: frozenset[str]) -> Sequence[VmUsage]:
    before = {vm.uuid: vm.cpu_time for vm in each.first.vms}
    return [
        VmUsage(
            name=vm.name,
            host=host,
            cpu=_percent(vm.cpu_time - before[vm.uuid], each.elapsed, vm.cpus),
            cpus=vm.cpus,
            memory=vm.memory,
            managed=vm.name in declared,
        )
        for vm in each.second.vms
        if vm.uuid in before and vm.cpu_time >= before[vm.uuid]  # less: it was started again in between
    ]


def _percent(busy: int, elapsed: float, cpus: int) -> float:
    """To one decimal; 0 where no time passed or nothing is known."""
    whole = elapsed * _NANOSECONDS * cpus
    return round(max(0.0, 100 * busy / whole), 1) if whole > 0 else 0.0
