"""The machine under a simulated host: the Node protocol."""

from __future__ import annotations

from collections.abc import Sequence

from drivers.errors import Refused
from drivers.memory.calls import Line
from drivers.memory.model.domain import Domain
from drivers.memory.model.places import HostState
from drivers.memory.model.said import Said
from drivers.node import CpuModel, NodeDevice, Usage, VmUsage

LADDERS = {"Intel": ("Nehalem", "Haswell", "Skylake-Server"), "AMD": ("EPYC",)}
"""The models that this twin knows, each with all that those before it have."""


class MemoryNode:
    """See drivers.base.Node."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def usage(self) -> Usage:
        """CPU times are what tests said that guests used (`Outside.burn`)."""
        with self._line.call(self._line.reading("usage")):
            host = self._line.host
            running = sorted((each for each in host.domains.values() if each.live), key=lambda each: each.name)
            vms = tuple(_usage(each) for each in running)
            free = max(0, host.memory - sum(each.memory for each in vms))
            return Usage(cpu_time=host.cpu_time, cpus=host.cpus, memory=host.memory, memory_free=free, vms=vms)

    def devices(self) -> tuple[NodeDevice, ...]:
        """What `add_host` and `plug_device` put there."""
        with self._line.call(self._line.reading("devices")):
            return tuple(sorted(self._line.host.devices, key=lambda each: each.address))

    def baseline(self, models: Sequence[CpuModel], kvm: bool) -> CpuModel:
        """The lowest of one vendor's ladder."""
        with self._line.call(self._line.reading("baseline")):
            vendors = sorted({each.vendor for each in models})
            if len(vendors) != 1:
                raise Said(Refused, "the CPUs are incompatible: CPU vendors do not match")
            ladder = LADDERS.get(vendors[0], ())
            lowest = min(models, key=lambda each: ladder.index(each.name) if each.name in ladder else -1)
            return CpuModel(
                name=lowest.name,
                vendor=lowest.vendor,
                requires=frozenset.intersection(*(each.requires for each in models if each.name == lowest.name)),
                disables=frozenset.union(*(each.disables for each in models)),
            )


def _usage(domain: Domain) -> VmUsage:
    assert domain.live is not None
    memory, cpus = (int(str(domain.live.scalars.get(path) or 0)) for path in ("memory", "cpu.count"))
    return VmUsage(name=domain.name, uuid=domain.uuid, cpu_time=domain.cpu_time, memory=memory, cpus=cpus)


def cpu_of(host: HostState) -> CpuModel | None:
    """What `host-model` means there: the best of the ladders that it can run."""
    if host.cpu_model is not None:
        return host.cpu_model
    for vendor, ladder in LADDERS.items():
        able = [each for each in ladder if each in host.capabilities.cpu_models]
        if able:
            return CpuModel(name=able[-1], vendor=vendor)
    return None
