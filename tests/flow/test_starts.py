"""Starts of VMs that exist: only where hard rules and `hosts:` let them run, and apart if they have to be."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from drivers.seen import Power
from reconciler.diff.change import HeldReason
from reconciler.operations import power
from reconciler.plan.plan import MigrateVm, Plan, RelocateVm, StartVm
from tests.flow.leaving import LOCAL
from tests.flow.operator import FORCE, PLAIN, Operator
from tests.flow.site import BASE, Site, host_yaml, said, vm_yaml


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path, hosts=3)


def group(spec: str) -> str:
    return f"---\napiVersion: gitvirt/v1\nkind: AffinityGroup\nmetadata: {{name: rule}}\nspec: {{{spec}}}\n"


def off(site: Site, *names: str, more: str = "") -> None:
    """VMs on kvm1 that do not run."""
    site.vms(*(vm_yaml(name, f"{more}state: stopped, hosts: [kvm1]") for name in names))
    site.settle()


def emptied(site: Site, *hosts: str) -> None:
    site.write(
        "gitvirt.yaml", BASE + "".join(host_yaml(name, ", maintenance: true" * (name in hosts)) for name in site.names)
    )


def starts(plan: Plan) -> dict[str, str]:
    return {step.ref.name: step.host for step in plan.steps if isinstance(step.call, StartVm)}


def why_off(plan: Plan, name: str) -> str:
    [field] = [
        each for change in plan.changes if change.ref.name == name for each in change.fields if each.path == "state"
    ]
    assert field.held is not None, said(plan)
    assert field.held.reason is HeldReason.NO_HOST
    return field.held.text


def test_vms_that_must_be_apart_are_started_apart_though_they_lie_on_one_host(site: Site) -> None:
    off(site, *"abc")
    site.write("rule.yaml", group("vms: [a, b, c], vmRule: negative"))
    site.vms(*(vm_yaml(name) for name in "abc"))
    plan = site.plan()
    assert sorted(starts(plan).values()) == site.names, said(plan)
    site.settle()
    assert all(site.domain(name)[1].power == Power.RUNNING for name in "abc")


def test_a_vm_that_is_off_gives_way_to_one_that_runs(site: Site) -> None:
    site.vms(vm_yaml("runs", "hosts: [kvm1]"), vm_yaml("starts", "state: stopped, hosts: [kvm1]"))
    site.settle()
    site.write("rule.yaml", group("vms: [runs, starts], vmRule: negative"))
    site.vms(vm_yaml("runs"), vm_yaml("starts"))
    plan = site.plan()
    assert not [step for step in plan.steps if isinstance(step.call, MigrateVm)], said(plan)
    assert [step.ref.name for step in plan.steps if isinstance(step.call, RelocateVm)] == ["starts"]


def test_a_vm_starts_where_those_run_that_it_belongs_to(site: Site) -> None:
    site.vms(vm_yaml("runs", "hosts: [kvm2]"), vm_yaml("starts", "state: stopped, hosts: [kvm1]"))
    site.settle()
    site.write("rule.yaml", group("vms: [runs, starts], vmRule: positive"))
    site.vms(vm_yaml("runs"), vm_yaml("starts"))
    assert starts(site.plan()) == {"starts": "kvm2"}


@pytest.mark.parametrize(
    ("rule", "spec", "told"),
    [
        ("vms: [a], hosts: [kvm2], hostRule: positive", "", "affinitygroup/rule wants it on kvm2"),
        ("", "hosts: [kvm2]", "its `hosts:` does not name it"),
    ],
)
def test_nothing_is_started_on_a_host_that_is_not_allowed_to_it(site: Site, rule: str, spec: str, told: str) -> None:
    off(site, "a")
    site.write("rule.yaml", group(rule) if rule else "")
    site.vms(vm_yaml("a", spec))
    emptied(site, "kvm2")
    plan = site.plan()
    assert not starts(plan), said(plan)
    assert told in why_off(plan, "a")
    emptied(site)
    assert starts(site.plan()) == {"a": "kvm2"}


def test_of_two_that_cannot_leave_one_host_the_more_important_is_started(site: Site) -> None:
    for name in site.names:
        site.world.add_directory("/srv/local", hosts=[name])
    site.write("local.yaml", LOCAL)
    bound = "=cpu: 1, memory: 96MiB, storageDomain: local, disks: [{name: root, size: 1GiB}], "
    off(site, "a", "b", more=bound)
    site.write("rule.yaml", group("vms: [a, b], vmRule: negative"))
    site.vms(vm_yaml("a", f"{bound}state: running"), vm_yaml("b", f"{bound}highAvailability: true"))
    plan = site.plan()
    assert starts(plan) == {"b": "kvm1"}, said(plan)
    assert "vm/b is there" in why_off(plan, "a")


def test_rules_between_vms_do_not_hold_a_start_up_while_a_host_is_emptied(site: Site) -> None:
    site.vms(*(vm_yaml(name) for name in "abc"))
    site.write("rule.yaml", group("vms: [a, b, c], vmRule: negative"))
    site.settle()
    emptied(site, "kvm1")
    assert site.apply().good
    [(crowded, _)] = Counter(site.domain(name)[0] for name in "abc").most_common(1)
    fallen = next(name for name in "abc" if site.domain(name)[0] == crowded)
    site.world.outside(crowded).kill(fallen)
    assert starts(site.plan()) == {fallen: crowded}, said(site.plan())


def test_a_start_that_is_held_is_not_forgotten_when_something_else_changes(site: Site) -> None:
    site.vms(vm_yaml("a", "hosts: [kvm1]"))
    site.settle()
    off(site, "a")
    site.vms(vm_yaml("a", "hosts: [kvm1], description: moved in"))
    emptied(site, "kvm1")
    assert site.apply().good
    assert site.domain("a")[1].power != Power.RUNNING
    emptied(site)
    site.settle()
    assert site.domain("a")[1].power == Power.RUNNING


@pytest.mark.parametrize(
    ("rule", "spec", "told"),
    [
        ("vms: [a], hosts: [kvm2], hostRule: positive", "state: manual", "affinitygroup/rule wants it on kvm2"),
        ("vms: [a, b], vmRule: negative", "state: manual", "vm/b is there"),
        ("", "state: manual, hosts: [kvm2]", "its `hosts:` does not name it"),
    ],
)
def test_a_start_by_hand_where_it_must_not_run_needs_a_word(site: Site, rule: str, spec: str, told: str) -> None:
    alice = Operator(site)
    off(site, "a", "b")
    alice.done(power.start, "vm/b", how=PLAIN)
    site.write("rule.yaml", group(rule) if rule else "")
    site.vms(vm_yaml("a", spec), vm_yaml("b", "hosts: [kvm1]"))
    text = alice.declined(power.start, "vm/a", how=PLAIN)
    assert "it must not run on kvm1" in text
    assert told in text
    assert "--force" in text
    assert alice.do(power.start, "vm/a", how=FORCE).good
