"""Machines: a VM's numbers fit each other, its devices exist once, and its cluster has what it refers to."""

from __future__ import annotations

from collections.abc import Iterator

from specs import units
from specs.checks import console, devices, hostdevices, platform, policies, tuning
from specs.checks.scope import Scope, wrong
from specs.errors import Finding
from specs.resource import Resource

_LEAST_MEMORY = 4 * 2**20
_KIB = 1024
_MOST_MEMORY = 2**52
_MOST_CPUS = 4096


def findings(scope: Scope) -> Iterator[Finding]:
    """What is wrong with VMs and instance types."""
    for resource in (*scope.of("VirtualMachine"), *scope.of("InstanceType")):
        yield from _memory(resource)
        yield from _cpu(resource)
        yield from console.findings(resource)
        yield from platform.findings(resource)
        yield from tuning.findings(resource)
    for vm in scope.of("VirtualMachine"):
        yield from devices.findings(scope, vm)
        yield from policies.findings(scope, vm)
    yield from hostdevices.findings(scope)
    yield from policies.of_repository(scope)


def _memory(resource: Resource) -> Iterator[Finding]:
    memory, most = resource.spec.memory, resource.spec.memory_max
    for path, size in (("memory", memory), ("memoryMax", most)):
        if size is not None and size < _LEAST_MEMORY:
            shown = units.format_size(size)
            yield wrong(resource, path, f"{shown} is too little to boot", "the least is 4MiB", "did you mean GiB?")
        elif size is not None and size > _MOST_MEMORY:
            shown, why = units.format_size(size), "a guest addresses at most 4PiB"
            yield wrong(resource, path, f"{shown} of memory", why, "did you mean MiB or GiB?")
        elif size is not None and size % _KIB:
            yield wrong(resource, path, f"{size} bytes", "libvirt counts memory in KiB", "use whole KiB, MiB or GiB")
    if memory is not None and most is not None and most < memory:
        what = f"{units.format_size(most)} is less than `memory` ({units.format_size(memory)})"
        yield wrong(resource, "memoryMax", what, "it is the most that the guest can get", "raise it, or lower `memory`")


def _cpu(resource: Resource) -> Iterator[Finding]:
    cpu = resource.spec.cpu
    if cpu is None:
        return
    per_socket = (cpu.cores or 1) * (cpu.threads or 1)
    shaped = any(each is not None for each in (cpu.sockets, cpu.cores, cpu.threads))
    product = (cpu.sockets or 1) * per_socket
    most = cpu.max or (product if shaped else None)
    if cpu.max is not None and cpu.max % per_socket:
        why = f"a socket has {per_socket} (cores × threads)"
        yield wrong(resource, "cpu.max", f"{cpu.max} is no multiple of {per_socket}", why, "change one of them")
    elif cpu.max is not None and cpu.sockets is not None and cpu.max != product:
        why = f"sockets × cores × threads is {product}"
        yield wrong(
            resource, "cpu.max", f"{cpu.max} does not fit the topology", why, "change one, or leave `sockets` out"
        )
    elif most is not None and most > _MOST_CPUS:
        why = "no machine has so many"
        yield wrong(resource, "cpu", f"{most} vCPUs are more than {_MOST_CPUS}", why, "lower sockets, cores or threads")
    elif most is not None and cpu.count is not None and cpu.count > most:
        why = f"there are at most {most}"
        yield wrong(resource, "cpu.count", f"{cpu.count} vCPUs cannot be online", why, "raise `max` or the topology")
