"""Moves in whole passes: VMs that may not stay where they are, how many at once, what is told."""

from __future__ import annotations

import threading

import pytest

from drivers.seen import Power
from reconciler import cycle
from reconciler.apply.dispatch import Tools
from reconciler.apply.outcome import Outcome
from reconciler.apply.walk import Walker
from reconciler.plan.plan import Step
from tests.flow.leaving import (
    boots,
    on,
    placed,
    sound,
)
from tests.flow.site import NoWait, Site, vm_yaml


def test_a_running_vm_follows_its_hosts_without_a_stop(site: Site) -> None:
    placed(site)
    before = boots(site)
    plan = site.plan()
    assert [(step.what, step.host) for step in plan.steps] == [("migrate to kvm2", "kvm1")]
    field = plan.changes[0].fields[0]
    assert (field.path, field.before, field.after) == ("host", "kvm1", "kvm2")
    assert "its hosts are kvm2" in field.note
    site.settle()
    host, vm = site.domain("web")
    assert (host, vm.power, boots(site)) == ("kvm2", Power.RUNNING, before)
    assert sound(site)


def test_a_vm_that_is_off_is_relocated_and_stays_off(site: Site) -> None:
    placed(site, "state: stopped")
    assert [step.what for step in site.plan().steps] == ["relocate to kvm2"]
    site.settle()
    host, vm = site.domain("web")
    assert (host, vm.power) == ("kvm2", Power.STOPPED)


def test_a_vm_that_is_off_and_shall_run_is_started_where_it_goes(site: Site) -> None:
    placed(site, "state: stopped")
    site.vms(on("kvm2"))
    site.settle()
    host, vm = site.domain("web")
    assert (host, vm.power) == ("kvm2", Power.RUNNING)


def test_a_vm_that_shall_stop_and_go_is_stopped_first(site: Site) -> None:
    placed(site)
    site.vms(on("kvm2", "state: stopped"))
    assert [step.what for step in site.plan().steps] == ["stop", "record its state", "relocate to kvm2"]
    site.settle()
    host, vm = site.domain("web")
    assert (host, vm.power) == ("kvm2", Power.STOPPED)


def test_what_else_changes_is_changed_before_it_goes(site: Site) -> None:
    placed(site, "memoryMax: 1GiB")
    site.vms(on("kvm2", "memoryMax: 1GiB, description: moved"))
    assert [step.what for step in site.plan().steps] == ["change", "migrate to kvm2"]
    site.settle()
    assert site.domain("web")[1].config["description"] == "moved"


def many(site: Site, count: int, more: str = "") -> list[str]:
    """VMs on kvm1 that shall all be on kvm2."""
    names = [f"vm{number}" for number in range(count)]
    site.vms(*(vm_yaml(name, f"hosts: [kvm1]{more}") for name in names))
    site.settle()
    site.vms(*(vm_yaml(name, f"hosts: [kvm2]{more}") for name in names))
    return names


@pytest.mark.parametrize(
    ("more", "most"), [("", 2), (", migration: {policy: veryLarge}", 1), (", migration: {policy: postCopy}", 2)]
)
def test_no_more_leave_a_host_at_once_than_the_policy_allows(more: str, most: int, site: Site) -> None:
    many(site, 5, more)
    looked, under_way, peak = site.look(), set[str](), [0]

    def tell(step: Step, outcome: Outcome | None) -> None:
        (under_way.add if outcome is None else under_way.discard)(step.id)
        peak.append(len(under_way))

    tools = Tools(open_image=site.open_image, pause=NoWait(site.clock))
    run = cycle.act(looked, Walker(hosts=looked.hosts, tools=tools, tell=tell))
    assert run.good
    assert max(peak) == most
    assert site.plan().empty


def test_after_a_request_to_stop_no_further_vm_leaves(site: Site) -> None:
    many(site, 5)
    looked, stop = site.look(), threading.Event()
    tools = Tools(open_image=site.open_image, pause=NoWait(site.clock))
    walker = Walker(hosts=looked.hosts, tools=tools, tell=lambda step, outcome: stop.set(), stop=stop)
    run = cycle.act(looked, walker)
    assert run.stopped
    assert sorted(each.status for each in run.outcomes.values()) == ["done", *["skipped"] * 4]
    site.settle()
    assert sound(site)


def test_how_far_it_is_is_told(site: Site) -> None:
    placed(site)
    looked, told = site.look(), list[tuple[str, int, int]]()
    tools = Tools(open_image=site.open_image, pause=NoWait(site.clock))
    walker = Walker(hosts=looked.hosts, tools=tools, moved=lambda step, *how: told.append(how))
    assert cycle.act(looked, walker).good
    (what, done, total), *_, last = told
    assert what.startswith("copying")
    assert 0 < done < total == 96 << 20
    assert last == ("done", total, total)
