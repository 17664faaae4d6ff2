"""Tuning: pins name threads that there are, cells hold all of the memory, modules have room. Called by machines.py.

What only the host's definition can tell is checked when it is written (drivers/libvirt/domain/aspects).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specs.checks.scope import wrong
from specs.compound import assignments, cells
from specs.errors import Finding
from specs.resource import Resource
from specs.units import format_size

_MIGRATABLE = ("host-passthrough", "maximum")


def findings(resource: Resource) -> Iterator[Finding]:
    """What does not fit together in the tuning of a VM or of an instance type."""
    yield from _cpu(resource)
    yield from _memory(resource)
    yield from _modules(resource)
    if resource.spec.boot is not None and resource.spec.boot.order is not None and _ordered(resource.spec):
        why = "libvirt takes an order of devices or one of classes"
        yield wrong(resource, "boot.order", "a device has a `bootOrder`", why, "use one of the two")


def _ordered(spec: Any) -> bool:
    lists = (getattr(spec, name, None) or () for name in ("disks", "cdroms", "nics", "host_devices"))
    return any(getattr(each, "boot_order", None) is not None for devices in lists for each in devices)


def _cpu(resource: Resource) -> Iterator[Finding]:
    spec, cpu = resource.spec, resource.spec.cpu
    if cpu is None:
        return
    if cpu.migratable is not None and cpu.model is not None and cpu.model not in _MIGRATABLE:
        why = f"it goes with {' and '.join(_MIGRATABLE)} only"
        yield wrong(resource, "cpu.migratable", f"the model is {cpu.model}", why, "leave it out")
    threads = assignments(cpu.iothread_pins or "")
    if spec.iothreads is not None and threads and not set(threads) <= set(range(1, spec.iothreads + 1)):
        what = f"there are {spec.iothreads} I/O threads"
        yield wrong(resource, "cpu.iothreadPins", what, "they are numbered from 1", "raise `iothreads`")
    most = cpu.max or cpu.count
    pins = assignments(cpu.pins or "")
    if most is not None and pins and max(pins) >= most and cpu.sockets is None and cpu.cores is None:
        why = f"there are {most} vCPUs, numbered from 0"
        yield wrong(resource, "cpu.pins", f"there is no vCPU {max(pins)}", why, "leave it out")


def _memory(resource: Resource) -> Iterator[Finding]:
    spec = resource.spec
    most = spec.memory_max or spec.memory
    if spec.numa is not None and spec.numa.cells and most is not None:
        total = sum(amount for _, amount in cells(spec.numa.cells))
        if total != most:
            what = f"the cells have {format_size(total)}, the machine {format_size(most)}"
            yield wrong(resource, "numa.cells", what, "together, they are all of `memoryMax`", "change one of them")
    policy = spec.memory_policy
    if policy is not None and spec.memory is not None and (policy.guaranteed or 0) > spec.memory:
        what = f"{format_size(policy.guaranteed)} are more than the machine's {format_size(spec.memory)}"
        yield wrong(resource, "memoryPolicy.guaranteed", what, "", "make it at most `memory`")
    if policy is not None and policy.ballooning is False and spec.memory is not None and most != spec.memory:
        what, why = "there is no balloon, and `memory` is less than `memoryMax`", "the guest gets all of it"
        yield wrong(resource, "memoryPolicy.ballooning", what, why, "leave `memoryMax` out")


def _modules(resource: Resource) -> Iterator[Finding]:
    spec = resource.spec
    room, modules = spec.memory_hotplug, getattr(spec, "memory_modules", None) or ()
    if room is not None and (room.max is None or room.slots is None):
        yield wrong(resource, "memoryHotplug", "it needs both max and slots", "", "write both")
    if modules and (room is None or spec.numa is None or not spec.numa.cells):
        why = "a module belongs to a NUMA cell, and room for it is kept from the start"
        yield wrong(resource, "memoryModules", "there is no room for them", why, "declare memoryHotplug and numa.cells")
    for each in modules:
        path = f"memoryModules[{each.name}]"
        if each.size is None:
            yield wrong(resource, path, "it has no size", "", "write `size:`")
        if each.model != "virtio-mem" and (each.requested is not None or each.block is not None):
            yield wrong(resource, path, "a DIMM does not change its size", "", "write `model: virtio-mem`")
        if each.size is not None and each.requested is not None and each.requested > each.size:
            yield wrong(resource, f"{path}.requested", "it is more than the module has", "", "raise `size`")
