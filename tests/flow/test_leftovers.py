"""Definitions that a move left behind, where libvirt forgot it: none is touched while the VM may run unseen."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from drivers.memory.faults import Crash
from drivers.memory.model.domain import Domain
from drivers.memory.running import halt
from drivers.moving import Migration
from drivers.seen import Power
from reconciler.apply.outcome import Status
from reconciler.diff.change import HeldReason
from reconciler.operations import once, perform, power
from reconciler.plan.plan import Plan
from specs.resource import Ref
from specs.structs import replace
from tests.flow.operator import FORCE, PLAIN, Operator
from tests.flow.site import Site, said, vm_yaml

Deed = Callable[[Site], None]
TWO_DISKS = "=cpu: 1, memory: 96MiB, nics: [lan], disks: [{name: root, image: guest}, {name: data, size: 1GiB}]"


@pytest.fixture
def web(tmp_path: Path) -> Site:
    """vm/web runs on kvm1 of three hosts; images are not locked, so that nothing else prevents harm."""
    site = Site(tmp_path, hosts=3, locks=False)
    site.vms(vm_yaml("web", "hosts: [kvm1]"))
    site.settle()
    site.vms(vm_yaml("web"))
    return site


def leave_behind(site: Site, reason: str = "unknown") -> Domain:
    """A definition of vm/web on kvm2, which it left long ago; kvm1, where it runs, is out of reach."""
    here = site.world.outside("kvm1").domain("web")
    left = Domain(here.name, here.uuid, here.config.copy(), None, mark=here.mark)
    left.reason = reason
    site.world.hosts["kvm2"].domains[here.uuid] = left
    site.world.cut("kvm1")
    return left


def held(plan: Plan) -> list[HeldReason]:
    [change] = [each for each in plan.changes if str(each.ref) == "vm/web"]
    every = [change.held, *(each.held for each in change.fields)]
    return [each.reason for each in every if each is not None]


@pytest.mark.parametrize("reason", ["unknown", "migrated", "daemon", "destroyed", "failed"])
@pytest.mark.parametrize("spec", ["", "hosts: [kvm3]", "restart: always", TWO_DISKS])
def test_a_leftover_is_not_touched_while_the_host_that_runs_the_vm_is_unseen(web: Site, reason: str, spec: str) -> None:
    leave_behind(web, reason)
    web.vms(vm_yaml("web", spec))
    plan = web.plan()
    assert plan.empty, said(plan)
    assert HeldReason.HOST_UNSEEN in held(plan), said(plan)
    web.world.restore("kvm1")
    web.vms(vm_yaml("web"))
    web.settle()
    assert web.domain("web")[0] == "kvm1"
    assert not web.world.doubles


def test_a_leftover_in_the_trash_is_not_restored_while_a_host_is_unseen(web: Site) -> None:
    web.vms()
    web.settle()
    leave_behind(web)
    web.vms(vm_yaml("web"))
    plan = web.plan()
    assert plan.empty, said(plan)
    assert held(plan) == [HeldReason.HOST_UNSEEN]


@pytest.mark.parametrize("end", ["guest_shutdown", "kill"])
def test_what_ended_here_is_started_again_although_a_host_is_unseen(web: Site, end: str) -> None:
    web.vms(vm_yaml("web", "restart: always"))
    web.settle()
    getattr(web.world.outside("kvm1"), end)("web")
    web.world.cut("kvm2")
    assert web.apply().good
    assert web.domain("web")[1].power is Power.RUNNING


def test_a_host_that_was_cut_off_from_power_starts_its_vms_once_all_hosts_are_seen(web: Site) -> None:
    web.world.power_off("kvm1")
    web.world.power_on("kvm1")
    web.world.cut("kvm2")
    plan = web.plan()
    assert held(plan) == [HeldReason.HOST_UNSEEN]
    text = Operator(web).declined(power.start, "vm/web", how=PLAIN)
    assert "kvm2 was not read" in text
    web.world.restore("kvm2")
    web.settle()
    assert web.domain("web")[1].power is Power.RUNNING


def hand_over(site: Site) -> None:
    """Somebody migrates vm/web to kvm2, and dies while it is handed over: libvirt has paused it on kvm1."""
    vm = site.domain("web")[1]
    assert vm.mark is not None
    site.world.faults.crash(1, "midway", phase="switching")
    request = Migration(uuid=vm.uuid, expects=vm.mark.generation)
    with pytest.raises(Crash):
        site.world.host("kvm1").migrations.migrate(request, site.world.host("kvm2"), lambda progress: None)
    site.world.faults.revive()


def go_off(site: Site, reason: str) -> None:
    """The VM is off on kvm1 by now, for that reason."""
    vm = site.world.outside("kvm1").domain("web")
    halt(site.world, site.world.hosts["kvm1"], vm, reason)


def pause_for(site: Site, reason: str) -> None:
    """The hypervisor has paused it."""
    site.world.outside("kvm1").domain("web").reason = reason


def disown(site: Site) -> None:
    """Somebody takes our mark away."""
    site.world.outside("kvm1").domain("web").mark = None


def bury(site: Site) -> None:
    """Another gitvirt puts it into the trash."""
    vm = site.world.outside("kvm1").domain("web")
    assert vm.mark is not None
    vm.mark = replace(vm.mark, trashed=1)


def vanish(site: Site) -> None:
    """Somebody stops and undefines it."""
    if site.domain("web")[1].running:
        site.world.outside("kvm1").destroy("web")
    site.world.outside("kvm1").undefine("web")


@pytest.mark.parametrize(
    "meanwhile",
    [
        disown,
        bury,
        vanish,
        hand_over,
        partial(go_off, reason="migrated"),
        partial(pause_for, reason="ioerror"),
        partial(pause_for, reason="postcopy"),
    ],
    ids=["disowned", "trashed", "undefined", "handed over", "moved away", "ioerror", "postcopy"],
)
def test_a_start_looks_again_and_leaves_alone_what_is_not_its_to_start_by_now(web: Site, meanwhile: Deed) -> None:
    web.world.host("kvm1").powers.pause(web.domain("web")[1].uuid)
    looked = web.look()
    assert looked.plan.steps[0].what == "start"
    meanwhile(web)
    before = web.world.observe()["kvm1"]
    outcome = web.act(looked).outcomes[looked.plan.steps[0].id]
    assert outcome.status is Status.STALE, outcome
    assert web.world.observe()["kvm1"] == before
    assert not web.world.doubles


@pytest.mark.parametrize("deed", [power.start, power.resume])
def test_by_hand_nothing_goes_on_that_is_on_its_way_by_now(web: Site, deed: Callable[..., str]) -> None:
    alice = Operator(web)
    alice.do(power.pause, "vm/web")
    scene = alice.scene()
    hand_over(web)
    before = web.world.observe()["kvm1"]
    outcome = perform.attempt(Ref.parse("vm/web"), scene, lambda ref, scene: deed(ref, scene, how=FORCE))
    assert not outcome.good
    assert "it is between two hosts" in outcome.text
    assert web.world.observe()["kvm1"] == before


@pytest.mark.parametrize("meanwhile", [disown, bury, vanish], ids=["disowned", "trashed", "undefined"])
def test_by_hand_nothing_is_started_that_is_not_ours_to_start_by_now(web: Site, meanwhile: Deed) -> None:
    alice = Operator(web)
    alice.done(power.stop, "vm/web", how=PLAIN)
    scene = alice.scene()
    meanwhile(web)
    before = web.world.observe()["kvm1"]
    assert not perform.attempt(Ref.parse("vm/web"), scene, partial(power.start, how=FORCE)).good
    assert web.world.observe()["kvm1"] == before


@pytest.mark.parametrize(
    "deed",
    [partial(power.start, how=FORCE), partial(once.start_once, how=FORCE, settings=once.Settings(boot="disk"))],
    ids=["start", "once"],
)
def test_by_hand_nothing_is_started_that_has_left_by_now(web: Site, deed: Callable[..., str]) -> None:
    alice = Operator(web)
    alice.done(power.stop, "vm/web", how=PLAIN)
    scene = alice.scene()
    web.world.outside("kvm1").domain("web").reason = "migrated"
    outcome = perform.attempt(Ref.parse("vm/web"), scene, deed)
    assert "libvirt moved it to another host" in outcome.text
    assert not web.domain("web")[1].running
