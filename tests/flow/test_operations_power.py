"""Power by hand in whole passes: done where the VM is, left alone by the reconciler, and over when it is over."""

from __future__ import annotations

import threading
from functools import partial

import pytest

from drivers.errors import Busy, Refused, Unknown
from drivers.memory.world import Clock
from drivers.seen import Power
from reconciler.operations import power
from reconciler.operations.perform import attempt, perform
from reconciler.operations.power import How
from specs.resource import Ref
from specs.structs import replace
from tests.flow.operator import FORCE, PLAIN, Operator
from tests.flow.powering import made, override, state
from tests.flow.site import NoWait, Site, said, vm_yaml

WEB = Ref("VirtualMachine", "web")


def test_an_operators_stop_is_kept_and_a_start_takes_it_back(site: Site, alice: Operator) -> None:
    made(site)
    text = alice.done(power.stop, "vm/web", how=PLAIN)
    assert text == "stopped on kvm1 (kept off until `gitvirt start web`; Git says running)"
    assert state(site) is Power.STOPPED
    assert (override(site).value, override(site).field, override(site).author) == ("stopped", "running", "alice@desk")
    site.clock.advance(86400)
    site.settle()
    assert state(site) is Power.STOPPED
    assert alice.done(power.start, "vm/web", how=PLAIN) == "started on kvm1 (as Git says)"
    assert state(site) is Power.RUNNING
    assert override(site) is None


def test_an_operators_start_is_kept_although_git_says_stopped(site: Site, alice: Operator) -> None:
    made(site, "state: stopped")
    text = alice.done(power.start, "vm/web", how=PLAIN)
    assert text == "started on kvm1 (kept on until `gitvirt stop web`; Git says stopped)"
    site.settle()
    assert state(site) is Power.RUNNING
    assert alice.done(power.stop, "vm/web", how=PLAIN) == "stopped on kvm1 (as Git says)"
    assert override(site) is None


@pytest.mark.parametrize(
    ("deed", "back", "value", "seen"),
    [
        (power.pause, power.resume, "paused", Power.PAUSED),
        (power.pause, power.start, "paused", Power.PAUSED),
        (power.suspend, power.start, "suspended", Power.SUSPENDED),
        (power.suspend, power.resume, "suspended", Power.SUSPENDED),
    ],
)
def test_a_pause_is_kept_until_it_is_taken_back(
    site: Site, alice: Operator, deed, back, value: str, seen: Power
) -> None:  # type: ignore[no-untyped-def]
    made(site)
    assert "Git says running" in alice.done(deed, "vm/web")
    assert (state(site), override(site).value) == (seen, value)
    site.settle()
    assert state(site) is seen
    assert "already" in alice.done(deed, "vm/web")
    alice.done(back, "vm/web", how=PLAIN)
    assert (state(site), override(site)) == (Power.RUNNING, None)


@pytest.mark.parametrize("deed", [power.stop, power.pause, power.suspend])
def test_a_deed_is_over_when_its_time_is(site: Site, alice: Operator, deed) -> None:  # type: ignore[no-untyped-def]
    made(site)
    options = {"how": PLAIN} if deed is power.stop else {}
    text = alice.done(deed, "vm/web", lasts=7200, **options)
    assert " until 2023-11-1" in text
    site.clock.advance(7000)
    assert site.plan().empty
    site.clock.advance(400)
    assert not site.plan().empty
    site.settle()
    assert (state(site), override(site)) == (Power.RUNNING, None)


@pytest.mark.parametrize("deed", [power.stop, power.pause, power.suspend])
def test_a_deed_is_over_when_git_changes_the_state(site: Site, alice: Operator, deed) -> None:  # type: ignore[no-untyped-def]
    made(site)
    alice.done(deed, "vm/web", **({"how": PLAIN} if deed is power.stop else {}))
    site.vms(vm_yaml("web", "state: stopped"))
    site.settle()
    assert override(site) is None
    made(site)
    assert state(site) is Power.RUNNING


def test_a_guests_shutdown_is_respected_as_before_once_a_stop_is_over(site: Site, alice: Operator) -> None:
    made(site)
    alice.done(power.stop, "vm/web", lasts=60, how=PLAIN)
    site.clock.advance(100)
    site.settle()
    site.world.outside("kvm1").guest_shutdown("web")
    site.settle()
    assert (state(site), override(site).author) == (Power.STOPPED, "guest")


def test_a_stop_that_is_over_is_forgotten_when_somebody_else_starts_the_vm(site: Site, alice: Operator) -> None:
    made(site)
    alice.done(power.stop, "vm/web", lasts=60, how=PLAIN)
    site.clock.advance(100)
    site.world.outside("kvm1").start("web")
    site.settle()
    assert (state(site), override(site)) == (Power.RUNNING, None)


def test_a_guest_that_shuts_down_after_an_operators_start_stays_off(site: Site, alice: Operator) -> None:
    made(site, "state: stopped")
    alice.done(power.start, "vm/web", how=PLAIN)
    site.world.outside("kvm1").guest_shutdown("web")
    site.settle()
    assert (state(site), override(site)) == (Power.STOPPED, None)


def test_a_vm_started_by_hand_is_started_again_after_a_crash(site: Site, alice: Operator) -> None:
    made(site, "state: stopped")
    alice.done(power.start, "vm/web", how=PLAIN)
    site.world.outside("kvm1").kill("web")
    site.settle()
    assert state(site) is Power.RUNNING


def test_power_of_a_manual_vm_needs_no_record(site: Site, alice: Operator) -> None:
    made(site, "state: manual")
    for deed in (power.start, power.stop):
        assert alice.done(deed, "vm/web", how=PLAIN).endswith("on kvm1 (state: manual)")
        assert override(site) is None


def test_what_is_so_already_is_said_and_recorded(site: Site, alice: Operator) -> None:
    made(site)
    assert alice.done(power.start, "vm/web", how=PLAIN) == "runs already on kvm1 (as Git says)"
    ended = alice.done(power.start, "vm/web", lasts=60, how=PLAIN)
    assert ended == "runs already on kvm1 (as Git says; --for has nothing to end)"
    site.world.outside("kvm1").guest_shutdown("web")
    assert alice.done(power.stop, "vm/web", how=PLAIN).startswith("is off already on kvm1 (kept off until")
    assert override(site).author == "alice@desk"


def test_a_guest_that_does_not_go_keeps_running_and_no_pass_stops_it(site: Site, alice: Operator) -> None:
    made(site)
    site.world.outside("kvm1").guest("web", agent=False, acpi=False)
    outcome = alice.do(power.stop, "vm/web", how=How(timeout=20))
    assert not outcome.good
    assert "did not shut down within 20 s" in outcome.text
    assert (state(site), override(site)) == (Power.RUNNING, None)
    assert site.plan().empty
    assert alice.done(power.stop, "vm/web", how=FORCE).endswith("its power was cut")


def test_the_declared_last_resort_counts(site: Site, alice: Operator) -> None:
    made(site, "stopTimeout: 30s, stopLastResort: destroy")
    site.world.outside("kvm1").guest("web", agent=False, acpi=False)
    assert "did not shut down within 30 s; its power was cut" in alice.done(power.stop, "vm/web", how=PLAIN)


def test_a_stop_in_doubt_stays_recorded(site: Site, alice: Operator) -> None:
    made(site)
    site.world.faults.fail(1, Unknown, where=lambda call: call.method == "shutdown")
    outcome = alice.do(power.stop, "vm/web", how=PLAIN)
    assert not outcome.good
    assert "may still happen" in outcome.text
    assert override(site).value == "stopped"
    site.settle()
    assert state(site) is Power.STOPPED


def test_a_failed_start_leaves_the_stop_as_it_was(site: Site, alice: Operator) -> None:
    made(site)
    alice.done(power.stop, "vm/web", how=PLAIN)
    before = override(site)
    site.world.faults.fail(1, Refused, where=lambda call: call.method == "start")
    assert not alice.do(power.start, "vm/web", how=PLAIN).good
    assert override(site) == before
    assert site.plan().empty


def test_a_mark_that_moves_meanwhile_is_read_again(site: Site, alice: Operator) -> None:
    made(site)
    scene = alice.scene()
    site.vms(vm_yaml("web", "description: moved"))
    site.settle()
    assert power.stop(WEB, scene, PLAIN).startswith("stopped")
    mark = site.domain("web")[1].mark
    assert mark.declared["description"] == "moved"
    assert site.plan().empty


def test_a_reboot_asks_the_guest_and_a_reset_does_not(site: Site, alice: Operator) -> None:
    made(site)
    boots = site.world.outside("kvm1").domain("web").boots
    assert alice.done(power.reboot, "vm/web", how=PLAIN) == "was asked to reboot on kvm1"
    assert alice.done(power.reset, "vm/web") == "was reset on kvm1"
    domain = site.world.outside("kvm1").domain("web")
    assert (domain.resets, domain.boots) == (2, boots)


def test_a_reboot_with_pending_changes_is_a_power_cycle_that_brings_them_in(site: Site, alice: Operator) -> None:
    made(site)
    site.vms(vm_yaml("web", "firmware: uefi"))
    assert site.apply().good
    assert "still waiting for `gitvirt reboot web`: firmware" in alice.done(power.reset, "vm/web")
    text = alice.done(power.reboot, "vm/web", how=PLAIN)
    assert text == "was power-cycled on kvm1, which brought in firmware"
    vm = site.domain("web")[1]
    assert vm.live["firmware"] == "uefi"
    assert override(site) is None
    assert not site.plan().changes


def test_a_balloon_that_has_not_answered_yet_is_no_reason_for_a_power_cycle(site: Site, alice: Operator) -> None:
    made(site, "memoryMax: 1GiB")
    outside = site.world.outside("kvm1")
    outside.guest("web", agent=False, balloon=False)
    outside.destroy("web")
    site.settle()
    [field] = [each for change in site.plan().changes for each in change.fields]
    assert field.waits_for_guest
    assert alice.done(power.reboot, "vm/web", how=PLAIN) == "was asked to reboot on kvm1"


@pytest.mark.parametrize("spec", ["", "restart: never", "state: manual"])
def test_a_power_cycle_that_was_cut_off_is_finished_by_the_next_pass(site: Site, alice: Operator, spec: str) -> None:
    made(site, spec)
    if "manual" in spec:
        alice.done(power.start, "vm/web", how=PLAIN)
    site.vms(vm_yaml("web", f"firmware: uefi{', ' + spec if spec else ''}"))
    assert site.apply().good
    site.world.faults.fail(1, Busy, where=lambda call: call.method == "start")
    assert not alice.do(power.reboot, "vm/web", how=PLAIN).good
    assert state(site) is Power.STOPPED
    site.settle()
    assert state(site) is Power.RUNNING
    site.clock.advance(86400)
    site.settle()
    assert state(site) is Power.RUNNING
    assert override(site) is None or override(site).until < site.clock.now


def test_an_interrupted_stop_is_kept(site: Site, alice: Operator) -> None:
    class Hurry(NoWait):
        def wait(self, seconds: float) -> bool:
            return super().wait(seconds) or self.clock.now > began + 3

    made(site)
    site.world.outside("kvm1").guest("web", agent=False, shutdown_seconds=30)
    began = site.clock.now
    scene = replace(alice.scene(), pause=Hurry(site.clock))
    outcome = attempt(WEB, scene, partial(power.stop, how=PLAIN))
    assert "interrupted" in outcome.text
    assert override(site).value == "stopped"
    assert attempt(WEB, scene, partial(power.start, how=PLAIN)).text == "not begun: interrupted"
    site.settle()
    assert state(site) is Power.STOPPED


def test_a_paused_vm_is_not_restarted_by_an_update(site: Site, alice: Operator) -> None:
    made(site)
    alice.done(power.pause, "vm/web")
    site.vms(vm_yaml("web", "firmware: uefi, updatePolicy: {restart: now}"))
    assert site.apply().good
    assert state(site) is Power.PAUSED


class OwnTime(NoWait):
    """Time that passes for each thread only by its own waits: the others' must not use up its patience."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.own = threading.local()

    def now(self) -> float:
        return float(getattr(self.own, "waited", 0.0))

    def wait(self, seconds: float) -> bool:
        self.own.waited = self.now() + seconds
        return super().wait(seconds)


def test_many_vms_are_done_side_by_side_and_each_is_told(site: Site, alice: Operator) -> None:
    site.vms(*(vm_yaml(f"n{number}") for number in range(6)))
    site.settle()
    site.world.outside(site.domain("n3")[0]).guest("n3", agent=False, acpi=False)
    told = []
    refs = [Ref("VirtualMachine", f"n{number}") for number in range(6)]
    scene = replace(alice.scene(), pause=OwnTime(site.clock))
    found = perform(refs, scene, partial(power.stop, how=How(timeout=5)), told.append)
    assert [each.good for each in found] == [True, True, True, False, True, True]
    assert sorted(map(str, told)) == sorted(map(str, found))
    plan = site.plan()
    assert plan.empty, said(plan)
