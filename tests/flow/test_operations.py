"""Holds, the trash and release by hand, in whole passes."""

from __future__ import annotations

import pytest

from drivers.memory.faults import Crash
from drivers.seen import Power
from reconciler.diff.change import HeldReason, Verb
from reconciler.errors import SettingsError
from reconciler.operations import media, power, trash
from tests.flow.drives import CD, with_drive
from tests.flow.operator import PLAIN, Operator
from tests.flow.site import ID, Site, said, vm_yaml

# Holds.


def change_everything(site: Site) -> None:
    """Something to do for the VM (a description), the network (its lease range) and a new VM."""
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace("192.168.150.99", "192.168.150.88"))
    site.vms(vm_yaml("web", "description: moved"), vm_yaml("new"))


def test_a_held_vm_is_left_alone_until_it_is_unheld(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    assert alice.done(alice.holding.hold, "vm/web").startswith("is on hold until `gitvirt unhold vm/web`")
    site.vms()
    site.world.outside("kvm1").kill("web")
    plan = site.plan()
    assert plan.empty, said(plan)
    (change,) = plan.changes
    assert change.held is not None
    assert (change.held.reason, change.held.fix) == (HeldReason.ON_HOLD, "`gitvirt unhold vm/web`")
    assert "the next apply deletes it" in alice.do(alice.holding.unhold, "vm/web").text
    assert [each.verb for each in site.plan().changes] == [Verb.DELETE]


@pytest.mark.parametrize(
    ("target", "left"),
    [
        ("repository/site", set()),
        ("cluster/default", set()),
        ("host/kvm1", {"network/lan kvm2", "vm/new kvm2"}),
        ("network/lan", {"vm/web kvm1", "vm/new kvm2"}),
        ("vm/new", {"network/lan kvm1", "network/lan kvm2", "vm/web kvm1"}),
    ],
)
def test_a_hold_on_more_than_a_vm_is_obeyed_and_survives(
    site: Site, alice: Operator, target: str, left: set[str]
) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    change_everything(site)
    free = {f"{each.ref} {each.host}" for each in site.plan().changes if not each.held}
    assert alice.do(alice.holding.hold, target, lasts=3600).good
    acting = {f"{each.ref} {each.host}".strip() for each in site.plan().steps}
    assert acting == left
    assert {each.held.reason for each in site.plan().held} == {HeldReason.ON_HOLD}
    site.clock.advance(3601)
    assert {f"{each.ref} {each.host}" for each in site.plan().changes if not each.held} == free
    assert alice.do(alice.holding.unhold, target).good
    assert not alice.do(alice.holding.unhold, target).good
    site.settle()


def test_a_hold_on_everything_keeps_the_trash(site: Site, alice: Operator) -> None:
    disks = "=cpu: 1, memory: 96MiB, disks: [{name: root, image: guest}%s]"
    site.vms(vm_yaml("web", disks % ", {name: data, size: 1GiB}"))
    site.settle()
    site.vms(vm_yaml("web", disks % ""))
    site.settle()
    alice.done(alice.holding.hold, "repository/site")
    site.clock.advance(30 * 86400)
    assert site.plan().empty
    alice.do(alice.holding.unhold, "repository/site")
    assert [each.verb for each in site.plan().changes] == [Verb.PURGE]


def test_a_hold_on_a_vm_ends_with_its_time(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    assert alice.do(alice.holding.hold, "vm/web", lasts=60).good
    site.vms(vm_yaml("web", "description: other"))
    assert site.plan().empty
    site.clock.advance(61)
    site.settle()
    assert site.domain("web")[1].config["description"] == "other"


def test_a_hold_follows_a_rename(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web", "state: stopped"))
    site.settle()
    alice.done(alice.holding.hold, "vm/web")
    site.vms(vm_yaml("www", "state: stopped", ", renamedFrom: web"))
    assert site.plan().empty
    assert alice.do(alice.holding.unhold, "vm/www").good
    site.settle()


def test_a_damaged_file_of_holds_is_an_error_with_its_path(site: Site, alice: Operator) -> None:
    alice.done(alice.holding.hold, "cluster/default")
    (site.state / f"holds-{ID}.json").write_text("{")
    with pytest.raises(SettingsError, match="is damaged"):
        site.plan()


@pytest.mark.parametrize("target", ["dc/site", "macpool/house", "instancetype/small"])
def test_a_hold_that_nothing_would_heed_is_declined(target: str, alice: Operator) -> None:
    assert "hold what uses it" in alice.declined(alice.holding.hold, target)
    assert not alice.holding.holds.all()


# The trash, release.


def test_an_undeleted_vm_stays_although_it_is_not_declared(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    _, before = site.domain("web")
    site.world.outside("kvm1").guest_writes("web", "disks[root]", b"precious")
    site.vms()
    site.settle()
    text = alice.done(trash.undelete, "vm/web")
    assert "off and on hold until `gitvirt unhold vm/web`" in text
    assert "git revert" in text
    site.clock.advance(30 * 86400)
    site.apply()
    _, vm = site.domain("web")
    assert (vm.power, vm.mark.trashed, vm.uuid) == (Power.STOPPED, 0, before.uuid)
    pool = site.world.host("kvm1").reader.pool("shared")
    assert pool is not None
    assert not [name for name in pool.volumes if ".trash." in name]
    assert alice.do(power.start, "vm/web", how=PLAIN).text == "started on kvm1 (no longer declared)"
    site.vms(vm_yaml("web"))
    alice.do(alice.holding.unhold, "vm/web")
    site.settle()
    assert site.domain("web")[1].power is Power.RUNNING
    assert not site.world.damage


def test_what_is_not_in_the_trash_is_not_undeleted(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    assert "does not lie in the trash" in alice.declined(trash.undelete, "vm/web")
    site.vms()
    site.settle()
    site.vms(vm_yaml("web"))
    assert "is declared: `gitvirt apply`" in alice.declined(trash.undelete, "vm/web")
    site.vms()
    assert "lies in the trash" in alice.declined(trash.release, "vm/web")


def test_a_released_vm_is_nobodys(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    assert "plans say NameTaken" in alice.do(trash.release, "vm/web").text
    before = site.domain("web")[1]
    assert (before.mark, before.power) == (None, Power.RUNNING)
    assert [each.held.reason for each in site.plan().held] == [HeldReason.NAME_TAKEN]
    site.vms()
    site.settle()
    assert site.domain("web")[1] == before
    assert "gitvirt does not own" in alice.declined(trash.release, "vm/web")


def test_a_released_vm_is_adopted_again_with_the_devices_that_gitvirt_once_named(site: Site, alice: Operator) -> None:
    spec = vm_yaml("web", CD % "{name: cd}" + ", nics: [lan]")
    site.vms(spec)
    site.settle()
    made = site.domain("web")[1].mark
    assert made is not None
    alice.done(trash.release, "vm/web")
    uuid = site.domain("web")[1].uuid
    site.vms(spec.replace("spec: {", f"spec: {{uuid: {uuid}, "))
    site.settle()
    mark = site.domain("web")[1].mark
    assert mark is not None
    assert {key: (each.alias, each.mac) for key, each in mark.devices.items()} == {
        key: (each.alias, each.mac) for key, each in made.devices.items()
    }
    assert not mark.devices["disk/root"].made  # it was released, so it may not be deleted any more


def test_a_released_vm_that_is_declared_by_uuid_is_adopted_again(site: Site, alice: Operator) -> None:
    uuid = site.world.outside("kvm1").define("old", {"memory": 1 << 28, "memoryMax": 1 << 28}).uuid
    site.vms(vm_yaml("old", f"=uuid: {uuid}, memory: 256MiB, state: manual"))
    site.settle()
    assert "adopts it again" in alice.do(trash.release, "vm/old").text
    assert [each.verb for each in site.plan().changes] == [Verb.ADOPT]


def test_a_released_network_is_left_alone_on_all_hosts(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    assert alice.do(trash.release, "network/lan").text.startswith("is released on kvm1, kvm2: it stays as it is")
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace("spec: {type: nat,", "spec: {external: true, type: nat,"))
    assert site.plan().empty
    assert "no host that was read" in alice.declined(trash.release, "network/lan")


# Killed on the way.


def trashed(site: Site, alice: Operator) -> None:
    site.vms()
    site.settle()


def pending_change(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web", (CD % "{name: cd, image: setup}") + ", firmware: uefi"))
    assert site.apply().good


def stopped(site: Site, alice: Operator) -> None:
    alice.done(power.stop, "vm/web", how=PLAIN)


def nothing(site: Site, alice: Operator) -> None:
    pass


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize(
    ("prepare", "deed", "options"),
    [
        (nothing, power.stop, {"how": PLAIN}),
        (stopped, power.start, {"how": PLAIN}),
        (nothing, power.pause, {}),
        (nothing, power.suspend, {}),
        (pending_change, power.reboot, {"how": PLAIN}),
        (nothing, media.insert, {"drive": "", "image": "tools"}),
        (trashed, trash.undelete, {}),
    ],
    ids=["stop", "start", "pause", "suspend", "reboot", "insert", "undelete"],
)
def test_killed_at_every_step_of_a_deed_passes_converge_and_it_can_be_repeated(
    tmp_path_factory: pytest.TempPathFactory, prepare, deed, options: dict[str, object], moment
) -> None:  # type: ignore[no-untyped-def]
    for number in range(1, 20):
        site = Site(tmp_path_factory.mktemp("site"))
        alice = Operator(site)
        with_drive(site)
        prepare(site, alice)
        rule = site.world.faults.crash(number, moment)
        try:
            alice.do(deed, "vm/web", **options)
        except Crash:
            site.world.faults.revive()
        if not rule.fired:
            break
        site.settle()
        assert not site.world.doubles
        assert not site.world.damage
        again = alice.do(deed, "vm/web", **options)
        assert again.good or "does not lie in the trash" in again.text or "put into the trash" in again.text, again
        site.settle()
    assert number > 1
