"""The rolling upgrade of a cluster: one host after the other, whatever happens meanwhile."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from drivers.memory.faults import Crash
from drivers.seen import Power
from reconciler.operations import rolling
from reconciler.place.hosts.hoststate import State
from specs.structs import replace
from tests.flow.campaigning import campaign, drained, upgraded
from tests.flow.site import NoWait, Site, vm_yaml
from tests.flow.test_outages import overrides, power_of, state_of


@pytest.fixture
def three(tmp_path: Path) -> Site:
    return Site(tmp_path, hosts=3)


def test_a_rolling_upgrade_comes_to_every_host_once_and_no_vm_stops(three: Site) -> None:
    three.vms(*(vm_yaml(name) for name in "abcd"))
    three.settle()
    came: list[str] = []

    def upgrade(host: str) -> bool:
        assert not [each for each in three.look().context.observed.vms() if each.host == host and each.vm.running]
        assert all(power_of(three, name) is Power.RUNNING for name in "abcd")
        came.append(host)
        return True

    boots = [three.domain(name)[1].power for name in "abcd"]
    assert rolling.roll("default", rolling.Task(each=upgrade), campaign(three)) == ["kvm1", "kvm2", "kvm3"]
    assert came == ["kvm1", "kvm2", "kvm3"]
    assert boots == [three.domain(name)[1].power for name in "abcd"]
    assert overrides(three).all() == {}
    assert not three.world.doubles


def test_an_upgrade_that_fails_leaves_its_host_in_maintenance_and_goes_on_there(three: Site) -> None:
    three.vms(vm_yaml("a"))
    three.settle()
    with pytest.raises(rolling.Stuck, match="host/kvm2 stays in maintenance"):
        rolling.roll("default", rolling.Task(each=lambda host: host != "kvm2"), campaign(three))
    assert state_of(three, "kvm2") is State.MAINTENANCE
    came: list[str] = []
    rolling.roll("default", rolling.Task(each=partial(upgraded, came)), campaign(three))
    assert came == ["kvm2", "kvm3"]


def test_an_upgrade_that_reboots_waits_until_its_host_was_down_and_is_up_again(three: Site) -> None:
    three.vms(vm_yaml("a"), vm_yaml("b"))
    three.settle()
    booted: list[str] = []

    class Rebooting(NoWait):
        """Time in which a host that was told to reboot goes down, and then comes up."""

        def wait(self, seconds: float) -> bool:
            if seconds and came and came[-1] not in booted:
                booted.append(came[-1])
                three.world.power_off(came[-1])
                three.world.power_on(came[-1])
            return super().wait(seconds)

    came: list[str] = []
    for name in three.names:
        three.world.hosts[name].cpu_time = 5_000_000_000
    mine = replace(campaign(three), pause=Rebooting(three.clock))
    rolling.roll("default", rolling.Task(each=partial(upgraded, came), reboots=True), mine)
    assert booted == came == three.names
    assert [power_of(three, name) for name in "ab"] == [Power.RUNNING] * 2
    assert not three.world.doubles


def test_an_upgrade_gives_a_host_back_that_cannot_be_emptied(three: Site) -> None:
    three.vms(vm_yaml("a", "onHostMaintenance: hold, hosts: [kvm1]"))
    three.settle()
    with pytest.raises(rolling.Stuck, match=r"host/kvm1 is used again: .*onHostMaintenance: hold"):
        rolling.roll("default", rolling.Task(each=lambda host: True), campaign(three))
    assert state_of(three, "kvm1") is State.UP
    assert rolling.abort("default", campaign(three)).startswith("is not being upgraded any more")
    assert overrides(three).all() == {}


def test_a_host_that_was_in_maintenance_before_an_upgrade_is_upgraded_and_left_so(three: Site) -> None:
    assert drained(three, "kvm2") is State.MAINTENANCE
    came: list[str] = []
    rolling.roll("default", rolling.Task(each=partial(upgraded, came)), campaign(three))
    assert came == ["kvm1", "kvm2", "kvm3"]
    assert state_of(three, "kvm2") is State.MAINTENANCE


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_every_step_an_upgrade_goes_on_and_no_vm_stops(moment: str, tmp_path: Path) -> None:
    for number in range(1, 60):
        site = Site(tmp_path / str(number), hosts=2)
        site.vms(vm_yaml("a"), vm_yaml("b"))
        site.settle()
        came: list[str] = []
        site.world.faults.crash(number, moment)  # type: ignore[arg-type]
        crashed = False
        try:
            rolling.roll("default", rolling.Task(each=partial(upgraded, came)), campaign(site))
        except Crash:
            crashed = True
            site.world.faults.revive()
            rolling.roll("default", rolling.Task(each=partial(upgraded, came)), campaign(site))
        assert sorted(set(came)) == ["kvm1", "kvm2"]
        assert [power_of(site, name) for name in "ab"] == [Power.RUNNING] * 2
        assert overrides(site).all() == {}
        assert not site.world.doubles
        if not crashed:
            assert number > 2
            return
    pytest.fail("it never came to an end")
