"""Moves of VMs whose disks are in local storage: copied along, tidied up behind them."""

from __future__ import annotations

from drivers.seen import Power
from reconciler.plan.plan import MigrateVm
from specs.structs import replace
from tests.flow.leaving import (
    LOCAL,
    held,
    local,
    sound,
    with_local_disk,
)
from tests.flow.site import Site, vm_yaml


def test_a_disk_in_local_storage_goes_along_and_its_start_with_the_host_too(site: Site) -> None:
    with_local_disk(site)
    assert [step.what for step in site.plan().steps] == [
        "migrate to kvm2", "set autostart", "leave the copied disk to the trash",
    ]  # fmt: skip
    site.settle()
    host, vm = site.domain("web")
    assert (host, vm.power, vm.autostart) == ("kvm2", Power.RUNNING, True)
    [pool] = [each for each in site.world.observe()["kvm2"].pools if each.name == "local"]  # type: ignore[union-attr]
    assert len(pool.volumes) == 1
    assert sound(site)


def test_the_medium_of_its_first_boot_goes_along_with_a_local_disk(site: Site) -> None:
    with_local_disk(site, ", cloudInit: {hostname: web}")
    assert [(step.what, step.host) for step in site.plan().steps] == [
        ("write the cloud-init seed", "kvm2"),
        ("migrate to kvm2", "kvm1"),
        ("set autostart", "kvm2"),
        ("remove its first boot's medium", "kvm1"),
        ("leave the copied disk to the trash", "kvm1"),
    ]
    site.settle()
    assert not [name for name in site.world.host("kvm1").volumes.names("local") if name.startswith("gv-seed-")]
    assert sound(site)


def test_it_comes_back_to_a_host_where_its_former_copy_lies_in_the_trash(site: Site) -> None:
    with_local_disk(site)
    site.settle()
    site.vms(local("hosts: [kvm1]", ""))
    assert [(step.what, step.host) for step in site.plan().steps][:2] == [
        ("delete its former copy from the trash", "kvm1"),
        ("migrate to kvm1", "kvm2"),
    ]
    site.settle()
    assert site.domain("web")[0] == "kvm1"
    assert sound(site)


def test_a_copied_disk_that_gitvirt_did_not_make_is_left_where_it_was(site: Site) -> None:
    with_local_disk(site)
    domain = site.world.outside("kvm1").domain("web")
    assert domain.mark is not None
    devices = {key: replace(device, made=False) for key, device in domain.mark.devices.items()}
    domain.mark = replace(domain.mark, devices=devices)
    assert [step.what for step in site.plan().steps] == ["migrate to kvm2", "set autostart"]


def test_a_linked_clone_goes_alone_where_the_target_has_its_image(site: Site) -> None:
    for name in site.names:
        site.world.add_directory("/srv/local", hosts=[name])
    site.write("local.yaml", LOCAL)
    image = (
        "apiVersion: gitvirt/v1\nkind: Image\nmetadata: {name: own}\nspec: {file: guest.qcow2, storageDomain: local}\n"
    )
    site.write("image.yaml", image)
    disk = "=cpu: 1, memory: 96MiB, storageDomain: local, disks: [{name: root, image: own}], hosts: "
    site.vms(vm_yaml("web", disk + "[kvm1]"))
    site.settle()
    site.vms(vm_yaml("web", disk + "[kvm2]"))
    asked = [step.call.migration for step in site.plan().steps if isinstance(step.call, MigrateVm)]
    assert [each.incremental for each in asked] == [False]
    site.vms(vm_yaml("web", disk + "[kvm1]"), vm_yaml("db", disk + "[kvm2]"))
    site.settle()
    site.vms(vm_yaml("web", disk + "[kvm2]"), vm_yaml("db", disk + "[kvm2]"))
    asked = [step.call.migration for step in site.plan().steps if isinstance(step.call, MigrateVm)]
    assert [each.incremental for each in asked] == [True]
    site.settle()
    assert sound(site)


def test_a_vm_that_is_off_does_not_take_a_disk_in_local_storage_along(site: Site) -> None:
    with_local_disk(site, ", state: stopped")
    assert "disk root is in local storage (local), and only a running VM takes its disks along" in held(site)
