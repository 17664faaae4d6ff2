"""VMs that two hosts have: what virsh or a broken move left is told apart, and settled where that is safe."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.memory.model.domain import Domain
from drivers.moving import Migration
from drivers.seen import Power
from reconciler.observe.again import overlooked, sure
from reconciler.observe.collect import collect
from reconciler.operations import power
from reconciler.plan.plan import Plan
from reconciler.status import objects
from reconciler.status.objects import condition
from specs.structs import replace
from tests.flow.leaving import local, with_local_disk
from tests.flow.looking import situation
from tests.flow.operator import FORCE, PLAIN, Operator
from tests.flow.site import ID, Site, said, vm_yaml

ALONE = """---
apiVersion: gitvirt/v1
kind: StorageDomain
metadata: {name: alone}
spec: {type: posix, path: /srv/alone, hosts: [kvm1, kvm3]}
"""


@pytest.fixture
def web(site: Site) -> Site:
    """vm/web runs on kvm1."""
    site.vms(vm_yaml("web", "hosts: [kvm1]"))
    site.settle()
    site.vms(vm_yaml("web"))
    return site


def domain(site: Site, host: str = "kvm1") -> Domain:
    return site.world.outside(host).domain("web")


def copy(site: Site, *, off: bool = True, newer: int = 0, host: str = "kvm2") -> Domain:
    """The definition of vm/web on another host as well; its mark `newer` by so many generations."""
    here = domain(site)
    mark = replace(here.mark, generation=here.mark.generation + newer) if here.mark else None
    there = Domain(here.name, here.uuid, here.config.copy(), None, mark=mark)
    if not off:
        assert here.live is not None
        there.live, there.power = here.live.copy(), Power.RUNNING
    site.world.hosts[host].domains[here.uuid] = there
    return there


def held(plan: Plan) -> str:
    assert plan.empty, said(plan)
    [change] = plan.changes
    return str(change.held)


def test_a_vm_that_was_moved_by_hand_is_simply_found_elsewhere(web: Site) -> None:
    moves_by_hand(web)
    assert web.plan().empty
    assert not web.plan().changes
    assert web.domain("web")[0] == "kvm2"


def test_what_a_move_left_behind_goes_and_its_disk_stays(web: Site) -> None:
    copy(web)
    assert [(step.what, step.host) for step in web.plan().steps] == [("settle where it is", "kvm2")]
    web.settle()
    host, vm = web.domain("web")
    assert (host, vm.power) == ("kvm1", Power.RUNNING)
    assert not web.world.damage


def test_a_relocation_that_was_interrupted_ends_with_the_newer_definition(web: Site) -> None:
    web.vms(vm_yaml("web", "state: stopped"))
    web.settle()
    copy(web, newer=1)
    web.settle()
    assert web.domain("web")[0] == "kvm2"


def test_two_definitions_of_which_none_is_newer_are_held(web: Site) -> None:
    web.vms(vm_yaml("web", "state: stopped"))
    web.settle()
    copy(web)
    assert "DefinedTwice: defined on kvm1 (stopped), kvm2 (stopped): nothing tells which one is the newer" in held(
        web.plan()
    )


def test_a_newer_definition_beside_the_one_that_runs_is_held(web: Site) -> None:
    copy(web, newer=1)
    assert "nothing tells which one is the newer" in held(web.plan())


def test_a_left_definition_with_saved_memory_or_a_disk_of_its_own_is_held(web: Site) -> None:
    there = copy(web)
    there.snapshots = True
    assert "that on kvm2 has saved memory or snapshots" in held(web.plan())
    there.snapshots = False
    web.world.outside("kvm2").attach("web", "disks[vdb]", {"source": "/srv/shared/other.qcow2", "target": "vdb"})
    assert "that on kvm2 has /srv/shared/other.qcow2 besides" in held(web.plan())


def test_a_left_definition_that_lies_in_the_trash_is_held(web: Site) -> None:
    there = copy(web)
    assert there.mark is not None
    there.mark = replace(there.mark, trashed=int(web.clock.now))
    assert "one of them lies in the trash" in held(web.plan())


def test_a_left_definition_that_has_a_local_disk_is_held_unless_libvirt_saw_the_vm_off(site: Site) -> None:
    with_local_disk(site)
    site.vms(local("hosts: [kvm1]", ""))
    there = copy(site)
    assert "/srv/local/" in held(site.plan())
    assert "is not in storage that both hosts share" in held(site.plan())
    there.reason = "migrated"
    domain(site).live, domain(site).power = None, Power.STOPPED
    site.vms(local("hosts: [kvm1], state: stopped", ""))
    assert "nothing tells which one is the newer" in held(site.plan())


def test_a_left_definition_with_a_disk_in_storage_that_its_host_does_not_share_is_held(tmp_path: Path) -> None:
    site = Site(tmp_path, hosts=3)
    site.write("gitvirt.yaml", (site.repository / "gitvirt.yaml").read_text() + ALONE)
    site.world.add_directory("/srv/alone", hosts=["kvm1", "kvm3"])
    site.vms(
        vm_yaml("web", "=cpu: 1, memory: 96MiB, hosts: [kvm1], disks: [{name: root, size: 1GiB, storageDomain: alone}]")
    )
    site.settle()
    copy(site)
    assert "is not in storage that both hosts share" in held(site.plan())


def test_of_three_definitions_of_ours_none_is_taken_for_a_leftover(tmp_path: Path) -> None:
    site = Site(tmp_path, hosts=3)
    site.vms(vm_yaml("web", "hosts: [kvm1]"))
    site.settle()
    copy(site, host="kvm2")
    copy(site, host="kvm3")
    assert "kvm1 (running), kvm2 (stopped), kvm3 (stopped): more than two hosts have it" in held(site.plan())


def test_a_definition_of_its_uuid_that_is_not_ours_is_held(web: Site) -> None:
    copy(web).mark = None
    assert "they are not both of them ours" in held(web.plan())


def test_a_vm_that_runs_twice_is_held_loudly_and_never_touched(web: Site) -> None:
    copy(web, off=False)
    web.vms(vm_yaml("web", "description: other"))
    assert "RunsTwice: IT RUNS TWICE: on kvm1 and kvm2" in held(web.plan())
    before = len(web.world.journal)
    web.apply()
    assert len(web.world.journal) == before


def test_a_vm_that_is_no_longer_declared_and_runs_twice_is_not_deleted(web: Site) -> None:
    copy(web, off=False)
    web.vms()
    assert "RunsTwice" in held(web.plan())


def test_a_vm_that_was_renamed_by_hand_gets_its_name_back_once_it_is_off(web: Site) -> None:
    web.world.outside("kvm1").rename("web", "other")
    [change] = web.plan().changes
    assert "NeedsStop" in str(next(each.held for each in change.fields if each.path == "name"))
    web.vms(vm_yaml("web", "state: stopped"))
    web.apply()
    web.settle()
    assert web.domain("web")[0] == "kvm1"


def moves_by_hand(site: Site) -> None:
    """vm/web goes to kvm2, as virsh would have it."""
    host, vm = site.domain("web")
    assert vm.mark is not None
    request = Migration(uuid=vm.uuid, expects=vm.mark.generation, target_uri="qemu+tls://kvm2/system")
    site.world.host(host).migrations.migrate(request, site.world.host("kvm2"), lambda progress: None)


def test_a_vm_that_moves_between_the_readings_of_two_hosts_is_not_taken_for_two(web: Site) -> None:
    hosts = {name: web.world.host(name) for name in web.names}
    before = collect(hosts, ID, 0)
    moves_by_hand(web)
    after = collect(hosts, ID, 0)
    torn = replace(before, hosts={"kvm1": before.hosts["kvm1"], "kvm2": after.hosts["kvm2"]})
    uuid = web.domain("web")[1].uuid
    assert len(torn.by_uuid[uuid]) == 2
    assert [each.host for each in sure(torn, hosts).by_uuid[uuid]] == ["kvm2"]
    assert sure(after, hosts) is after


def test_a_vm_that_no_reading_shows_since_it_moved_is_not_made_anew(web: Site) -> None:
    web.vms(vm_yaml("web"), vm_yaml("bare", "=cpu: 1, memory: 96MiB, nics: [lan]"))
    planned = web.plan().steps
    hosts = {name: web.world.host(name) for name in web.names}
    assert not overlooked(planned, hosts)
    web.apply()
    assert overlooked(planned, hosts)


def test_a_source_that_is_stopped_beside_a_target_that_runs_is_settled(web: Site) -> None:
    copy(web, off=False)
    domain(web).power, domain(web).reason = Power.PAUSED, "migration"
    assert [(step.what, step.host) for step in web.plan().steps] == [("settle where it is", "kvm1")]
    web.settle()
    assert web.domain("web")[0] == "kvm2"


def test_a_source_that_libvirt_saw_off_goes_with_the_local_disk_that_was_copied(site: Site) -> None:
    with_local_disk(site)
    site.vms(local("hosts: [kvm1]", ""))
    left = domain(site)
    site.vms(local("hosts: [kvm2]", ""))
    site.apply(targets=frozenset({"vm/web"}))
    [marker] = [name for name in site.world.host("kvm1").volumes.names("local") if ".trash." in name]
    site.world.outside("kvm1").remove_file(f"/srv/local/{marker}")
    left.live, left.power, left.reason = None, Power.STOPPED, "migrated"
    site.world.hosts["kvm1"].domains[left.uuid] = left
    assert [(step.what, step.host) for step in site.plan().steps] == [
        ("settle where it is", "kvm1"), ("leave the copied disk to the trash", "kvm1"),
    ]  # fmt: skip
    site.settle()
    assert site.domain("web")[0] == "kvm2"
    assert not site.world.damage


def test_a_vm_that_left_for_a_host_that_nobody_reads_is_not_started_beside_it(web: Site) -> None:
    left = domain(web)
    moves_by_hand(web)
    left.live, left.power, left.reason = None, Power.STOPPED, "migrated"
    web.world.hosts["kvm1"].domains[left.uuid] = left
    web.world.cut("kvm2")
    plan = web.plan()
    assert plan.empty, said(plan)
    assert any("HostUnseen: libvirt moved it to another host" in line for line in said(plan))
    alice = Operator(web)
    assert "libvirt moved it to another host, where it may run" in alice.declined(power.start, "vm/web", how=PLAIN)
    web.world.restore("kvm2")
    web.settle()
    assert web.domain("web")[0] == "kvm2"


def between_kvm2_and_kvm3(site: Site) -> Domain:
    """vm/web runs on kvm1; kvm2 has what an old move left, kvm3 the shell of a migration that nobody is at any more."""
    site.vms(vm_yaml("web", "hosts: [kvm1]"))
    site.settle()
    site.vms(vm_yaml("web"))
    left = copy(site)
    left.reason = "migrated"
    here = domain(site)
    assert here.live is not None
    shell = Domain(here.name, here.uuid, here.config.copy(), here.live.copy(), mark=here.mark)
    shell.power, shell.reason, shell.persistent = Power.PAUSED, "migration", False
    site.world.hosts["kvm3"].domains[here.uuid] = shell
    return shell


def test_a_shell_is_not_resumed_while_the_vm_may_run_on_a_host_that_was_not_read(tmp_path: Path) -> None:
    site = Site(tmp_path, hosts=3, locks=False)
    shell = between_kvm2_and_kvm3(site)
    site.world.cut("kvm1")
    assert "interrupted, and it may run on a host that was not read: kvm1" in held(site.plan())
    site.apply()
    assert shell.power is Power.PAUSED
    assert not site.world.doubles


def test_a_shell_is_not_resumed_beside_two_other_copies(tmp_path: Path) -> None:
    site = Site(tmp_path, hosts=3, locks=False)
    shell = between_kvm2_and_kvm3(site)
    assert "interrupted, and kvm1, kvm2, kvm3 all have it" in held(site.plan())
    site.apply()
    assert shell.power is Power.PAUSED
    assert domain(site).power is Power.RUNNING


def test_the_halves_of_a_vm_whose_post_copy_broke_are_neither_called_two_nor_touched(web: Site) -> None:
    copy(web, off=False)
    domain(web).power, domain(web).reason = Power.PAUSED, "migration"
    [step] = web.plan().steps
    assert step.what == "settle where it is"
    for deed in (power.start, power.stop, power.reboot):
        text = Operator(web).declined(deed, "vm/web", how=FORCE)
        assert text.startswith("is between hosts, on kvm1 (paused), kvm2 (running)")
    [shown] = objects.machines(situation(web))
    assert condition(shown, "Ready")["reason"] == "Migrating"
