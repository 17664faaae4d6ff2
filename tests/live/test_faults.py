"""Hosts, QEMU, libvirtd and cables fail while VMs are declared: nothing runs twice, and the next pass converges."""

from __future__ import annotations

import os
import signal
import subprocess
from collections import Counter
from collections.abc import Callable
from contextlib import suppress

import pytest

from drivers.lab.lab import Lab
from drivers.libvirt import connect
from drivers.seen import Power
from reconciler.apply.outcome import Outcome, Status
from reconciler.diff.change import HeldReason
from reconciler.plan.plan import Step
from tests.live.conftest import Guest, virsh
from tests.live.facts import assert_each_runs_once, end_libvirtd, held, inside, qemu, wait_until, wait_until_seen
from tests.live.site import LiveSite, machine, said

pytestmark = pytest.mark.live

BAD = (Status.FAILED, Status.UNKNOWN, Status.STALE)


def outcomes(site: LiveSite, tell: Callable[[Step, Outcome | None], None]) -> dict[str, list[Status]]:
    """Applies; host → how its steps ended."""
    found: dict[str, list[Status]] = {}
    for each in site.apply(tell).outcomes.values():
        found.setdefault(each.step.host, []).append(each.status)
    return found


def when_it_begins(what: str, host: str, deed: Callable[[], object]) -> Callable[[Step, Outcome | None], None]:
    """Does it once, right before that step on that host."""
    done: list[Step] = []

    def tell(step: Step, outcome: Outcome | None) -> None:
        if (outcome, step.what, step.host) == (None, what, host) and not done:
            done.append(step)
            deed()

    return tell


# --- power and cables -------------------------------------------------------------------------------------------------


def test_a_vm_of_a_host_without_power_is_held_and_runs_again_once(site: LiveSite, lab: Lab) -> None:
    site.vms([machine("web")])
    site.settle()
    host, vm = site.vm("web")
    assert host == "kvm1"

    lab.power_off("kvm1")
    plan = site.plan()
    assert plan.empty, said(plan)
    assert held(plan)["vm/web"] is HeldReason.HOST_UNSEEN
    assert site.apply().outcomes == {}
    assert [virsh(lab, each, "list", "--all", "--name") for each in ("kvm2", "kvm3")] == ["", ""]
    assert qemu(vm.uuid) == []

    lab.power_on("kvm1")
    wait_until_seen(site)
    site.settle()
    assert site.vm("web")[0] == "kvm1"
    assert_each_runs_once(site, "web")


def test_a_cable_cut_in_the_middle_of_an_apply_is_no_reason_to_start_elsewhere(site: LiveSite, lab: Lab) -> None:
    site.vms([machine("one", hosts=["kvm1"]), machine("two", hosts=["kvm2"]), machine("any")])
    ended = outcomes(site, when_it_begins("start", "kvm1", lambda: lab.set_cable("kvm1", connected=False)))
    assert set(ended["kvm1"]) & set(BAD), ended
    assert set(ended["kvm2"]) <= {Status.DONE, Status.UNCHANGED}

    plan = site.plan()
    assert held(plan)["vm/any"] is HeldReason.HOST_UNSEEN, said(plan)
    assert plan.empty, said(plan)
    lab.set_cable("kvm1", connected=True)
    wait_until_seen(site)
    site.settle()
    assert_each_runs_once(site, "one", "two", "any")


# --- QEMU -------------------------------------------------------------------------------------------------------------


def test_a_killed_qemu_is_started_again_and_a_shutdown_from_inside_is_respected(site: LiveSite) -> None:
    site.vms([machine("killed"), machine("tired")])
    site.settle()
    host, vm = site.vm("killed")
    (process,) = qemu(vm.uuid)
    os.kill(process, signal.SIGKILL)
    guest = Guest(site.lab, site.vm("tired")[0], "tired")
    guest.wait_for_agent()
    with suppress(subprocess.CalledProcessError):  # it may be off before its agent has answered
        guest.agent("guest-exec", path="/bin/sh", arg=["-c", "sync; poweroff -f"])
    wait_until(lambda: guest.state() == "shut off")
    wait_until(lambda: virsh(site.lab, host, "domstate", "killed") == "shut off")

    site.settle()
    assert_each_runs_once(site, "killed")
    assert qemu(vm.uuid) != [process]
    assert site.vm("tired")[1].power is Power.STOPPED
    assert not site.plan().changes
    guest.virsh("start")  # by an operator's hand: from here on it is kept running again
    site.settle()
    os.kill(qemu(site.vm("tired")[1].uuid)[0], signal.SIGKILL)
    wait_until(lambda: guest.state() == "shut off")
    site.settle()
    assert_each_runs_once(site, "tired")


def test_a_qemu_that_hangs_stops_nobody_else(site: LiveSite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connect.DEADLINES, "changes", 10.0)  # the real one is longer than this test should take
    names = ("stuck", "other")
    site.vms([machine(name, hosts=["kvm1"], memory="112MiB", memoryMax="128MiB") for name in names])
    site.settle()
    (process,) = qemu(site.vm("stuck")[1].uuid)
    os.kill(process, signal.SIGSTOP)
    try:
        observed = site.look().context.observed
        assert observed.complete
        assert {each.vm.name for each in observed.vms()} == set(names)
        site.vms([machine(name, hosts=["kvm1"], memory="104MiB", memoryMax="128MiB") for name in names])
        run = site.apply()
        ended = {each.step.ref.name: each for each in run.outcomes.values()}
        assert ended["other"].status is Status.DONE
        assert ended["stuck"].status in BAD
        assert "stuck" in ended["stuck"].error or "10 s" in ended["stuck"].error, ended["stuck"].error
        assert site.look().context.observed.complete
    finally:
        os.kill(process, signal.SIGCONT)
    wait_until(lambda: site.apply().good)
    site.settle()
    assert qemu(site.vm("stuck")[1].uuid) == [process]
    assert site.vm("stuck")[1].config["memory"] == 104 << 20


# --- libvirtd ---------------------------------------------------------------------------------------------------------


def test_a_libvirtd_that_dies_half_way_delays_its_own_host_only(site: LiveSite, lab: Lab) -> None:
    site.vms([machine(f"vm{number}", hosts=[f"kvm{1 + number % 2}"]) for number in range(4)])
    hold = "/run/gitvirt-lab/hold/libvirtd"
    inside(lab, "kvm1", f"touch {hold}")
    ended = outcomes(site, when_it_begins("start", "kvm1", lambda: end_libvirtd(lab, "kvm1", "KILL")))
    counted = Counter(ended["kvm1"])
    assert any(counted[each] for each in BAD), counted
    assert set(ended["kvm2"]) <= {Status.DONE, Status.UNCHANGED}
    inside(lab, "kvm1", f"rm {hold}")
    wait_until_seen(site)
    site.settle()
    assert_each_runs_once(site, *(f"vm{number}" for number in range(4)))


def test_a_libvirtd_that_restarts_between_two_passes_is_found_again(site: LiveSite, lab: Lab) -> None:
    site.vms([machine("web")])
    site.settle()
    (process,) = qemu(site.vm("web")[1].uuid)
    end_libvirtd(lab, "kvm1")
    wait_until_seen(site)
    assert site.plan().changes == ()
    site.vms([machine("web", description="after")])
    site.settle()
    assert qemu(site.vm("web")[1].uuid) == [process]
