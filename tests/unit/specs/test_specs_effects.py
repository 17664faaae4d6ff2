"""Effect rules: the least harmful way that libvirt has, by field, values and observed facts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs.effects import RULES, Effect, Facts, UnknownField, effect_of, rule_of, worst
from specs.fields import Scalar
from specs.kinds import KINDS

GIB = 2**30
RUNNING = Facts(running=True, live={"cpu.max": 8, "memoryMax": 8 * GIB, "cpu.count": 2, "memory": 2 * GIB})
OFF = Facts(running=False)
VM = [(path, rule) for path, rule in KINDS["VirtualMachine"].rules.items()]


def vm(path: str, before: Scalar, after: Scalar, facts: Facts = RUNNING) -> Effect:
    return effect_of("VirtualMachine", path, before, after, facts)


@pytest.mark.parametrize(
    ("path", "before", "after", "effect"),
    [
        ("cpu.count", 2, 4, Effect.HOTPLUG),
        ("cpu.count", 2, 8, Effect.HOTPLUG),
        ("cpu.count", 2, 9, Effect.RESTART),
        ("cpu.count", 4, 2, Effect.RESTART),
        ("cpu.max", 8, 16, Effect.RESTART),
        ("cpu.model", "host-model", "maximum", Effect.RESTART),
        ("memory", 2 * GIB, 4 * GIB, Effect.HOTPLUG),
        ("memory", 2 * GIB, GIB, Effect.HOTPLUG),
        ("memory", 2 * GIB, 9 * GIB, Effect.RESTART),
        ("memoryMax", 8 * GIB, 16 * GIB, Effect.RESTART),
        ("disks[root].size", GIB, 2 * GIB, Effect.LIVE),
        ("disks[root].size", 2 * GIB, GIB, Effect.FORBIDDEN),
        ("disks[root].bus", "virtio", "scsi", Effect.RESTART),
        ("disks[root].image", "a", "b", Effect.CREATION),
        ("disks[root].storageDomain", "a", "b", Effect.FORBIDDEN),
        ("disks[root].source", "/a", "/b", Effect.RESTART),
        ("disks[data]", None, "virtio", Effect.HOTPLUG),
        ("disks[data]", None, "", Effect.HOTPLUG),
        ("disks[data]", "scsi", None, Effect.HOTPLUG),
        ("disks[data]", "sata", None, Effect.RESTART),
        ("disks[data]", None, "ide", Effect.RESTART),
        ("cdroms[setup]", None, "sata", Effect.RESTART),
        ("cdroms[setup]", None, "scsi", Effect.HOTPLUG),
        ("cdroms[setup]", "usb", None, Effect.HOTPLUG),
        ("cdroms[setup]", "", None, Effect.RESTART),
        ("cdroms[setup].source", "/a.iso", "", Effect.LIVE),
        ("nics[lan]", None, "virtio", Effect.HOTPLUG),
        ("nics[lan]", "virtio", None, Effect.HOTPLUG),
        ("nics[lan].network", "lan", "office", Effect.LIVE),
        ("nics[lan].link", "up", "down", Effect.LIVE),
        ("nics[lan].mac", "52:54:00:00:00:01", "52:54:00:00:00:02", Effect.RESTART),
        ("nics[lan].model", "virtio", "e1000e", Effect.RESTART),
        ("graphics.password", "hmac:a", "hmac:b", Effect.LIVE),
        ("graphics.listen", "127.0.0.1", "0.0.0.0", Effect.RESTART),
        ("machine", "q35", "pc", Effect.OFFLINE),
        ("firmware", "bios", "uefi", Effect.OFFLINE),
        ("emulation", "tcg", "kvm", Effect.OFFLINE),
        ("description", "a", "b", Effect.LIVE),
        ("labels", "a", "b", Effect.LIVE),
        ("agent", True, False, Effect.HOTPLUG),
        ("serial", False, True, Effect.RESTART),
        ("cloudInit", "a", "b", Effect.CREATION),
        ("uuid", "a", "b", Effect.FORBIDDEN),
        ("cluster", "a", "b", Effect.MIGRATE),
        ("state", "running", "stopped", Effect.LIVE),
    ],
    ids=str,
)
def test_a_change_of_a_running_vm_has_this_effect(path: str, before: Scalar, after: Scalar, effect: Effect) -> None:
    assert vm(path, before, after) is effect


def test_without_a_known_maximum_nothing_is_promised() -> None:
    assert vm("memory", 1, 2, Facts(running=True)) is Effect.RESTART
    assert vm("cpu.count", 1, 2, Facts(running=True)) is Effect.RESTART


@pytest.mark.parametrize(("path", "rule"), VM)
def test_nothing_interrupts_a_vm_that_is_off(path: str, rule: str) -> None:
    for before, after in ((2, 1), (1, 2), ("a", "b"), (None, "sata")):
        effect = vm(path.replace("*", "x"), before, after, OFF)
        assert effect in (Effect.LIVE, Effect.CREATION, Effect.RECREATE, Effect.FORBIDDEN)


def test_shrinking_a_disk_is_forbidden_even_if_the_vm_is_off() -> None:
    assert vm("disks[root].size", 2, 1, OFF) is Effect.FORBIDDEN


@pytest.mark.parametrize(("path", "rule"), VM)
def test_a_field_that_is_no_longer_declared_is_released_and_nothing_is_done(path: str, rule: str) -> None:
    if not path.endswith("]"):
        assert vm(path.replace("*", "x"), 5, None) is Effect.NONE


def test_networks_restart_for_what_libvirt_cannot_update() -> None:
    assert effect_of("Network", "subnet", "a", "b", RUNNING) is Effect.RESTART
    assert effect_of("Network", "bridge", "a", "b", RUNNING) is Effect.RESTART
    assert effect_of("Network", "domain", "a", "b", RUNNING) is Effect.RESTART
    assert effect_of("Network", "dhcp.end", "a", "b", RUNNING) is Effect.LIVE
    assert effect_of("Network", "hosts[nas].mac", "a", "b", RUNNING) is Effect.LIVE
    assert effect_of("Network", "dns[192.168.1.5].names", "a", "b", RUNNING) is Effect.LIVE
    assert effect_of("Network", "subnet", "a", "b", OFF) is Effect.LIVE


def test_a_path_that_no_field_has_is_an_error() -> None:
    with pytest.raises(UnknownField, match="VirtualMachine has no field `disks"):
        vm("disks[root].colour", 1, 2)


def test_a_rule_is_found_by_the_path_of_an_entry() -> None:
    assert rule_of("VirtualMachine", "disks[root].size") == "disk-size"


def test_harm_orders_the_effects_and_a_note_does_none() -> None:
    ordered = sorted(Effect, key=lambda effect: effect.harm)
    assert ordered[:2] == [Effect.NONE, Effect.CREATION]
    assert ordered[2:] == [
        Effect.LIVE,
        Effect.HOTPLUG,
        Effect.MIGRATE,
        Effect.RESTART,
        Effect.OFFLINE,
        Effect.RECREATE,
        Effect.FORBIDDEN,
    ]
    assert worst([Effect.LIVE, Effect.RESTART, Effect.CREATION]) is Effect.RESTART
    assert worst([]) is Effect.NONE


SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=5))


@given(
    st.sampled_from(sorted(RULES)),
    SCALARS,
    SCALARS,
    st.dictionaries(st.sampled_from(["cpu.max", "memoryMax"]), SCALARS),
)
def test_a_rule_takes_any_values(rule: str, before: Scalar, after: Scalar, live: dict[str, Scalar]) -> None:
    assert RULES[rule](before, after, Facts(running=True, live=live)) in Effect
