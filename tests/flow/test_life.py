"""The life of a VM in whole passes: made, changed, stopped, deleted, restored, purged."""

from __future__ import annotations

import pytest

from drivers.seen import Power
from reconciler.diff.change import HeldReason, Verb
from tests.flow.site import Site, said, vm_yaml


def test_a_committed_vm_is_made_and_runs(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    host, vm = site.domain("web")
    assert host == "kvm1"
    assert vm.power is Power.RUNNING
    assert vm.config["memory"] == 96 << 20
    assert vm.mark is not None
    assert vm.mark.ref == "vm/web"


def test_memory_below_the_maximum_changes_while_the_vm_runs(site: Site) -> None:
    site.vms(vm_yaml("web", "memoryMax: 1GiB"))
    site.settle()
    site.vms(
        vm_yaml("web", "=cpu: 1, memory: 512MiB, memoryMax: 1GiB, disks: [{name: root, image: guest}], nics: [lan]")
    )
    site.settle()
    _, vm = site.domain("web")
    assert vm.live is not None
    assert vm.live["memory"] == 512 << 20
    assert vm.power is Power.RUNNING


def test_what_needs_a_restart_is_saved_and_pends(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    site.vms(vm_yaml("web", "firmware: uefi"))
    run = site.apply()
    assert run.good
    after = site.plan()
    assert after.empty, said(after)
    (change,) = after.changes
    assert [(each.path, each.kind) for each in change.fields] == [("firmware", "pending")]


def test_a_pending_change_unpends_when_it_is_reverted(site: Site) -> None:
    site.vms(vm_yaml("web", "firmware: bios"))
    site.settle()
    site.vms(vm_yaml("web", "firmware: uefi"))
    assert site.apply().good
    site.vms(vm_yaml("web", "firmware: bios"))
    site.settle()
    assert not site.plan().changes


def test_a_pending_change_unpends_when_its_field_is_taken_out(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    site.vms(vm_yaml("web", "firmware: uefi"))
    assert site.apply().good
    site.vms(vm_yaml("web"))
    site.settle()
    assert site.domain("web")[1].config["firmware"] == "bios"
    assert not site.plan().changes


def test_a_disk_is_attached_live_and_detached_into_the_trash(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    disks = "=cpu: 1, memory: 96MiB, nics: [lan], disks: [{name: root, image: guest}, {name: data, size: 1GiB}]"
    site.vms(vm_yaml("web", disks))
    site.settle()
    _, vm = site.domain("web")
    assert vm.live is not None
    path = vm.live["disks[data].source"]
    site.vms(vm_yaml("web"))
    site.settle()
    _, vm = site.domain("web")
    assert "disks[data].source" not in vm.config
    pool = site.world.host("kvm1").reader.pool("shared")
    assert pool is not None
    assert any(name.startswith(str(path).rpartition("/")[2] + ".trash.") for name in pool.volumes)
    site.vms(vm_yaml("web", disks))
    site.settle()
    _, vm = site.domain("web")
    assert vm.config["disks[data].source"] == path


def test_a_disk_grows_live_and_never_shrinks(site: Site) -> None:
    text = "=cpu: 1, memory: 96MiB, disks: [{name: root, size: %s}]"
    site.vms(vm_yaml("web", text % "2GiB"))
    site.settle()
    site.vms(vm_yaml("web", text % "3GiB"))
    site.settle()
    site.vms(vm_yaml("web", text % "1GiB"))
    plan = site.plan()
    assert plan.empty, said(plan)
    assert plan.anything_held
    assert plan.changes[0].fields[0].held.reason is HeldReason.WOULD_SHRINK  # type: ignore[union-attr]


def test_a_stopped_vms_disk_grows_as_a_volume(site: Site) -> None:
    text = "=cpu: 1, memory: 96MiB, state: stopped, disks: [{name: root, size: %s}]"
    site.vms(vm_yaml("web", text % "2GiB"))
    site.settle()
    site.vms(vm_yaml("web", text % "3GiB"))
    site.settle()
    assert site.domain("web")[1].config["disks[root].size"] == 3 << 30


def test_delete_by_commit_and_revert_gives_the_same_bytes_and_mac(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    _, before = site.domain("web")
    site.world.outside("kvm1").guest_writes("web", "disks[root]", b"precious")
    site.vms()
    site.settle()
    _, trashed = site.domain("web")
    assert trashed.power is Power.STOPPED
    assert trashed.mark.trashed
    site.vms(vm_yaml("web"))
    plan = site.plan()
    assert plan.changes[0].verb is Verb.RESTORE
    site.settle()
    _, after = site.domain("web")
    assert after.power is Power.RUNNING
    assert after.uuid == before.uuid
    assert after.config["nics[lan].mac"] == before.config["nics[lan].mac"]
    assert after.config["disks[root].source"] == before.config["disks[root].source"]
    assert not site.world.damage


def test_what_lies_in_the_trash_for_long_is_purged(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    _, vm = site.domain("web")
    site.vms()
    site.settle()
    site.clock.advance(8 * 86400)
    plan = site.plan()
    assert [each.verb for each in plan.changes] == [Verb.PURGE], said(plan)
    site.settle()
    assert not site.world.observe()["kvm1"].vms  # type: ignore[union-attr]
    assert site.world.outside("kvm1").file(str(vm.config["disks[root].source"])) is None


def test_a_stopped_vm_is_kept_off_and_a_running_one_on(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    site.vms(vm_yaml("web", "state: stopped"))
    site.settle()
    assert site.domain("web")[1].power is Power.STOPPED
    site.vms(vm_yaml("web"))
    site.settle()
    assert site.domain("web")[1].power is Power.RUNNING


@pytest.mark.parametrize("why", ["user", "ioerror"])
@pytest.mark.parametrize("documents", [[vm_yaml("web", "state: stopped")], []], ids=["stopped", "deleted"])
def test_a_paused_guest_runs_on_to_shut_down(site: Site, why: str, documents: list[str]) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    host, vm = site.domain("web")
    site.world.host(host).powers.pause(vm.uuid)
    site.world.hosts[host].domains[vm.uuid].reason = why
    site.vms(*documents)
    site.settle()
    assert site.domain("web")[1].power is Power.STOPPED
    assert site.domain("web")[1].reason == "shutdown"


@pytest.mark.parametrize(("why", "held"), [("startingup", 0), ("ioerror", 1)])
def test_a_vm_that_somebody_starts_at_this_moment_is_not_taken_for_ill(site: Site, why: str, held: int) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    host, vm = site.domain("web")
    site.world.host(host).powers.pause(vm.uuid)
    site.world.hosts[host].domains[vm.uuid].reason = why
    plan = site.plan()
    assert plan.empty, said(plan)
    assert [each.fields[0].held is not None for each in plan.changes] == [True] * held


def test_a_crashed_vm_is_started_and_a_guests_shutdown_is_respected(site: Site) -> None:
    site.vms(vm_yaml("web"), vm_yaml("db"))
    site.settle()
    host, _ = site.domain("web")
    site.world.outside(host).kill("web")
    site.world.outside(site.domain("db")[0]).guest_shutdown("db")
    site.settle()
    assert site.domain("web")[1].power is Power.RUNNING
    assert site.domain("db")[1].power is Power.STOPPED
    site.world.outside(site.domain("db")[0]).start("db")
    site.settle()
    site.world.outside(site.domain("db")[0]).kill("db")
    site.settle()
    assert site.domain("db")[1].power is Power.RUNNING


def test_a_rename_keeps_the_vm(site: Site) -> None:
    site.vms(vm_yaml("web", "state: stopped"))
    site.settle()
    uuid = site.domain("web")[1].uuid
    site.vms(vm_yaml("www", "state: stopped"))
    plan = site.plan()
    assert any(each.held and each.held.reason is HeldReason.RENAME_SUSPECTED for each in plan.changes), said(plan)
    site.vms(vm_yaml("www", "state: stopped", ", renamedFrom: web"))
    site.settle()
    assert site.domain("www")[1].uuid == uuid


def test_nics_come_and_go_and_change_network_live(site: Site) -> None:
    site.write(
        "net.yaml",
        "apiVersion: gitvirt/v1\nkind: Network\nmetadata: {name: dmz}\nspec: {type: isolated, subnet: 10.9.0.0/24}\n",
    )
    site.vms(vm_yaml("web"))
    site.settle()
    nics = "=cpu: 1, memory: 96MiB, disks: [{name: root, image: guest}], nics: [%s]"
    site.vms(vm_yaml("web", nics % "lan, {name: back, network: dmz}"))
    site.settle()
    mac = site.domain("web")[1].live["nics[back].mac"]
    site.vms(vm_yaml("web", nics % "lan, {name: back, network: lan, link: down}"))
    site.settle()
    live = site.domain("web")[1].live
    assert (live["nics[back].network"], live["nics[back].link"], live["nics[back].mac"]) == ("lan", "down", mac)
    site.vms(vm_yaml("web", nics % "lan"))
    site.settle()
    assert "nics[back].mac" not in site.domain("web")[1].live


def test_cloud_init_and_its_later_edit(site: Site) -> None:
    site.vms(vm_yaml("web", "cloudInit: {hostname: one}"))
    site.settle()
    assert site.domain("web")[1].config["cdroms[cloud-init].source"].endswith(".iso")
    site.vms(vm_yaml("web", "cloudInit: {hostname: two}"))
    plan = site.plan()
    assert plan.empty
    assert [(each.path, each.kind) for each in plan.changes[0].fields] == [("cloudInit", "note")]


@pytest.mark.parametrize(
    ("disk", "linked", "kind"),
    [
        ("", True, "qcow2"),
        (", clone: linked", True, "qcow2"),
        (", clone: copy", False, "qcow2"),
        (", clone: copy, format: raw", False, "raw"),
    ],
)
def test_a_disk_refers_to_its_image_or_is_a_copy_of_it(disk: str, linked: bool, kind: str, site: Site) -> None:
    site.vms(vm_yaml("web", f"=cpu: 1, memory: 96MiB, disks: [{{name: root, image: guest{disk}}}]"))
    site.settle()
    seen = site.domain("web")[1]
    file = site.world.outside("kvm1").file(str(seen.config["disks[root].source"]))
    assert file is not None
    assert (bool(file.backing), file.format) == (linked, kind)
    assert seen.power is Power.RUNNING
