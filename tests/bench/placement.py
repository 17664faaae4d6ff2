"""`python -m tests.bench.placement`: how long placing VMs takes, and how it grows. Part of `make bench`; needs no root.

Places VMs of eight sizes, some with preferred hosts, some kept apart by affinity groups, some highly available, on
hosts of three sizes. Only placement is timed: what it knows of the world is made before. Asserts nothing.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

from drivers.seen import Capabilities, SeenHost
from reconciler.desired.affinity import WantedAffinity
from reconciler.desired.resolve import Sources, resolve
from reconciler.desired.wanted import Wanted, WantedVm
from reconciler.diff.context import Context
from reconciler.observe.observed import Observed
from reconciler.place.choose import choose, demand, survey
from reconciler.place.room import Room, furnish
from specs.fields import Secret
from specs.load import load
from specs.resource import Ref
from specs.structs import replace
from specs.tree import TreeFile

GIB = 1 << 30
SIZES = ((1000, 1000), (10_000, 1000), (1000, 100))  # VMs, hosts
NAIVE = 30  # VMs that are placed by asking every host anew, to compare
TEXT = b"""
apiVersion: gitvirt/v1
kind: Repository
metadata: {name: bench}
spec: {id: 5a1d1f0e-6f0f-4c7b-9d8e-0f3c6f6e5b11}
---
apiVersion: gitvirt/v1
kind: Host
metadata: {name: kvm}
spec: {uri: "qemu+tls://kvm/system"}
---
apiVersion: gitvirt/v1
kind: Network
metadata: {name: lan}
spec: {subnet: 10.0.0.0/8}
---
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata: {name: vm}
spec: {cpu: 1, memory: 1GiB, nics: [lan], machine: q35, graphics: vnc, tpm: {enabled: true}}
"""


class _Text:
    label = "bench"

    def files(self) -> Iterator[TreeFile]:
        yield TreeFile(path="gitvirt.yaml", size=len(TEXT))

    def read(self, path: str) -> bytes:
        return TEXT


def main() -> None:
    for line in lines():
        print(line, flush=True)


def lines() -> Iterator[str]:
    """One line for each size, then what a tenfold number costs."""
    took = {}
    for vms, hosts in SIZES:
        wanted = site(vms, hosts)
        took[vms, hosts] = seconds = placing(wanted)
        yield (
            f"place {vms:,} VMs on {hosts:,} hosts: {seconds:.2f} s, {seconds / vms * 1e6:.0f} us each"
            f" (asking every host anew: {naive(wanted) / NAIVE * 1e6:.0f} us each)"
        )
    few, many, small = (took[each] for each in SIZES)
    yield f"ten times the VMs: {many / few:.1f} times; ten times the VMs and the hosts: {many / small:.1f} times"


def site(vms: int, hosts: int) -> Wanted:
    """A repository of that size."""
    one = resolve(load(_Text()), "r1", Sources(files={}, reveal=lambda ref, where: Secret("")))
    names = tuple(f"kvm{number:04}" for number in range(hosts))
    host, vm, network = one.hosts["kvm"], one.vms["vm"], one.networks["lan"]
    made = (_vm(replace(vm, hosts=names), number, names) for number in range(vms))
    apart = (
        WantedAffinity(
            ref=Ref("AffinityGroup", f"g{first}"), name=f"g{first}", cluster=vm.cluster, location=vm.location,
            vms=tuple(f"vm{first + each:05}" for each in range(3)), vm_rule="negative", vm_hard=True,
            priority=1, hosts=(), host_rule="", host_hard=False, holds=False,
        )
        for first in range(0, vms - 3, 30)
    )  # fmt: skip
    return replace(
        one,
        hosts={name: replace(host, name=name) for name in names},
        vms={each.name: each for each in made},
        networks={"lan": replace(network, hosts=names)},
        affinity={each.name: each for each in apart},
    )


def _vm(vm: WantedVm, number: int, hosts: tuple[str, ...]) -> WantedVm:
    """One in twenty prefers two hosts, one in ten is highly available."""
    cpus, memory = (1, 1, 2, 4)[number % 4], (GIB, 2 * GIB)[number // 4 % 2]
    preferred = (hosts[number % 100], hosts[number % 50]) if number % 20 == 0 else ()
    return replace(
        vm,
        name=f"vm{number:05}",
        ref=Ref("VirtualMachine", f"vm{number:05}"),
        fields={
            **vm.fields,
            "cpu.count": cpus,
            "memory": memory,
            "nics[lan].mac": f"52:54:00:00:{number % 251:02x}:01",
        },
        preferred=preferred,
        ha_priority=50 if number % 10 == 3 else 0,
    )


def room(wanted: Wanted) -> Room:
    """What placement knows: all hosts are empty and up."""
    hosts = {
        name: SeenHost(
            name=name, uuid=name, cpus=(16, 32, 64)[number % 3], memory=(64, 96, 128)[number % 3] * GIB,
            memory_free=(64, 96, 128)[number % 3] * GIB - number * (1 << 20), capabilities=Capabilities(kvm=True),
        )
        for number, name in enumerate(wanted.hosts)
    }  # fmt: skip
    context = Context(wanted=wanted, observed=Observed(hosts=hosts), now=1, digest=str)
    return furnish(context, dict.fromkeys(((name, "lan") for name in hosts), ""), {})


def placing(wanted: Wanted) -> float:
    """Seconds of CPU for all VMs: it is one thread, so on an idle machine those of the clock."""
    there = room(wanted)
    began = time.process_time()
    for vm in wanted.vms.values():
        choose(demand(vm), there)
    return time.process_time() - began


def naive(wanted: Wanted) -> float:
    """Seconds for a few VMs, each host asked anew for each."""
    there = room(wanted)
    began = time.process_time()
    for vm in list(wanted.vms.values())[:NAIVE]:
        asked = demand(vm)
        there.take(asked, survey(asked, there).host)
    return time.process_time() - began


if __name__ == "__main__":
    main()
