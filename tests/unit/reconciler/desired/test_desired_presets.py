"""What the kind of work and the guest's system say about a new VM, and what they leave alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.seen import Capabilities
from reconciler.desired import defaults
from reconciler.desired.resolve import Sources, resolve
from reconciler.desired.wanted import WantedVm
from specs.fields import Fields, Secret
from specs.load import load
from specs.tree import Folder
from tests.unit.reconciler.desired.test_desired_vm import REPOSITORY

KVM, TCG = Capabilities(kvm=True), Capabilities(kvm=False)


def wanted(says: str, folder: Path) -> WantedVm:
    (folder / "gitvirt.yaml").write_text(REPOSITORY.replace(" SAYS", says), encoding="utf-8")
    loaded = resolve(load(Folder(folder)), "r1", Sources(files={}, reveal=lambda secret, where: Secret("")))
    return loaded.vms["web"]


def made(says: str, folder: Path, capabilities: Capabilities = TCG) -> Fields:
    return defaults.new_vm(wanted(says, folder), capabilities)


def test_nothing_changes_for_a_server_with_a_system_that_knows_virtio(tmp_path: Path) -> None:
    plain = made("", tmp_path)
    assert made(", type: server", tmp_path) == plain
    assert made(", os: debian12", tmp_path) == plain
    assert made(", os: something-new-3", tmp_path) == plain


def test_windows_gets_its_clock_and_with_kvm_its_enlightenments(tmp_path: Path) -> None:
    emulated, real = made(", os: win10", tmp_path), made(", os: win10", tmp_path, KVM)
    assert emulated["clock.offset"] == real["clock.offset"] == "localtime"
    assert "hyperv" not in emulated
    assert "relaxed" in str(real["hyperv"])
    assert (emulated["machine"], emulated["firmware"]) == ("q35", "bios")


@pytest.mark.parametrize("system", ["win11", "win2k25", "win12"])
def test_the_newest_windows_gets_what_its_setup_asks_for(system: str, tmp_path: Path) -> None:
    fields = made(f", os: {system}", tmp_path)
    assert (fields["firmware"], fields["uefi.secureBoot"], fields["tpm.version"]) == ("uefi", True, "2.0")


@pytest.mark.parametrize(
    ("system", "disk", "nic"),
    [
        ("win10", "sata", "e1000e"), ("win2k22", "sata", "e1000e"), ("winxp", "ide", "rtl8139"),
        ("win2k", "ide", "rtl8139"), ("win2k3r2", "ide", "rtl8139"), ("win2k8", "sata", "e1000e"),
        ("solaris11", "sata", "e1000"), ("fedora40", "virtio", "virtio"), ("freebsd14.0", "virtio", "virtio"),
    ],
)  # fmt: skip
def test_devices_are_those_that_the_system_has_drivers_for(system: str, disk: str, nic: str) -> None:
    creation = {"os": system}
    assert defaults.new_entry("disks", {}, creation)["bus"] == disk
    assert defaults.new_entry("nics", {}, creation)["model"] == nic
    assert defaults.new_entry("disks", {"bus": "scsi"}, creation)["bus"] == "scsi"


def test_high_performance_goes_without_what_costs_and_takes_the_host_s_cpu(tmp_path: Path) -> None:
    fields = made(", type: highPerformance", tmp_path, KVM)
    assert (fields["graphics.type"], fields["iothreads"], fields["memoryPolicy.ballooning"]) == ("none", 1, False)
    assert (fields["cpu.model"], fields["cpu.cache"]) == ("host-passthrough", "passthrough")
    emulated = made(", type: highPerformance", tmp_path)
    assert emulated["cpu.model"] == "maximum"
    assert "cpu.cache" not in emulated
    assert "graphics.listen" not in emulated


def test_the_balloon_stays_where_memory_can_be_given_later(tmp_path: Path) -> None:
    fields = made(", memoryMax: 128MiB, type: highPerformance", tmp_path)
    assert "memoryPolicy.ballooning" not in fields


def test_what_is_declared_wins_and_presets_are_never_declared(tmp_path: Path) -> None:
    says = ", os: win11, type: desktop, firmware: bios, clock: utc, sound: none, tpm: false"
    vm = wanted(says, tmp_path)
    fields = defaults.new_vm(vm, TCG)
    assert (fields["clock.offset"], fields["sound"], fields["tpm.enabled"]) == ("utc", "none", False)
    assert "uefi.secureBoot" not in fields
    assert vm.creation["os"] == "win11"
    assert vm.creation["type"] == "desktop"
    assert not {"inputs.tablet", "type", "os"} & set(vm.fields)
