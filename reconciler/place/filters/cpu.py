"""The CPUs that a VM asks for: a model, threads of a core, single CPUs of the host.

A VM's own CPU as it runs is looked at before a move (place/hosts/compatibility.py); this is about what is declared.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from drivers.seen import SeenHost
from reconciler.place.demand import Demand
from reconciler.place.hosts.compatibility import usable
from reconciler.place.room import Room
from specs.compound import assignments, format_numbers, numbers, switches
from specs.fields import Fields

MODES = frozenset({"host-model", "host-passthrough", "maximum"})
_PINS = ("cpu.pins", "cpu.iothreadPins")


def level(asked: Demand, host: str, room: Room) -> str | None:
    """The declared CPU model, that of the VM or of its cluster, with its features, can be had there in full.

    QEMU emulates any model, without what it cannot; on real hardware a guest shall get what was declared.
    """
    fields, seen = asked.vm.fields, room.seen[host]
    model = str(fields.get("cpu.model") or asked.vm.cluster_cpu)
    if asked.vm.emulation == "tcg" or not seen.capabilities.kvm:
        return "no KVM, which CPU host-passthrough needs" if model == "host-passthrough" else None
    able = usable(seen, "kvm")
    if model and model not in MODES and able and model not in able:
        return f"cannot provide CPU {model}"
    wanted = {name for name, sign in switches(str(fields.get("cpu.features") or "")).items() if sign == "+"}
    gone = sorted(wanted & seen.cpu_model.disables) if seen.cpu_model else ()
    return f"cannot provide {', '.join(gone)} of its CPU" if gone else None


def level_key(asked: Demand) -> Hashable:
    """What `level` looks at."""
    vm = asked.vm
    return vm.emulation, vm.cluster_cpu, vm.fields.get("cpu.model"), vm.fields.get("cpu.features")


def topology(asked: Demand, host: str, room: Room) -> str | None:
    """A VM with CPUs of its own finds as many threads in a core as it shows its guest."""
    there, threads = room.seen[host].topology, asked.vm.fields.get("cpu.threads")
    if there is None or not isinstance(threads, int) or threads <= max(1, there.threads):
        return None
    return f"its cores have {there.threads} {'thread' if there.threads == 1 else 'threads'}, {threads} wanted"


def pinning(asked: Demand, host: str, room: Room) -> str | None:
    """The CPUs of the host that it is bound to are there."""
    gone = pinned(asked.vm.fields) - cpus(room.seen[host])
    return f"has no CPU {format_numbers(gone)}" if gone else None


def is_pinned(asked: Demand, room: Room) -> bool:
    """Whether it is bound to single CPUs of its host."""
    return any(asked.vm.fields.get(path) for path in (*_PINS, "cpu.emulatorPin"))


def pinned(fields: Fields) -> frozenset[int]:
    """The host CPUs that vCPUs, I/O threads and QEMU are bound to."""
    return frozenset(number for text in _sets(fields) for number in numbers(text))


def cpus(seen: SeenHost) -> frozenset[int]:
    """The numbers of a host's CPUs."""
    told = frozenset(number for cell in seen.cells for number in cell.cpus)
    return told or frozenset(range(seen.cpus))


def _sets(fields: Fields) -> Iterator[str]:
    for path in _PINS:
        yield from assignments(str(fields.get(path) or "")).values()
    if text := fields.get("cpu.emulatorPin"):
        yield str(text)
