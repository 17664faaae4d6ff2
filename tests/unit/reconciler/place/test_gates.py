"""Gates: what a host lacks for a field, in words that name what can."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.seen import Capabilities, SeenHost, SeenNetwork
from reconciler.desired.hardware import patterns
from reconciler.place.hosts.gates import GATES, absent, lacking, untagged
from specs.fields import Scalar


def host(**given: Any) -> SeenHost:
    able = Capabilities(
        **{key: given.pop(key) for key in ("offers", "graphics", "firmwares", "devices", "machines") if key in given}
    )
    return SeenHost(
        **{"name": "kvm1", "uuid": "", "libvirt": 9_000_000, "hypervisor": 7_002_000, **given}, capabilities=able
    )


@pytest.mark.parametrize(
    ("path", "value", "given", "told"),
    [
        ("panic", "pvpanic", {}, "the panic device on PCI needs libvirt 9.1.0; kvm1 has 9.0.0"),
        ("panic", "pvpanic", {"libvirt": 9_001_000}, None),
        ("panic", "isa", {}, None),
        ("graphics.vnc.clipboard", True, {"hypervisor": 6_000_000}, "needs QEMU 6.1.0; kvm1 has 6.0.0"),
        ("graphics.vnc.clipboard", False, {"hypervisor": 6_000_000}, None),
        ("graphics.type", "both", {"graphics": frozenset({"vnc"})}, "QEMU on kvm1 has no SPICE (it has vnc)"),
        ("graphics.type", "vnc", {"graphics": frozenset({"vnc"})}, None),
        ("graphics.type", "spice", {}, None),
        ("firmware", "uefi", {"firmwares": frozenset({"bios"})}, "no firmware uefi (it has bios)"),
        ("tpm.enabled", True, {"offers": {"tpm.supported": frozenset({"no"})}}, "QEMU on kvm1 has no TPM"),
        ("tpm.model", "tpm-crb", {"offers": {"tpm.model": frozenset({"tpm-tis"})}}, "no TPM tpm-crb (it has tpm-tis)"),
        ("video.model", "qxl", {"offers": {"video.modelType": frozenset({"vga"})}}, "no video card qxl (it has vga)"),
        (
            "machine",
            "pc-q35-9.2",
            {"machines": frozenset({"q35", "pc-q35-7.2"})},
            "QEMU on kvm1 has no machine pc-q35-9.2",
        ),
        ("machine", "q35", {"machines": frozenset({"q35", "pc-q35-7.2"})}, None),
        ("memory", 1 << 30, {}, None),
    ],
)
def test_a_host_says_what_it_lacks(path: str, value: Scalar, given: dict[str, Any], told: str | None) -> None:
    found = [why for where, why in lacking({path: value}, host(**given)) if where == path]
    assert (found == []) if told is None else any(told in each for each in found), found


def test_a_device_that_the_host_does_not_have_is_told_unless_it_may_lack() -> None:
    fields = {
        "hostDevices[gpu].address": "0000:65:00.0", "hostDevices[net].address": "0000:01:00.0",
        "hostDevices[key].address": "046d:c52b", "hostDevices[key].startup": "optional",
    }  # fmt: skip
    found = list(absent(fields, host(devices=frozenset({"0000:01:00.0"}))))
    assert found == [("hostDevices[gpu].address", "kvm1 has no device 0000:65:00.0")]
    assert list(absent(fields, host())) == []


def test_a_host_of_unknown_version_is_not_kept_from_trying() -> None:
    assert list(lacking({"panic": "pvpanic", "tpm.enabled": True}, host(libvirt=0, hypervisor=0))) == []


def test_what_is_missed_at_the_start_only_does_not_matter_to_a_vm_that_is_kept_off() -> None:
    bare = host(offers={"nwfilter": frozenset()})
    fields = {"nics[lan].filter": "clean-traffic"}
    assert list(lacking(fields, bare)) == [("nics[lan].filter", "kvm1 has no network filter clean-traffic")]
    assert list(lacking(fields, bare, off=True)) == []


def test_every_gate_is_about_a_field() -> None:
    assert {each.path for each in GATES} <= set(patterns())


@pytest.mark.parametrize(
    ("nic", "libvirt", "told"),
    [
        ({"network": "bridge:br0"}, 9_000_000, "a VLAN tag on bridge:br0 needs Open vSwitch, or libvirt 11.0.0"),
        ({"network": "lan"}, 10_000_000, "a VLAN tag on lan needs"),
        ({"network": "bridge:br0"}, 11_000_000, None),
        ({"network": "bridge:br0", "virtualPort.type": "openvswitch"}, 9_000_000, None),
        ({"network": "switch"}, 9_000_000, None),
        ({"network": "new"}, 9_000_000, None),
    ],
)
def test_tags_that_a_bridge_would_not_take_are_told(nic: dict[str, Scalar], libvirt: int, told: str | None) -> None:
    there = tuple(
        SeenNetwork(name=name, uuid="", active=True, config={"type": kind})
        for name, kind in (("lan", "nat"), ("switch", "bridge"))
    )
    fields = {f"nics[n].{key}": value for key, value in {**nic, "vlan.tags": "42"}.items()}
    found = list(untagged(fields, host(libvirt=libvirt, networks=there)))
    assert (found == []) if told is None else (found[0][0] == "nics[n].vlan.tags" and told in found[0][1]), found
    assert list(untagged({"nics[n].network": "lan"}, host(networks=there))) == []
