"""A move is disturbed at every moment in turn: each VM runs on, on one host, and gets where it goes."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.errors import Busy, DriverError, Refused, Unknown
from drivers.memory.journey import PHASES
from drivers.seen import Power
from tests.flow.moving_site import Moving
from tests.flow.site import said
from tests.flow.test_move_chaos import moves

PASSES = 6
MOVERS = ("drain", "hosts")


def begin(folder: Path, mover: str, *, direct: bool = False) -> Moving:
    """Everything that can leave kvm1 is told to, in the way of that mover."""
    site = Moving(folder, direct=direct)
    for name, each in site.vms.items():
        each.hosts = ("kvm3",) if name == "blue" else ("kvm1",)
    site.declare()
    site.site.settle()
    for name, each in site.vms.items():
        site.write(name)
        each.hosts = () if mover == "drain" else ("kvm2", "kvm3")
    site.maintenance = {"kvm1"} if mover == "drain" else set()
    site.declare()
    return site


def disturbed(site: Moving) -> None:
    """A pass that something happens in, and the state right after it."""
    site.pass_once()
    site.site.clock.advance(60)
    site.sound()


def assert_converged(site: Moving, died: frozenset[str] = frozenset()) -> None:
    """A few passes later all is where it shall be, and no VM was started a second time but those that died."""
    for _ in range(PASSES):
        plan = site.pass_once()
        site.site.clock.advance(60)
        site.sound()
        if plan.empty:
            break
    assert plan.empty, said(plan)
    for name, declared in site.vms.items():
        ((host, domain),) = site.copies(name)
        assert host != "kvm1", name
        assert domain.boots == (declared.state == "running") + (name in died), name
        assert domain.power is (Power.RUNNING if declared.state == "running" else Power.STOPPED), name


@pytest.mark.parametrize("mover", MOVERS)
@pytest.mark.parametrize("moment", ["before", "after"])
def test_killed_around_every_call_of_a_pass_with_moves(mover: str, moment: str, tmp_path: Path) -> None:
    for number in range(1, 60):
        site = begin(tmp_path / str(number), mover)
        rule = site.site.world.faults.crash(number, moment)  # type: ignore[arg-type]
        disturbed(site)
        assert_converged(site)
        if not rule.fired:
            break
    assert number > 3


@pytest.mark.parametrize("direct", [False, True], ids=["peer-to-peer", "direct"])
@pytest.mark.parametrize("phase", PHASES)
def test_killed_in_every_phase_of_every_migration(phase: str, direct: bool, tmp_path: Path) -> None:
    for number in range(1, 20):
        site = begin(tmp_path / str(number), "drain", direct=direct)
        rule = site.site.world.faults.crash(number, "midway", where=moves, phase=phase)
        disturbed(site)
        assert_converged(site)
        if not rule.fired:
            break
    assert number > 1


@pytest.mark.parametrize("phase", PHASES[:-1])
def test_a_target_that_dies_in_any_phase_costs_nothing_but_what_ran_there(phase: str, tmp_path: Path) -> None:
    site = begin(tmp_path, "hosts")
    world, died = site.site.world, set[str]()

    def happen() -> None:
        (journey,) = world.journeys.values()
        died.update(name for name in site.vms for host, _ in site.runs(name) if host == journey.target.name)
        world.power_off(journey.target.name)

    rule = world.faults.during(phase, happen, where=moves)
    disturbed(site)
    assert rule.fired
    for name in site.site.names:
        world.power_on(name)
    assert_converged(site, frozenset(died))


@pytest.mark.parametrize("direct", [False, True], ids=["peer-to-peer", "direct"])
@pytest.mark.parametrize("phase", PHASES)
@pytest.mark.parametrize("what", ["the hosts lose each other", "the target is not reached", "it is cancelled"])
def test_something_happens_in_every_phase_of_a_migration(what: str, phase: str, direct: bool, tmp_path: Path) -> None:
    site = begin(tmp_path, "hosts", direct=direct)
    world = site.site.world

    def happen() -> None:
        (journey,) = world.journeys.values()
        if what == "the hosts lose each other":
            world.cut_between(journey.source.name, journey.target.name)
        elif what == "the target is not reached":
            world.cut(journey.target.name)
        else:
            journey.cancelled = True

    rule = world.faults.during(phase, happen, where=moves)
    disturbed(site)
    assert rule.fired
    world.apart.clear()
    for name in site.site.names:
        world.restore(name)
    assert_converged(site)


@pytest.mark.parametrize("effect", [False, True], ids=["undone", "done"])
@pytest.mark.parametrize("error", [Busy, Refused, Unknown])
def test_a_move_that_fails_or_cannot_be_told_is_found_out(
    error: type[DriverError], effect: bool, tmp_path: Path
) -> None:
    for number in range(1, 20):
        site = begin(tmp_path / str(number), "drain")
        rule = site.site.world.faults.fail(number, error, effect=effect, where=moves)
        disturbed(site)
        assert_converged(site)
        if not rule.fired:
            break
    assert number > 3


def test_a_guest_that_never_converges_stays_and_is_tried_again(tmp_path: Path) -> None:
    site = begin(tmp_path, "drain")
    site.runs("white")[0][1].guest.needs_downtime = -1
    disturbed(site)
    assert site.runs("white")[0][0] == "kvm1"
    assert not site.site.plan().empty
    site.runs("white")[0][1].guest.needs_downtime = 0
    assert_converged(site)


@pytest.mark.parametrize("mover", MOVERS)
def test_a_pass_after_convergence_moves_nothing(mover: str, tmp_path: Path) -> None:
    site = begin(tmp_path, mover)
    assert_converged(site)
    before = len(site.site.world.journal)
    for _ in range(3):
        plan = site.pass_once()
        assert plan.empty, said(plan)
        site.site.clock.advance(600)
    assert len(site.site.world.journal) == before
