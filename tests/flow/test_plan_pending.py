"""What several VMs of one plan need of the same host: nothing is promised twice, nothing waits for what is not done."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.plan.plan import MigrateVm
from tests.flow.leaving import LOCAL, killed, on, placed
from tests.flow.site import Site, said, vm_yaml

OWN = """---
apiVersion: gitvirt/v1
kind: Image
metadata: {name: own}
spec: {file: guest.qcow2, storageDomain: local}
"""
FULL = """---
apiVersion: gitvirt/v1
kind: StorageDomain
metadata: {name: full}
spec: {type: local, path: /srv/full, freeSpace: {critical: 900TiB}}
"""


@pytest.fixture
def site(tmp_path: Path) -> Site:
    found = Site(tmp_path)
    for name in found.names:
        for folder in ("/srv/local", "/srv/full"):
            found.world.add_directory(folder, hosts=[name])
    return found


def on_local(name: str, more: str = "") -> str:
    disks = f"[{{name: root, image: own}}{more}]"
    return vm_yaml(name, f"=cpu: 1, memory: 96MiB, storageDomain: local, disks: {disks}, hosts: [kvm1]")


def test_a_vm_does_not_wait_for_an_image_that_a_held_one_would_have_brought(site: Site) -> None:
    site.write("local.yaml", LOCAL + FULL + OWN)
    site.settle()
    site.vms(on_local("a", ", {name: data, size: 1GiB, storageDomain: full}"), on_local("b"))
    plan = site.plan()
    assert "StorageUnavailable" in "\n".join(said(plan))
    assert {each for step in plan.steps for each in step.after} <= {step.id for step in plan.steps}
    run = site.apply()
    assert run.good, [each.error for each in run.outcomes.values() if each.error]
    assert site.domain("b")[0] == "kvm1"


def test_two_vms_whose_disks_are_copied_do_not_get_the_same_space(site: Site) -> None:
    site.write("local.yaml", LOCAL)
    disk = "=cpu: 1, memory: 96MiB, storageDomain: local, disks: [{name: root, size: 1GiB, format: raw}], hosts: "
    site.vms(vm_yaml("a", f"{disk}[kvm1]"), vm_yaml("b", f"{disk}[kvm1]"))
    site.settle()
    for name in "ab":
        site.world.outside("kvm1").guest_writes(name, "disks[root]", b"x" * (3 << 20))
    site.world.outside("kvm2").fill("/srv/local", leave=5 << 20)
    site.vms(vm_yaml("a", f"{disk}[kvm2]"), vm_yaml("b", f"{disk}[kvm2]"))
    plan = site.plan()
    assert sorted(step.ref.name for step in plan.steps if isinstance(step.call, MigrateVm)) == ["a"], said(plan)
    told = "storage domain local has 2MiB free there, 3MiB would be copied"
    assert told in "\n".join(str(each.held) for change in plan.changes for each in change.fields), said(plan)


def test_a_vm_on_its_way_to_a_host_counts_there(site: Site) -> None:
    placed(site)
    killed(site, "copying")
    site.write(
        "apart.yaml",
        "apiVersion: gitvirt/v1\nkind: AffinityGroup\nmetadata: {name: apart}\n"
        "spec: {vms: [web, new], vmRule: negative}\n",
    )
    site.vms(on("kvm2"), vm_yaml("new"))
    plan = site.plan()
    assert {step.host for step in plan.steps if step.ref.name == "new"} == {"kvm1"}, said(plan)
