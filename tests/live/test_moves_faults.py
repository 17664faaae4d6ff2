"""A running guest moves while everything around it fails: it runs on one host at every moment, and its memory is whole.

One guest that counts lives through each test, watched for doubles; after each fault the next passes bring it to where
it shall be, without any hand.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.lab.lab import Lab
from drivers.seen import Power
from reconciler.apply.outcome import Run, Status
from reconciler.diff.change import HeldReason
from tests.live import counting
from tests.live.command import Gitvirt
from tests.live.conftest import Guest, virsh
from tests.live.counting import Count
from tests.live.facts import inside, nothing_doubles, qemu, wait_until, wait_until_seen
from tests.live.site import LiveSite, machine, said

pytestmark = pytest.mark.live

QUICK = "concurrent: 1"
SLOW = "concurrent: 1, bandwidth: 1MiB"
"""A minute for the guest's memory: there is a middle of the migration to disturb, however slow this machine is."""
BUSY = "concurrent: 1, bandwidth: 5MiB, autoConverge: false"
"""A guest that writes can never be caught up with, however slow it is."""


class Traveller:
    """The guest `web`, which counts; `host` is where it is."""

    def __init__(self, site: LiveSite) -> None:
        self.site, self.lab, self.host = site, site.lab, "kvm1"
        self.rule(QUICK)
        self.send("kvm1")
        self.settled()
        self.guest.wait_for_agent()
        self.before: Count = counting.begin(self.guest)

    @property
    def guest(self) -> Guest:
        return Guest(self.lab, self.host, "web")

    def rule(self, migration: str) -> None:
        """How VMs of the cluster migrate."""
        file = self.site.folder / "infrastructure.yaml"
        text = re.sub(r"\n  migration: .*", "", file.read_text())
        file.write_text(re.sub(r"(kind: Cluster\n.*\nspec:)", rf"\1\n  migration: {{{migration}}}", text))
        assert migration in file.read_text()

    def send(self, *hosts: str) -> None:
        """The repository now says that it may run on these alone."""
        self.site.vms([machine("web", hosts=list(hosts))])

    def moving(self) -> bool:
        """Is a part of its memory on the way?"""
        told = inside(self.lab, self.host, "virsh domjobinfo web || true")
        done = re.search(r"Memory processed: +([0-9.]+) (\w+)", told)
        return "Outgoing migration" in told and done is not None and done[2] == "MiB" and float(done[1]) > 1

    def during(self, deed: Callable[[], object]) -> Run:
        """Applies, and does the deed in the middle of the migration, which is slow."""
        self.rule(SLOW)
        wait_until(self.migrates_next, what=lambda: f"a migration in the plan {said(self.site.plan())}")
        runs: list[Run] = []
        working = threading.Thread(target=lambda: runs.append(self.site.apply()))
        working.start()
        wait_until(self.moving, what="the migration")
        deed()
        working.join()
        self.rule(QUICK)
        return runs[0]

    def migrates_next(self) -> bool:
        """Is it to migrate? If not, does what is to be done before: what an earlier fault has left."""
        looked = self.site.look()
        if any(each.what.startswith("migrate") for each in looked.plan.steps):
            return True
        self.site.app.act(looked, lambda step, outcome: None)
        return False

    def hurry(self) -> None:
        """The migration that is under way has been slow for long enough."""
        inside(self.lab, self.host, "virsh -q migrate-setspeed web 1000 || true")

    def settled(self) -> None:
        """Passes until nothing is left to do; it is where the repository wants it, once, and has counted on."""
        wait_until_seen(self.site)
        wait_until(self.pass_and_look, what=lambda: said(self.site.plan()))
        self.host, vm = self.site.vm("web")
        assert vm.power is Power.RUNNING
        assert len(qemu(vm.uuid)) == 1
        assert self.everywhere() == {self.host: "running"}

    def pass_and_look(self) -> bool:
        """One pass; is nothing left then, to do or to wait for?"""
        good, plan = self.site.apply().good, self.site.plan()
        return good and plan.empty and not plan.anything_held

    def everywhere(self) -> dict[str, str]:
        """host → state, as each host itself says."""
        states = {host: inside(self.lab, host, "virsh -q domstate web || true") for host in ("kvm1", "kvm2", "kvm3")}
        return {host: state for host, state in states.items() if state}

    def went_on(self) -> None:
        self.before = counting.assert_went_on(self.guest, self.before)

    def stayed(self, run: Run) -> str:
        """The move failed, and the guest runs where it was, untouched; what was said of it."""
        (bad,) = [each for each in run.outcomes.values() if each.error]
        assert bad.step.what.startswith("migrate"), bad
        assert bad.status in (Status.FAILED, Status.UNKNOWN), bad
        self.went_on()
        return bad.error

    def arrives(self, host: str) -> None:
        """The next passes bring it there."""
        self.settled()
        assert self.host == host
        self.went_on()


def test_what_breaks_in_mid_migration_leaves_the_guest_running_once(site: LiveSite, lab: Lab) -> None:
    web = Traveller(site)
    with nothing_doubles(lab):
        web.send("kvm2")
        run = web.during(lambda: lab.set_path("kvm1", "kvm2", connected=False))
        assert web.stayed(run)
        lab.set_path("kvm1", "kvm2", connected=True)
        run = web.during(lambda: inside(lab, "kvm1", "kill -9 $(cat /run/libvirtd.pid)"))
        wait_until_seen(site)
        assert web.stayed(run)
        web.arrives("kvm2")

        web.send("kvm3")
        run = web.during(lambda: lab.power_off("kvm3"))
        assert web.stayed(run)
        assert site.plan().empty
        lab.power_on("kvm3")
        wait_until_seen(site)
        run = web.during(lambda: lab.set_path("kvm2", connected=False))
        assert {each.status for each in run.outcomes.values() if each.error} == {Status.UNKNOWN}
        web.hurry()
        lab.set_path("kvm2", connected=True)
        web.arrives("kvm3")


def test_a_guest_that_writes_too_fast_is_given_up_and_a_full_target_is_not_tried(
    site: LiveSite, lab: Lab, tmp_path: Path
) -> None:
    web = Traveller(site)
    with nothing_doubles(lab):
        counting.dirty(web.guest)
        web.rule(BUSY)
        web.send("kvm2")
        assert "memory faster" in web.stayed(site.apply())
        counting.rest(web.guest)
        web.rule(QUICK)
        fill(lab, "kvm2", tmp_path)
        plan = site.plan()
        assert plan.empty, said(plan)
        assert [field.held.reason for each in plan.changes for field in each.fields if field.held] == [
            HeldReason.CANNOT_MOVE
        ]
        assert "memory" in said(plan).lower()
        virsh(lab, "kvm2", "destroy", "glutton")
        web.arrives("kvm2")


def fill(lab: Lab, host: str, folder: Path) -> None:
    """A foreign VM that may take nearly all of the host's memory; it touches none of it."""
    total = int(inside(lab, host, "awk '/MemTotal/ {print int($2 / 1024)}' /proc/meminfo"))
    (folder / "glutton.xml").write_text(f"""
        <domain type='qemu'>
          <name>glutton</name><memory unit='MiB'>{total - 64}</memory><vcpu>1</vcpu>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
        </domain>""")
    virsh(lab, host, "create", folder / "glutton.xml", "--paused")


# --- gitvirt itself ---------------------------------------------------------------------------------------------------


def kill_at(site: LiveSite, target: str, moment: Callable[[], object]) -> None:
    """Lets a process of its own apply, and kills it at that moment after it has said that the migration begins."""
    with Gitvirt(site).telling() as process:
        assert process.stdout is not None
        for line in process.stdout:
            if f"migrate to {target}" in line:
                moment()
                process.kill()
                return
    pytest.fail("it came to its end")


def test_gitvirt_killed_before_during_and_after_a_migration_costs_nothing(site: LiveSite, lab: Lab) -> None:
    web = Traveller(site)
    with nothing_doubles(lab):
        web.send("kvm2")
        kill_at(site, "kvm2", lambda: None)
        web.arrives("kvm2")

        web.rule(SLOW)
        web.send("kvm3")
        kill_at(site, "kvm3", lambda: wait_until(web.moving, what="the migration"))
        plan = site.plan()
        assert plan.empty, said(plan)  # libvirt goes on with it, and nobody interferes
        assert web.moving()
        web.hurry()
        web.arrives("kvm3")

        web.rule(QUICK)
        web.send("kvm1")
        kill_at(site, "kvm1", lambda: wait_until(lambda: set(web.everywhere()) == {"kvm1"}, what="the arrival"))
        assert not site.plan().changes
        web.arrives("kvm1")

        web.rule(f"{SLOW}, peerToPeer: false")
        web.send("kvm2")
        kill_at(site, "kvm2", lambda: wait_until(web.moving, what="the migration"))
        wait_until(lambda: not web.moving(), what="libvirt's giving up")
        assert web.everywhere()["kvm1"] == "running"
        web.rule(QUICK)
        web.arrives("kvm2")
