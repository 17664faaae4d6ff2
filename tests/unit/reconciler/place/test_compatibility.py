"""Whether a VM of one host can live on another."""

from __future__ import annotations

import pytest

from drivers.node import CpuModel
from drivers.seen import Capabilities, SeenHost
from reconciler.place.hosts.compatibility import why_not
from specs.fields import Fields
from specs.structs import replace

EPYC = CpuModel(name="EPYC", vendor="AMD", requires=frozenset({"x2apic"}))
KVM = Capabilities(
    kvm=True,
    machines=frozenset({"pc-q35-7.2"}),
    offers={
        "cpu.kvm": frozenset({"EPYC", "Opteron_G3"}), "cpu.tcg": frozenset({"qemu64"}),
        "loader.path": frozenset({"/fw/a"}),
    },
)  # fmt: skip
OTHER = {**KVM.offers, "loader.path": frozenset({"/fw/b"})}
HERE = SeenHost(
    name="kvm1", uuid="h-1", libvirt=9_000_000, hypervisor=7_002_000, capabilities=KVM, cpu_model=EPYC,
    tsc=2_600_000_000,
)  # fmt: skip
THERE = replace(HERE, name="kvm2", uuid="h-2")
VM: Fields = {"arch": "x86_64", "emulation": "kvm", "machine": "pc-q35-7.2", "cpu.model": "EPYC"}


def test_nothing_speaks_against_an_equal_host() -> None:
    for model in ("EPYC", "host-model", "host-passthrough", "maximum"):
        assert why_not({**VM, "cpu.model": model}, HERE, THERE) == ""


@pytest.mark.parametrize(
    ("fields", "changes", "why"),
    [
        ({}, {"capabilities": replace(KVM, arch="aarch64")}, "kvm2 is aarch64, the VM x86_64"),
        ({}, {"capabilities": replace(KVM, kvm=False)}, "kvm2 has no KVM"),
        ({}, {"capabilities": replace(KVM, machines=frozenset({"pc-q35-6.0"}))}, "has no machine pc-q35-7.2"),
        ({}, {"libvirt": 8_009_000}, "kvm2 has libvirt 8.9.0, kvm1 9.0.0: a running VM can only go to the same"),
        ({}, {"hypervisor": 7_001_000}, "kvm2 has QEMU 7.1.0, kvm1 7.2.0"),
        ({}, {"capabilities": replace(KVM, offers={"cpu.kvm": frozenset({"Opteron_G3"})})}, "cannot provide its CPU"),
        ({"cpu.model": "host-passthrough"}, {"cpu_model": replace(EPYC, requires=frozenset())}, "has another CPU"),
        ({"cpu.model": "host-model"}, {"cpu_model": replace(EPYC, requires=frozenset())}, "kvm2 lacks x2apic"),
        ({"cpu.model": "host-model"}, {"cpu_model": replace(EPYC, disables=frozenset({"sha"}))}, "kvm2 lacks sha"),
        ({"cpu.model": "host-model"}, {"cpu_model": CpuModel(name="Haswell", vendor="Intel")}, "has one of Intel"),
        ({"cpu.features": "+aes"}, {"cpu_model": replace(EPYC, disables=frozenset({"aes"}))}, "cannot provide aes"),
        ({"cpu.model": "maximum", "emulation": "tcg"}, {"hypervisor": 8_000_000}, "kvm2 has QEMU 8.0.0"),
        ({"firmware": "uefi"}, {"capabilities": replace(KVM, offers=OTHER)}, "none of the UEFI firmware of kvm1"),
        (
            {"firmware": "uefi", "uefi.loader": "/fw/a"},
            {"capabilities": replace(KVM, offers=OTHER)},
            "kvm2 has no firmware /fw/a",
        ),
        ({"cpu.features": "+invtsc"}, {"tsc": 2_000_000_000}, "the counter of kvm2 has 2000000000 Hz"),
        ({"hostDevices[gpu].address": "0000:65:00.0"}, {}, "it has a device of kvm1 (hostDevices[gpu])"),
    ],
)
def test_what_the_other_host_lacks_is_told(fields: Fields, changes: dict[str, object], why: str) -> None:
    assert why in why_not({**VM, **fields}, HERE, replace(THERE, **changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("tsc", [0, 2_600_000_000, 2_600_500_000])
def test_a_time_stamp_counter_that_is_unknown_or_near_is_no_hindrance(tsc: int) -> None:
    steady = {**VM, "cpu.features": "+invtsc", "firmware": "uefi"}
    assert why_not(steady, HERE, replace(THERE, tsc=tsc)) == ""


def test_newer_programs_are_no_hindrance() -> None:
    newer = replace(THERE, libvirt=11_003_000, hypervisor=10_000_000)
    assert why_not(VM, HERE, newer) == ""
    assert "libvirt" in why_not(VM, newer, HERE)


@pytest.mark.parametrize("model", ["host-model", "host-passthrough", "maximum"])
def test_a_stopped_vm_takes_the_cpu_of_its_new_host(model: str) -> None:
    other = replace(THERE, libvirt=8_000_000, cpu_model=CpuModel(name="Haswell", vendor="Intel"))
    assert why_not({**VM, "cpu.model": model}, HERE, other, running=False) == ""


def test_what_the_vm_lacks_already_keeps_it_from_nothing() -> None:
    odd = {**VM, "cpu.model": "Nehalem", "machine": "pc-q35-9.9"}
    assert why_not(odd, HERE, THERE) == ""


def test_a_host_that_tells_nothing_is_left_to_libvirt() -> None:
    silent = SeenHost(name="kvm3", uuid="h-3", capabilities=Capabilities(kvm=True))
    for model in ("EPYC", "host-model", "host-passthrough"):
        assert why_not({**VM, "cpu.model": model}, HERE, silent) == ""
