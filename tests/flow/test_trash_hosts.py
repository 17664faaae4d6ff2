"""Disks that were removed from a VM which has moved since: their trash lies where the VM was."""

from __future__ import annotations

from tests.flow.leaving import LOCAL
from tests.flow.site import Site, said, vm_yaml

DATA = ", {name: data, size: 1GiB}"
KEEP = 7 * 24 * 3600


def web(host: str, data: str = DATA) -> str:
    disks = "[{name: root, size: 1GiB}" + data + "]"
    return vm_yaml("web", f"=cpu: 1, memory: 96MiB, nics: [lan], storageDomain: local, disks: {disks}, hosts: [{host}]")


def moved_without_data(site: Site) -> None:
    """The trash of disk data lies on kvm1; vm/web has moved to kvm2, and its disk is declared again."""
    for name in site.names:
        site.world.add_directory("/srv/local", hosts=[name])
    site.write("local.yaml", LOCAL)
    for text in (web("kvm1"), web("kvm1", ""), web("kvm2", "")):
        site.vms(text)
        site.settle()
    site.vms(web("kvm2"))


def data_on(site: Site, host: str) -> list[str]:
    return [name for name in site.world.host(host).volumes.names("local") if "-data-" in name and ".trash." not in name]


def held(site: Site) -> list[str]:
    return [str(each.held) for change in site.plan().changes for each in change.fields if each.path == "disks[data]"]


def test_a_disk_whose_trash_lies_on_another_host_is_held_and_the_plan_says_where(site: Site) -> None:
    moved_without_data(site)
    plan = site.plan()
    assert not plan.steps, said(plan)
    [text] = held(site)
    assert "NeedsMove" in text
    assert "lies in the trash of kvm1; move the VM there" in text


def test_a_disk_that_is_declared_again_is_not_purged_while_its_vm_is_elsewhere(site: Site) -> None:
    moved_without_data(site)
    site.clock.advance(KEEP + 1)
    site.apply()
    assert data_on(site, "kvm1")
    site.vms(web("kvm2", ""))
    site.apply()
    assert not data_on(site, "kvm1")


def test_the_vm_moves_to_where_the_trash_lies_and_has_its_disk_again(site: Site) -> None:
    moved_without_data(site)
    site.vms(web("kvm1"))
    site.apply()
    assert site.domain("web")[0] == "kvm1"
    site.settle()
    host, vm = site.domain("web")
    assert host == "kvm1"
    assert str(vm.config["disks[data].source"]).rpartition("/")[2] in data_on(site, "kvm1")
    assert not [name for name in site.world.host("kvm1").volumes.names("local") if "-data-1.qcow2.trash" in name]


def test_of_two_copies_in_the_trash_the_one_that_was_in_use_last_is_taken_out(site: Site) -> None:
    for name in site.names:
        site.world.add_directory("/srv/local", hosts=[name])
    site.write("local.yaml", LOCAL)
    for text in (web("kvm1"), web("kvm2"), web("kvm2", ""), web("kvm1", "")):
        site.vms(text)
        site.settle()
        site.clock.advance(60)
    assert data_on(site, "kvm1")
    assert data_on(site, "kvm2")
    site.vms(web("kvm1"))
    [text] = held(site)
    assert "lies in the trash of kvm2" in text
