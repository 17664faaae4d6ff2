"""VMs that are kept off for a while: for the maintenance of their host, or since their cluster is powered down."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.mark import Override
from drivers.memory.faults import Crash
from drivers.seen import Power
from reconciler.diff.change import HeldReason
from reconciler.observe.overrides import Overrides
from reconciler.operations import power
from reconciler.place.hosts.hoststate import MAINTENANCE, POWER, State, state
from tests.flow.operator import PLAIN, Operator
from tests.flow.site import ID, Site, said, vm_yaml

STOPS = vm_yaml("web", "onHostMaintenance: stop, hosts: [kvm1]")


def overrides(site: Site) -> Overrides:
    return Overrides(site.state, ID)


def maintenance(site: Site, host: str, on: bool = True, until: int = 0) -> None:
    if on:
        asked = Override(kind=MAINTENANCE, value="on", author="alice@desk", reason="new fans", until=until)
        overrides(site).put(f"host/{host}", asked)
    else:
        overrides(site).drop(f"host/{host}", MAINTENANCE)


def powered(site: Site, value: str, level: str = "") -> None:
    overrides(site).put("cluster/default", Override(kind=POWER, value=value, field=level, author="alice@desk"))


def power_of(site: Site, name: str) -> Power:
    return Power(site.domain(name)[1].power)


def state_of(site: Site, host: str) -> State:
    return state(host, site.look().context).state


def test_a_vm_that_is_to_be_stopped_for_maintenance_is_stopped_and_started_when_its_host_is_back(site: Site) -> None:
    site.vms(STOPS)
    site.settle()
    maintenance(site, "kvm1")
    assert state_of(site, "kvm1") is State.PREPARING
    assert site.apply().good
    assert power_of(site, "web") is Power.STOPPED
    assert state_of(site, "kvm1") is State.MAINTENANCE
    assert not site.plan().steps, said(site.plan())
    maintenance(site, "kvm1", on=False)
    site.settle()
    assert power_of(site, "web") is Power.RUNNING
    assert not site.domain("web")[1].mark.overrides


def test_maintenance_by_hand_ends_with_its_time(site: Site) -> None:
    site.vms(STOPS)
    site.settle()
    maintenance(site, "kvm1", until=int(site.clock.now) + 3600)
    site.apply()
    site.clock.advance(3601)
    assert state_of(site, "kvm1") is State.UP
    site.settle()
    assert power_of(site, "web") is Power.RUNNING


def test_what_its_guest_had_shut_down_before_is_not_started_after_the_maintenance(site: Site) -> None:
    site.vms(STOPS)
    site.settle()
    host, vm = site.domain("web")
    site.world.outside(host).guest_shutdown(vm.name)
    site.settle()
    maintenance(site, "kvm1")
    site.apply()
    maintenance(site, "kvm1", on=False)
    site.settle()
    assert power_of(site, "web") is Power.STOPPED


@pytest.mark.parametrize("declared", ["stopped", "manual"])
def test_git_may_change_its_mind_during_the_outage(site: Site, declared: str) -> None:
    site.vms(STOPS)
    site.settle()
    maintenance(site, "kvm1")
    site.apply()
    site.vms(vm_yaml("web", f"onHostMaintenance: stop, hosts: [kvm1], state: {declared}"))
    maintenance(site, "kvm1", on=False)
    site.settle()
    assert power_of(site, "web") is (Power.STOPPED if declared == "stopped" else Power.RUNNING)
    assert not site.domain("web")[1].mark.overrides


def test_a_vm_that_crashed_is_not_started_on_a_host_in_maintenance(site: Site) -> None:
    site.vms(vm_yaml("web", "hosts: [kvm1]"))
    site.settle()
    host, vm = site.domain("web")
    site.world.outside(host).kill(vm.name)
    maintenance(site, "kvm1")
    plan = site.plan()
    assert not [each for each in plan.steps if each.what == "start"], said(plan)
    assert plan.anything_held
    maintenance(site, "kvm1", on=False)
    site.settle()
    assert power_of(site, "web") is Power.RUNNING


def test_a_powered_down_cluster_stops_by_level_and_starts_the_other_way_round(site: Site) -> None:
    high = "highAvailability: {priority: 80}"
    site.vms(vm_yaml("web"), vm_yaml("db", high), vm_yaml("off", "state: stopped"), vm_yaml("mine", "state: manual"))
    site.settle()
    Operator(site).done(power.start, "vm/mine", how=PLAIN)
    powered(site, "stopped", "0")
    site.apply()
    assert [power_of(site, name) for name in ("web", "db", "mine")] == [Power.STOPPED, Power.RUNNING, Power.STOPPED]
    powered(site, "stopped")
    site.apply()
    assert power_of(site, "db") is Power.STOPPED
    assert site.plan().empty, said(site.plan())
    powered(site, "starting", "80")
    site.apply()
    assert [power_of(site, name) for name in ("web", "db")] == [Power.STOPPED, Power.RUNNING]
    overrides(site).drop("cluster/default", POWER)
    site.settle()
    running = {name: power_of(site, name) is Power.RUNNING for name in ("web", "db", "off", "mine")}
    assert running == {"web": True, "db": True, "off": False, "mine": True}


def test_nothing_new_is_made_in_a_cluster_that_is_powered_down(site: Site) -> None:
    site.settle()
    powered(site, "stopped")
    site.vms(vm_yaml("web"))
    held = site.plan().held
    assert [(str(each.ref), each.held and each.held.reason) for each in held] == [("vm/web", HeldReason.ON_HOLD)]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_every_step_what_ran_before_an_outage_runs_after_it(moment: str, tmp_path: Path) -> None:
    for number in range(1, 30):
        site = Site(tmp_path / str(number))
        site.vms(STOPS)
        site.settle()
        maintenance(site, "kvm1")
        site.world.faults.crash(number, moment)  # type: ignore[arg-type]
        crashed = False
        try:
            site.apply()
            maintenance(site, "kvm1", on=False)
            site.apply()
        except Crash:
            crashed = True
            site.world.faults.revive()
        maintenance(site, "kvm1", on=False)
        site.apply()
        site.settle()
        assert power_of(site, "web") is Power.RUNNING
        assert not site.domain("web")[1].mark.overrides
        if not crashed:
            assert number > 3
            return
    pytest.fail("it never came to an end")


def test_what_comes_back_after_an_outage_counts_for_what_is_placed_in_the_same_plan(site: Site) -> None:
    big = "=cpu: 1, memory: 20GiB, hosts: [kvm1], onHostMaintenance: stop"
    site.vms(vm_yaml("web", big))
    site.settle()
    maintenance(site, "kvm1")
    assert site.apply().good
    maintenance(site, "kvm1", on=False)
    site.vms(vm_yaml("web", big), vm_yaml("new", big))
    plan = site.plan()
    assert next(step.what for step in plan.steps if step.ref.name == "web") == "start", said(plan)
    assert "20GiB needed" in str(next(each.held for each in plan.changes if each.ref.name == "new"))
