"""Deeds of several passes: maintenance with its drain, a cluster's power-down and return."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.memory.faults import Crash
from drivers.seen import Power
from reconciler import cycle
from reconciler.operations import maintenance, powerdown
from reconciler.operations.scene import By, Declined
from reconciler.place.headroom.spare import spare
from reconciler.place.hosts.hoststate import State, state
from specs.structs import replace
from tests.flow.campaigning import campaign, drained, used_again
from tests.flow.site import NoWait, Site, host_yaml, said, vm_yaml
from tests.flow.test_maintenance import on_kvm1, where
from tests.flow.test_outages import overrides, power_of, state_of

HIGH = "highAvailability: {priority: 80}"


@pytest.fixture
def three(tmp_path: Path) -> Site:
    return Site(tmp_path, hosts=3)


def test_the_outlook_says_what_becomes_of_every_vm_and_changes_nothing(site: Site) -> None:
    on_kvm1(site, "", "onHostMaintenance: stop", "onHostMaintenance: hold", "state: stopped")
    site.world.outside("kvm1").define("foreign", {"memory": 1 << 28, "memoryMax": 1 << 28})
    site.world.outside("kvm1").start("foreign")
    before = len(site.world.journal)
    found = maintenance.outlook("kvm1", site.look(), By(author="alice"))
    told = {each.vm: (each.how, each.target) for each in found.leaving}
    assert told == {"a": ("migrates", "kvm2"), "b": ("stops", ""), "c": ("stays", ""), "d": ("moves", "kvm2")}
    assert found.seconds > 0
    assert found.foreign == ("foreign",)
    assert not found.spare.enough
    assert len(site.world.journal) == before
    assert state_of(site, "kvm1") is State.UP


def test_one_drain_does_all_that_maintenance_needs(site: Site) -> None:
    on_kvm1(site, "", "onHostMaintenance: stop", "state: stopped")
    assert drained(site, "kvm1") is State.MAINTENANCE
    assert [(where(site, name), power_of(site, name)) for name in "abc"] == [
        ("kvm2", Power.RUNNING), ("kvm2", Power.RUNNING), ("kvm2", Power.STOPPED),
    ]  # fmt: skip
    assert site.plan().empty, said(site.plan())
    assert used_again(site, "kvm1") == "is used again"
    assert state_of(site, "kvm1") is State.UP


def test_a_drain_does_nothing_but_the_drain(site: Site) -> None:
    on_kvm1(site, "")
    site.vms(vm_yaml("a", "memoryMax: 1GiB, description: new"), vm_yaml("new"))
    assert drained(site, "kvm1") is State.MAINTENANCE
    assert where(site, "a") == "kvm2"
    assert "description" not in site.domain("a")[1].config
    assert not site.look().context.observed.by_name.get("new")


def test_a_drain_with_a_vm_that_has_to_stay_ends_and_says_why(site: Site) -> None:
    on_kvm1(site, "", "onHostMaintenance: hold")
    assert drained(site, "kvm1") is State.PREPARING
    assert where(site, "a") == "kvm2"


def test_a_drain_also_takes_what_is_off_from_a_host_where_nothing_runs(site: Site) -> None:
    on_kvm1(site, "state: stopped", "state: stopped, onHostMaintenance: hold")
    assert drained(site, "kvm1") is State.MAINTENANCE
    assert [where(site, name) for name in "ab"] == ["kvm2", "kvm1"]
    assert not site.look().plan.steps


def test_git_wins_over_off_by_hand(site: Site) -> None:
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace(host_yaml("kvm1"), host_yaml("kvm1", ", maintenance: true")))
    with pytest.raises(Declined, match=r"Git says `maintenance: true` \(gitvirt.yaml"):
        used_again(site, "kvm1")
    assert state_of(site, "kvm1") is State.MAINTENANCE


def test_off_of_a_host_that_is_not_in_maintenance_changes_nothing_and_is_no_error(site: Site) -> None:
    assert used_again(site, "kvm2") == "is not in maintenance; it is up"


def test_a_cluster_is_powered_down_in_order_and_comes_back_the_other_way_round(site: Site) -> None:
    site.vms(vm_yaml("web"), vm_yaml("db", HIGH), vm_yaml("off", "state: stopped"))
    site.settle()
    told: list[str] = []
    assert powerdown.down("default", campaign(site, told.append)) == {}
    assert [power_of(site, name) for name in ("web", "db", "off")] == [Power.STOPPED] * 3
    assert site.plan().empty, said(site.plan())
    assert powerdown.up("default", campaign(site, told.append)) == {}
    assert told == [
        "cluster/default: stopping VMs that are not highly available", "cluster/default: stopping VMs of priority 80",
        "cluster/default: starting VMs of priority 80", "cluster/default: starting VMs that are not highly available",
    ]  # fmt: skip
    assert [power_of(site, name) for name in ("web", "db", "off")] == [Power.RUNNING, Power.RUNNING, Power.STOPPED]
    assert overrides(site).all() == {}
    site.settle()


def test_what_matters_runs_on_while_a_lesser_guest_does_not_go_down(site: Site) -> None:
    site.vms(vm_yaml("web"), vm_yaml("db", HIGH))
    site.settle()
    host, _ = site.domain("web")
    site.world.outside(host).guest("web", agent=False, acpi=False)
    left = powerdown.down("default", campaign(site))
    assert "did not shut down" in left["vm/web"]
    assert power_of(site, "db") is Power.RUNNING


def test_only_a_cluster_that_was_powered_down_can_be_started(site: Site) -> None:
    with pytest.raises(Declined, match="was not powered down"):
        powerdown.up("default", campaign(site))


class Interrupted(NoWait):
    """Time in which somebody presses Ctrl-C once so many waits are over."""

    def __init__(self, site: Site, after: int) -> None:
        super().__init__(site.clock)
        self.left = after

    def wait(self, seconds: float) -> bool:
        self.left -= 1
        return self.left < 0 or super().wait(seconds)


def test_an_interrupted_drain_begins_nothing_new_and_goes_on_when_it_is_asked_for_again(site: Site) -> None:
    on_kvm1(site, "", "")
    mine = replace(campaign(site), pause=Interrupted(site, after=0))
    maintenance.begin("kvm1", mine)
    settled = maintenance.drain("kvm1", mine)
    assert state("kvm1", settled.context).state is State.PREPARING
    assert {where(site, name) for name in "ab"} == {"kvm1"}
    assert drained(site, "kvm1") is State.MAINTENANCE


def test_with_a_daemon_a_drain_asks_for_passes_and_watches(site: Site) -> None:
    on_kvm1(site, "", "onHostMaintenance: stop")
    passes: list[None] = []

    def ask(looked: cycle.Pass) -> dict[str, str]:
        passes.append(None)
        site.apply()
        return {}

    mine = replace(campaign(site), act=ask)
    maintenance.begin("kvm1", mine)
    settled = maintenance.drain("kvm1", mine)
    assert state("kvm1", settled.context).state is State.MAINTENANCE
    assert {where(site, name) for name in "ab"} == {"kvm2"}
    assert len(passes) > 1


def test_a_drain_that_the_daemon_makes_no_way_with_ends(site: Site) -> None:
    on_kvm1(site, "")
    mine = replace(campaign(site), act=lambda looked: {})
    maintenance.begin("kvm1", mine)
    assert state("kvm1", maintenance.drain("kvm1", mine).context).state is State.PREPARING


def test_a_cluster_can_lose_one_more_host_only_if_the_fullest_fits_on_the_others(three: Site) -> None:
    three.vms(*(vm_yaml(name) for name in "abc"))
    three.settle()
    context = three.look().context
    assert spare("kvm1", {}, context).enough
    small = {name: replace(host, memory_free=8 << 20) for name, host in context.observed.seen.items()}
    tight = replace(context, observed=replace(context.observed, hosts=small))
    found = spare("kvm1", {"a": "kvm2", "b": "kvm2", "c": "kvm2"}, tight)
    assert not found.enough
    assert "if kvm2 failed, 288MiB of its VMs would not fit" in found.text


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_every_step_a_power_down_and_its_return_go_on(moment: str, tmp_path: Path) -> None:
    for number in range(1, 60):
        site = Site(tmp_path / str(number))
        site.vms(vm_yaml("web"), vm_yaml("db", HIGH), vm_yaml("off", "state: stopped"))
        site.settle()
        site.world.faults.crash(number, moment)  # type: ignore[arg-type]
        crashed = False
        try:
            powerdown.down("default", campaign(site))
            powerdown.up("default", campaign(site))
        except Crash:
            crashed = True
            site.world.faults.revive()
            powerdown.down("default", campaign(site))
            assert {power_of(site, name) for name in ("web", "db", "off")} == {Power.STOPPED}
            powerdown.up("default", campaign(site))
        assert [power_of(site, name) for name in ("web", "db", "off")] == [
            Power.RUNNING, Power.RUNNING, Power.STOPPED,
        ]  # fmt: skip
        assert site.plan().empty, said(site.plan())
        if not crashed:
            assert number > 6
            return
    pytest.fail("it never came to an end")


@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_at_every_step_a_drain_ends_with_every_vm_once_and_running(moment: str, tmp_path: Path) -> None:
    for number in range(1, 60):
        site = Site(tmp_path / str(number))
        on_kvm1(site, "", "onHostMaintenance: stop", "state: stopped")
        site.world.faults.crash(number, moment)  # type: ignore[arg-type]
        crashed = False
        try:
            drained(site, "kvm1")
        except Crash:
            crashed = True
            site.world.faults.revive()
            assert drained(site, "kvm1") is State.MAINTENANCE
        assert [(where(site, name), power_of(site, name)) for name in "abc"] == [
            ("kvm2", Power.RUNNING), ("kvm2", Power.RUNNING), ("kvm2", Power.STOPPED),
        ]  # fmt: skip
        assert site.plan().empty, said(site.plan())
        assert not site.world.doubles
        if not crashed:
            assert number > 5
            return
    pytest.fail("it never came to an end")
