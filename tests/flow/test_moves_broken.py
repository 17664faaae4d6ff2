"""Moves that are killed or fail at every step: the guest runs on, once, and the next passes converge."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.errors import Busy, DriverError, NoSpace, Refused, Unknown
from drivers.memory.faults import Crash
from drivers.seen import Power
from tests.flow.leaving import (
    PHASES,
    boots,
    killed,
    led_by_us,
    placed,
    sound,
    with_local_disk,
)
from tests.flow.site import Site, said


def kill_at_every_step(
    tmp_path: Path, moment: str, phase: str, more: str = "", scene: Callable[[Site, str], None] = placed
) -> None:
    for number in range(1, 30):
        site = Site(tmp_path / str(number))
        scene(site, more)
        before = site.world.outside("kvm1").domain("web").boots
        site.world.faults.crash(number, moment, phase=phase)  # type: ignore[arg-type]
        try:
            site.apply()
        except Crash:
            pass
        else:
            assert number > 1
            return
        site.world.faults.revive()
        site.clock.advance(600)
        for _ in range(3):
            run = site.apply()
        assert run.good, [(each.step.what, each.error) for each in run.outcomes.values()]
        assert site.plan().empty, said(site.plan())
        host, vm = site.domain("web")
        assert host == "kvm2"
        assert sound(site)
        if not more:
            assert (vm.power, boots(site)) == (Power.RUNNING, before), (number, phase)
    pytest.fail("the scenario never ended")


@pytest.mark.parametrize("phase", PHASES)
def test_killed_in_any_phase_of_a_migration_the_guest_runs_on_and_the_next_passes_converge(
    phase: str, tmp_path: Path
) -> None:
    kill_at_every_step(tmp_path, "midway", phase)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("more", ["", "state: stopped"])
def test_killed_before_and_after_every_call_of_a_move_the_next_passes_converge(
    moment: str, more: str, tmp_path: Path
) -> None:
    kill_at_every_step(tmp_path, moment, "", more)


@pytest.mark.parametrize("phase", PHASES)
def test_killed_while_it_leads_both_hosts_the_next_passes_converge(phase: str, tmp_path: Path) -> None:
    kill_at_every_step(tmp_path, "midway", phase, scene=led_by_us)


@pytest.mark.parametrize(("moment", "phase"), [("before", ""), ("after", ""), *(("midway", each) for each in PHASES)])
def test_killed_while_a_disk_is_copied_along_the_next_passes_converge(moment: str, phase: str, tmp_path: Path) -> None:
    kill_at_every_step(tmp_path, moment, phase, scene=with_local_disk)


def test_killed_between_the_two_ends_of_a_relocation_the_next_pass_finishes_it(tmp_path: Path) -> None:
    kill_at_every_step(tmp_path, "midway", "", "state: stopped")


@pytest.mark.parametrize("error", [Busy, Refused, DriverError])
@pytest.mark.parametrize("effect", [False, True])
def test_a_migration_that_fails_is_settled_at_once(error: type[DriverError], effect: bool, site: Site) -> None:
    placed(site)
    site.world.faults.fail(1, error, effect=effect)
    run = site.apply()
    [outcome] = run.outcomes.values()
    if effect:
        assert outcome.notes[0].endswith("it runs on kvm2")
    else:
        assert "it runs on kvm1" in outcome.error
    site.settle()
    assert site.domain("web")[0] == "kvm2"
    assert sound(site)


def test_a_migration_whose_outcome_is_unknown_is_found_out(site: Site) -> None:
    placed(site)
    site.world.faults.hang(1, effect=True)
    run = site.apply()
    assert run.good
    assert site.plan().empty


@pytest.mark.parametrize("phase", PHASES[:2])
def test_a_target_that_dies_in_mid_migration_leaves_the_guest_where_it_was(phase: str, site: Site) -> None:
    placed(site)
    before = boots(site)
    site.world.faults.during(phase, lambda: site.world.power_off("kvm2"))
    assert not site.apply().good
    host, vm = site.domain("web")
    assert (host, vm.power, boots(site)) == ("kvm1", Power.RUNNING, before)
    site.world.power_on("kvm2")
    site.settle()
    assert site.domain("web")[0] == "kvm2"
    assert sound(site)


def test_a_cut_between_the_hosts_leaves_the_guest_where_it_was(site: Site) -> None:
    placed(site)
    site.world.faults.during("copying", lambda: site.world.cut_between("kvm1", "kvm2"))
    assert not site.apply().good
    assert site.domain("web")[1].power is Power.RUNNING
    site.world.restore_between("kvm1", "kvm2")
    site.settle()
    assert site.domain("web")[0] == "kvm2"


def test_a_guest_that_never_converges_stays_and_says_so(site: Site) -> None:
    placed(site)
    site.world.outside("kvm1").guest("web", needs_downtime=10_000)
    run = site.apply()
    [outcome] = run.outcomes.values()
    assert "changes its memory faster" in outcome.error
    assert "it runs on kvm1" in outcome.error
    assert site.domain("web")[0] == "kvm1"


def test_while_it_is_on_its_way_nothing_of_it_is_planned(site: Site) -> None:
    placed(site)
    killed(site, "copying")
    plan = site.plan()
    [change] = plan.changes
    assert plan.empty
    assert "InFlight: it is on its way from kvm1 to kvm2" in str(change.held)
    site.clock.advance(600)
    assert site.plan().empty
    assert site.domain("web")[0] == "kvm2"


def test_a_vm_between_two_hosts_of_which_one_is_not_read_is_left_alone(site: Site) -> None:
    placed(site, "migration: {policy: minimalDowntime}")
    killed(site, "copying")
    site.world.cut("kvm1")
    plan = site.plan()
    assert plan.empty
    assert any("from a host that was not read to kvm2" in str(change.held) for change in plan.changes)


@pytest.mark.parametrize("scene", [placed, with_local_disk, led_by_us], ids=lambda each: each.__name__)
@pytest.mark.parametrize("error", [Busy, Refused, Unknown, NoSpace])
def test_whichever_call_of_a_move_fails_the_next_passes_converge(
    scene: Callable[[Site, str], None], error: type[DriverError], tmp_path: Path
) -> None:
    for number in range(1, 12):
        site = Site(tmp_path / str(number))
        scene(site, "")
        before = boots(site)
        rule = site.world.faults.fail(number, error)
        site.apply()
        for _ in range(2):
            run = site.apply()
        assert run.good, [(each.step.what, each.error) for each in run.outcomes.values()]
        assert site.plan().empty, said(site.plan())
        host, vm = site.domain("web")
        assert (host, vm.power, boots(site)) == ("kvm2", Power.RUNNING, before)
        assert sound(site)
        if not rule.fired:
            assert number > 1
            return
    pytest.fail("the scenario never ended")
