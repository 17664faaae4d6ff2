"""Affinity and balancing in whole passes: VMs move on the simulated datacenter until the rules hold, and then rest."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from drivers.seen import Power
from reconciler import cycle
from reconciler.daemon.loads import Loads
from specs.structs import replace
from tests.flow.site import BASE, Site, host_yaml, vm_yaml

NAMES = ("a", "b", "c", "d")


def group(name: str, spec: str) -> str:
    return f"---\napiVersion: gitvirt/v1\nkind: AffinityGroup\nmetadata: {{name: {name}}}\nspec: {{{spec}}}\n"


APART = group("apart", "vmLabels: {tier: web}, vmRule: negative")


@pytest.fixture
def three(tmp_path: Path) -> Site:
    """Three hosts."""
    return Site(tmp_path / "three", hosts=3)


def hosts(site: Site, **maintenance: bool) -> None:
    texts = (host_yaml(name, ", maintenance: true" * maintenance.get(name, False)) for name in site.names)
    site.write("gitvirt.yaml", BASE + "".join(texts))


def web(site: Site, names: str, *groups: str, on: str = "") -> None:
    only = f"hosts: [{on}]" if on else ""
    site.vms(*(vm_yaml(name, only, metadata=", labels: {tier: web}") for name in names), *groups)


def where(site: Site, names: str) -> dict[str, str]:
    return {name: site.domain(name)[0] for name in names}


def until_quiet(site: Site, most: int = 20) -> int:
    """Passes until a plan is empty; how many acted."""
    for number in range(most):
        if not site.plan().steps:
            return number
        bad = [each.error for each in site.apply().outcomes.values() if each.error]
        assert not bad
        assert not site.world.doubles
    raise AssertionError("no end of passes")


def test_new_vms_of_a_negative_group_are_put_on_different_hosts(three: Site) -> None:
    web(three, "abc", APART)
    three.settle()
    assert len(set(where(three, "abc").values())) == 3


def test_a_vm_too_many_is_held_and_names_the_group(three: Site) -> None:
    web(three, "abcd", APART)
    held = [each.held.text for each in three.plan().changes if each.held]
    assert len(held) == 1
    assert "affinitygroup/apart" in held[0]


def test_vms_that_run_on_one_host_are_parted_one_in_each_pass_and_never_stop(three: Site) -> None:
    web(three, "abc", on="kvm1")
    three.settle()
    web(three, "abc", APART)
    plan = three.plan()
    assert [step.what.split(" to ")[0] for step in plan.steps] == ["migrate"]
    assert "affinitygroup/apart: not on one host with" in plan.changes[0].fields[0].note
    assert until_quiet(three) == 2
    assert len(set(where(three, "abc").values())) == 3
    for name in "abc":
        host, vm = three.domain(name)
        assert (vm.power, three.world.outside(host).domain(name).boots) == (Power.RUNNING, 1)


def test_a_rule_that_a_drain_broke_is_restored_when_the_host_is_back(three: Site) -> None:
    hosts(three)
    web(three, "abc", APART)
    three.settle()
    hosts(three, kvm3=True)
    assert "gives up affinitygroup/apart (apart)" in str([each.note for each in three.plan().changes[0].fields])
    until_quiet(three)
    assert set(where(three, "abc").values()) == {"kvm1", "kvm2"}
    hosts(three)
    assert until_quiet(three) == 1
    assert len(set(where(three, "abc").values())) == 3


def test_a_vm_that_is_off_is_relocated_to_the_host_that_a_rule_wants(three: Site) -> None:
    three.vms(vm_yaml("a", "state: stopped, hosts: [kvm1]"))
    three.settle()
    rule = group("g", "vms: [a], hosts: [kvm2], hostRule: positive")
    three.vms(vm_yaml("a", "state: stopped"), rule)
    until_quiet(three)
    assert where(three, "a") == {"a": "kvm2"}


@pytest.mark.parametrize("seed", range(6))
def test_random_rules_come_to_rest(three: Site, seed: int) -> None:
    chance = random.Random(seed)
    three.vms(*(vm_yaml(name, f"hosts: [{chance.choice(three.names)}]") for name in NAMES))
    three.settle()
    groups = []
    for number, two in enumerate(chance.sample(("ab", "bc", "cd"), chance.randint(1, 3))):  # no two contradict
        members = ", ".join(two)
        rule = f"{{polarity: {chance.choice(('positive', 'negative'))}, enforcing: {chance.choice(('true', 'false'))}}}"
        more = f", hosts: [{chance.choice(three.names)}], hostRule: {{polarity: positive, enforcing: false}}"
        groups.append(group(f"g{number}", f"vms: [{members}], vmRule: {rule}" + more * chance.randint(0, 1)))
    policy = "{policy: vm_evenly_distributed, parameters: {HighVmCount: 2, MigrationThreshold: 2}}"
    three.write("cluster.yaml", "apiVersion: gitvirt/v1\nkind: Cluster\nmetadata: {name: default}\n"
                f"spec: {{schedulingPolicy: {policy}}}\n")  # fmt: skip
    three.vms(*(vm_yaml(name) for name in NAMES), *groups)
    until_quiet(three)
    assert not three.world.damage


def test_what_a_host_s_loss_would_strand_is_a_warning(three: Site) -> None:
    three.write("cluster.yaml", "apiVersion: gitvirt/v1\nkind: Cluster\nmetadata: {name: default}\n"
                "spec: {haReservation: true}\n")  # fmt: skip
    three.vms(vm_yaml("a", "hosts: [kvm1], highAvailability: true"))
    texts = [each.text for each in three.plan().warnings]
    assert any("could not bear the loss of host/kvm1" in each and "vm/a" in each for each in texts)


def test_a_daemon_moves_a_vm_off_a_host_that_was_busy_for_minutes_and_then_measures_anew(tmp_path: Path) -> None:
    site = Site(tmp_path / "busy")  # two hosts of eight CPUs
    site.write("cluster.yaml", "apiVersion: gitvirt/v1\nkind: Cluster\nmetadata: {name: default}\n"
               "spec: {schedulingPolicy: evenly_distributed}\n")  # fmt: skip
    site.vms(vm_yaml("a", "hosts: [kvm1]"), vm_yaml("b", "hosts: [kvm1]"))
    site.settle()
    site.vms(vm_yaml("a"), vm_yaml("b"))
    loads = Loads(clock=lambda: site.clock.now)

    def pass_after(seconds: int) -> list[str]:
        site.clock.advance(seconds)
        for name in "ab":
            site.world.outside(site.domain(name)[0]).burn(name, 3.5 * seconds)
        for host in site.names:
            site.world.hosts[host].cpu_time += 1
        looked = cycle.look(site.revision_now(), replace(site.outside(), measured=loads.measured))
        site.act(looked)
        return [step.what for step in looked.plan.steps]

    assert pass_after(60) == pass_after(60) == []
    assert pass_after(60) == ["migrate to kvm2"]
    assert [pass_after(60) for _ in range(6)] == [[]] * 6
    assert {site.domain(name)[0] for name in "ab"} == {"kvm1", "kvm2"}
