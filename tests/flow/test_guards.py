"""What a pass must never do, in whole passes."""

from __future__ import annotations

import pytest

from drivers.seen import Power
from reconciler.diff.change import HeldReason
from tests.flow.site import Site, host_yaml, said, vm_yaml
from tests.flow.verdicts import change, held


def test_a_vm_on_a_dead_host_is_held_and_not_started_elsewhere(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    site.world.power_off("kvm1")
    plan = site.plan()
    assert plan.empty, said(plan)
    assert held(plan)["vm/web"] is HeldReason.HOST_UNSEEN
    site.world.power_on("kvm1")
    site.settle()
    assert site.domain("web")[0] == "kvm1"
    assert site.domain("web")[1].power is Power.RUNNING
    assert not site.world.doubles


def test_nothing_is_deleted_on_a_partial_view(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    site.world.cut("kvm2")
    site.vms()
    plan = site.plan()
    assert plan.empty
    assert held(plan)["vm/web"] is HeldReason.PARTIAL_VIEW


def test_a_removed_host_that_held_vms_and_does_not_answer_counts_as_unseen(site: Site) -> None:
    site.vms(vm_yaml("web", "hosts: [kvm1]"))
    site.settle()
    site.world.cut("kvm1")
    site.write("gitvirt.yaml", (site.repository / "gitvirt.yaml").read_text().replace(host_yaml("kvm1"), ""))
    site.vms(vm_yaml("web"))
    plan = site.plan()
    assert plan.empty, said(plan)
    assert held(plan)["vm/web"] is HeldReason.HOST_UNSEEN


def test_more_deletions_than_the_budget_are_all_held(site: Site) -> None:
    names = [f"vm{number}" for number in range(5)]
    site.vms(*(vm_yaml(name) for name in names))
    site.settle()
    site.vms()
    plan = site.plan()
    assert plan.empty, said(plan)
    assert set(held(plan).values()) == {HeldReason.BUDGET}
    site.settle(deletions=5)
    assert all(site.domain(name)[1].mark.trashed for name in names)


def test_a_word_for_fewer_deletions_than_there_are_allows_none_of_them(site: Site) -> None:
    names = [f"vm{number}" for number in range(5)]
    site.vms(*(vm_yaml(name) for name in names))
    site.settle()
    site.vms()
    assert set(held(site.plan(deletions=4))) == {f"vm/{name}" for name in names}
    assert not held(site.plan(deletions=5))


def test_as_many_deletions_as_the_budget_says_are_done_unasked(site: Site) -> None:
    site.vms(*(vm_yaml(f"vm{number}") for number in range(5)))
    site.settle()
    site.vms(vm_yaml("vm0"), vm_yaml("vm1"))
    assert not held(site.plan())


@pytest.mark.parametrize(
    "spec",
    [
        "=cpu: 1, memory: 128MiB, disks: [{name: root, image: guest}], nics: [lan]",
        "=cpu: 2, memory: 96MiB, disks: [{name: root, image: guest}], nics: [lan]",
        "=cpu: 1, memory: 96MiB, disks: [{name: root, image: guest}]",
        "=cpu: 1, memory: 96MiB, disks: [{name: data, size: 1GiB}], nics: [lan]",
    ],
    ids=["memory", "cpu", "nics", "disks"],
)
def test_a_vm_of_another_shape_is_not_taken_for_the_one_that_goes(spec: str, site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    site.vms(vm_yaml("other"))
    assert set(held(site.plan()).values()) == {HeldReason.RENAME_SUSPECTED}
    site.vms(vm_yaml("other", spec))
    assert not held(site.plan())


def test_delete_protection_counts_as_it_stands_in_the_mark(site: Site) -> None:
    site.vms(vm_yaml("web", "deleteProtection: true"))
    site.settle()
    site.vms()
    assert held(site.plan())["vm/web"] is HeldReason.PROTECTED
    site.vms(vm_yaml("web"))
    site.settle()
    site.vms()
    site.settle()
    assert site.domain("web")[1].mark.trashed


def test_an_older_checkout_changes_nothing(site: Site) -> None:
    site.vms(vm_yaml("web", "memoryMax: 1GiB"))
    site.settle()
    site.commit("r2")
    site.vms(vm_yaml("web", "memoryMax: 2GiB"))
    site.settle()
    site.revision = "r1"
    site.vms(vm_yaml("web", "memoryMax: 1GiB"))
    plan = site.plan()
    assert plan.empty, said(plan)
    assert held(plan)["vm/web"] is HeldReason.BEHIND
    assert not site.plan(force_revision=True).empty


def test_a_disk_without_its_domain_is_never_passed_over(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    site.world.outside("kvm1").destroy("web")
    site.world.outside("kvm1").undefine("web")
    plan = site.plan()
    assert plan.empty, said(plan)
    assert held(plan)["vm/web"] is HeldReason.HOLDS_DATA


def test_a_network_in_use_is_not_restarted_nor_removed(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace("192.168.150", "192.168.151"))
    plan = site.plan()
    told = [str(each.held) for item in plan.changes for each in item.fields if each.held]
    assert any("web" in each for each in told), said(plan)
    site.settle()
    assert not site.world.severed


def test_addresses_wait_for_the_subnet_that_they_are_in(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace("192.168.150", "192.168.151"))
    where = site.domain("web")[0]
    fields = [each for item in site.plan().changes if item.host == where for each in item.fields]
    assert {each.path: bool(each.held) for each in fields} == {"subnet": True, "dhcp.start": True, "dhcp.end": True}
    assert all("web" in str(each.held) for each in fields)
    site.settle(refs=frozenset({"network/lan"}))
    (lan,) = site.look().context.observed.seen[where].networks
    assert (lan.live or {})["dhcp.start"] == "192.168.151.10"


def test_a_target_brings_the_storage_domain_of_its_media_along(site: Site) -> None:
    site.world.add_directory("/srv/isos", hosts=site.names)
    site.write(
        "isos.yaml",
        "apiVersion: gitvirt/v1\nkind: StorageDomain\nmetadata: {name: isos}\nspec: {type: posix, path: /srv/isos}\n"
        "---\napiVersion: gitvirt/v1\nkind: Image\nmetadata: {name: rescue}\n"
        "spec: {file: rescue.iso, storageDomain: isos}\n",
    )
    (site.repository / "rescue.iso").write_bytes(b"\0" * 0x8000 + b"\1CD001" + b"\0" * 4096)
    disk = "disks: [{name: root, image: guest, storageDomain: shared}]"
    site.vms(vm_yaml("web", f"=cpu: 1, memory: 96MiB, {disk}, cdroms: [{{name: cd, image: rescue}}]"))
    plan = site.plan(targets=frozenset({"vm/web"}))
    assert not held(plan), said(plan)
    assert {str(each.ref) for each in plan.changes} >= {"vm/web", "sd/isos", "image/rescue"}
    site.settle(targets=frozenset({"vm/web"}))


def test_drift_is_repaired_told_or_ignored_as_declared(site: Site) -> None:
    site.vms(*(vm_yaml(mode, f"drift: {mode}, description: mine") for mode in ("enforce", "warn", "ignore")))
    site.settle()
    for name in ("enforce", "warn", "ignore"):
        site.world.outside(site.domain(name)[0]).change(name, "description", "theirs")
    plan = site.plan()
    kinds = {str(item.ref): [(each.kind, bool(each.held)) for each in item.fields] for item in plan.changes}
    assert kinds == {"vm/enforce": [("drift", False)], "vm/warn": [("drift", True)]}, said(plan)
    site.apply()
    assert site.domain("enforce")[1].config["description"] == "mine"
    assert site.domain("warn")[1].config["description"] == "theirs"


@pytest.mark.parametrize("ram", [10_000])
def test_a_vm_that_no_host_has_room_for_is_held_with_each_hosts_reason(site: Site, ram: int) -> None:
    site.vms(vm_yaml("big", f"=cpu: 1, memory: {ram}GiB"))
    plan = site.plan()
    assert held(plan)["vm/big"] is HeldReason.NO_HOST
    text = str(change(plan, "vm/big").held)
    assert "kvm1" in text
    assert "kvm2" in text


def test_a_vm_needs_no_more_of_its_host_than_is_guaranteed_to_it(site: Site) -> None:
    other = vm_yaml("other", "=cpu: 1, memory: 30GiB, hosts: [kvm1]")
    size = "=cpu: 1, memory: 4GiB, hosts: [kvm1]"
    site.vms(other)
    site.settle()
    site.vms(other, vm_yaml("web", size))
    assert "2GiB free, 4GiB needed" in str(change(site.plan(), "vm/web").held)
    site.vms(other, vm_yaml("web", size + ", memoryPolicy: {guaranteed: 3GiB}"))
    assert "2GiB free, 3GiB guaranteed memory needed" in str(change(site.plan(), "vm/web").held)
    site.vms(other, vm_yaml("web", size + ", memoryPolicy: {guaranteed: 1GiB}"))
    site.settle()
    assert site.domain("web")[1].config["memory"] == 4 << 30


def test_what_is_guaranteed_counts_for_the_next_vm_of_the_same_plan(site: Site) -> None:
    size = "=cpu: 1, memory: 30GiB, hosts: [kvm1], memoryPolicy: {guaranteed: 14GiB}"
    site.vms(*(vm_yaml(name, size) for name in ("one", "three", "two")))
    assert held(site.plan()) == {"vm/two": HeldReason.NO_HOST}


def test_custom_properties_follow_the_repository_while_the_vm_runs(site: Site) -> None:
    site.vms(vm_yaml("web", "properties: {purpose: test, tier: gold}"))
    site.settle()
    assert site.domain("web")[1].config["properties"] == "purpose=test;tier=gold"
    site.vms(vm_yaml("web", "properties: {}"))
    site.settle()
    web = site.domain("web")[1]
    assert web.live is not None
    assert (web.config["properties"], web.live["properties"]) == ("", "")


def test_restarts_are_a_rate(site: Site) -> None:
    names = [f"vm{number}" for number in range(4)]
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace("spec: {id:", "spec: {budgets: {restarts: 2}, id:"))
    site.vms(*(vm_yaml(name, "updatePolicy: {restart: now}") for name in names))
    site.settle()
    site.vms(*(vm_yaml(name, "updatePolicy: {restart: now}, memoryMax: 1GiB") for name in names))
    for expected in (2, 4):
        assert site.apply().good
        live = [site.domain(name)[1].live for name in names]
        assert sum(each is not None and each["memoryMax"] == 1 << 30 for each in live) == expected
    assert site.plan().empty


def test_nothing_is_made_on_storage_below_its_critical_threshold(site: Site) -> None:
    text = (site.repository / "gitvirt.yaml").read_text()
    spec = "path: /srv/shared, freeSpace: {warning: 99%, critical: 10GiB}"
    site.write("gitvirt.yaml", text.replace("path: /srv/shared", spec))
    site.vms(vm_yaml("web"))
    site.settle()
    site.world.outside("kvm1").fill("/srv/shared", leave=1 << 30)
    site.vms(vm_yaml("web"), vm_yaml("db"))
    plan = site.plan()
    assert plan.empty, said(plan)
    assert held(plan)["vm/db"] is HeldReason.STORAGE
    assert any("free" in each.text for each in plan.warnings)


def test_a_vm_whose_disk_is_gone_is_not_started(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    host, vm = site.domain("web")
    site.world.outside(host).destroy("web")
    site.world.outside(host).remove_file(str(vm.config["disks[root].source"]))
    plan = site.plan()
    assert plan.empty, said(plan)
    assert held(plan)["vm/web"] is HeldReason.DISK_MISSING


def test_a_move_that_cannot_be_is_held_and_the_rest_goes_on(site: Site) -> None:
    site.vms(vm_yaml("web", "hosts: [kvm1], migration: never"))
    site.settle()
    site.vms(vm_yaml("web", "hosts: [kvm2], migration: never, description: moved"))
    plan = site.plan()
    (found,) = (each for each in plan.changes if each.ref.kind == "VirtualMachine")
    assert [each.path for each in found.fields if each.held] == ["host"]
    site.apply()
    host, vm = site.domain("web")
    assert host == "kvm1"
    assert vm.config["description"] == "moved"


def test_a_disk_stays_in_its_storage_domain(site: Site) -> None:
    site.world.add_directory("/srv/other", hosts=site.names)
    other = (
        "apiVersion: gitvirt/v1\nkind: StorageDomain\nmetadata: {name: other}\nspec: {type: posix, path: /srv/other}\n"
    )
    site.write("other.yaml", other)
    disks = "=cpu: 1, memory: 96MiB, disks: [{name: root, image: guest, storageDomain: %s}]"
    site.vms(vm_yaml("web", disks % "shared"))
    site.settle()
    before = site.domain("web")
    site.vms(vm_yaml("web", disks % "other"))
    plan = site.plan()
    assert plan.empty, said(plan)
    assert plan.anything_held
    site.apply()
    assert site.domain("web") == before
