"""Media, holds, the trash and release by hand, in whole passes."""

from __future__ import annotations

import hashlib

import pytest

from drivers.memory.faults import Crash
from drivers.seen import Power
from reconciler.diff.change import HeldReason, Verb
from reconciler.errors import SettingsError
from reconciler.operations import media, power, trash
from tests.flow.operator import PLAIN, Operator
from tests.flow.site import ID, Site, said, vm_yaml

ISO = {name: f"CD001 {name}".encode() for name in ("setup", "tools")}
CD = "=cpu: 1, memory: 96MiB, disks: [{name: root, image: guest}], cdroms: [%s]"
SOURCE = "cdroms[cd].source"


def isos(site: Site) -> None:
    documents = []
    for name, content in ISO.items():
        (site.repository / f"{name}.iso").write_bytes(content)
        checksum = hashlib.sha256(content).hexdigest()
        documents.append(
            f"---\napiVersion: gitvirt/v1\nkind: Image\nmetadata: {{name: {name}}}\n"
            f'spec: {{type: iso, file: {name}.iso, checksum: "sha256:{checksum}", storageDomain: shared}}\n'
        )
    site.write("isos.yaml", "".join(documents))


def with_drive(site: Site, drive: str = "{name: cd, image: setup}") -> None:
    isos(site)
    site.vms(vm_yaml("web", CD % drive))
    site.settle()


def medium(site: Site) -> tuple[object, object]:
    vm = site.domain("web")[1]
    return vm.config[SOURCE], vm.live[SOURCE] if vm.live else None


def path_of(site: Site, name: str) -> str:
    image = site.look().context.wanted.images[name]
    return f"/srv/shared/{image.volume}"


# Media.


def test_a_medium_put_in_by_hand_stays_until_git_names_another(site: Site, alice: Operator) -> None:
    with_drive(site)
    text = alice.done(media.insert, "vm/web", drive="", image="tools")
    assert text == "has tools in drive cd on kvm1 (stays until Git names another image; Git says setup)"
    assert medium(site) == (path_of(site, "tools"),) * 2
    assert not site.plan().changes
    site.vms(vm_yaml("web", CD % "{name: cd, image: null}"))
    site.settle()
    assert medium(site) == ("", "")


def test_the_declared_medium_comes_back_when_the_time_is_over(site: Site, alice: Operator) -> None:
    with_drive(site)
    assert "stays until 2023" in alice.done(media.eject, "vm/web", lasts=60, drive="cd")
    assert medium(site) == ("", "")
    site.clock.advance(61)
    site.settle()
    assert medium(site) == (path_of(site, "setup"),) * 2


def test_putting_the_declared_medium_back_ends_the_deed(site: Site, alice: Operator) -> None:
    with_drive(site)
    alice.done(media.eject, "vm/web", drive="cd")
    assert alice.done(media.insert, "vm/web", drive="cd", image="setup") == "has setup in drive cd on kvm1"
    assert not site.domain("web")[1].mark.overrides
    assert not site.plan().changes


def test_a_medium_stays_when_something_else_changes_meanwhile(site: Site, alice: Operator) -> None:
    with_drive(site)
    alice.done(media.insert, "vm/web", drive="cd", image="tools")
    site.vms(vm_yaml("web", CD % "{name: cd, image: setup}" + ", description: moved"))
    site.settle()
    assert medium(site) == (path_of(site, "tools"),) * 2
    site.vms(vm_yaml("web", CD % "{name: cd, image: tools}" + ", description: moved"))
    site.settle()
    assert medium(site) == (path_of(site, "tools"),) * 2


def test_a_drive_without_a_declared_medium_takes_any(site: Site, alice: Operator) -> None:
    with_drive(site, "{name: cd}")
    assert alice.done(media.insert, "vm/web", drive="", image="tools") == "has tools in drive cd on kvm1"
    text = alice.done(media.insert, "vm/web", lasts=60, drive="", image="tools")
    assert text == "has tools in drive cd on kvm1; --for has nothing to end"
    assert medium(site) == (path_of(site, "tools"),) * 2
    assert not site.domain("web")[1].mark.overrides


def test_media_of_a_vm_that_is_off_change_in_its_definition(site: Site, alice: Operator) -> None:
    with_drive(site)
    alice.done(power.stop, "vm/web", how=PLAIN)
    alice.done(media.insert, "vm/web", drive="cd", image="tools")
    alice.done(power.start, "vm/web", how=PLAIN)
    assert medium(site) == (path_of(site, "tools"),) * 2


def test_media_that_cannot_be_are_declined(site: Site, alice: Operator) -> None:
    with_drive(site, "{name: cd}, {name: other}")
    assert "cd, other; name one" in alice.declined(media.eject, "vm/web", drive="")
    assert "no CD-ROM drive `cdd`; did you mean `cd`?" in alice.declined(media.eject, "vm/web", drive="cdd")
    assert "no image `toolz`" in alice.declined(media.insert, "vm/web", drive="cd", image="toolz")
    assert "is a qcow2 disk image" in alice.declined(media.insert, "vm/web", drive="cd", image="guest")
    site.world.outside("kvm1").remove_file(path_of(site, "tools") + ".ready")
    site.world.host("kvm1").pools.refresh("shared")
    assert "is not on kvm1 yet" in alice.declined(media.insert, "vm/web", drive="cd", image="tools")
    alice.do(power.suspend, "vm/web")
    assert "suspended to disk" in alice.declined(media.eject, "vm/web", drive="cd")


def test_a_vm_without_drives_is_told_to_declare_one(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    assert "has no CD-ROM drive; declare one" in alice.declined(media.eject, "vm/web", drive="")


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
