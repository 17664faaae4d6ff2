"""Whose an object is: what is not ours is never touched, and a declared uuid is the consent to adopt."""

from __future__ import annotations

import pytest

from reconciler.diff.change import HeldReason, Verb
from tests.flow.site import OTHER, Site, said, vm_yaml
from tests.flow.verdicts import held


def test_a_foreign_vm_with_the_wanted_name_is_left_alone(site: Site) -> None:
    site.world.outside("kvm2").define("web", {"memory": 1 << 28, "memoryMax": 1 << 28})
    before = site.domain("web")[1]
    site.vms(vm_yaml("web"))
    site.apply()
    assert held(site.plan())["vm/web"] is HeldReason.NAME_TAKEN
    assert site.domain("web")[1] == before


def test_unmarked_vms_are_never_touched(site: Site) -> None:
    site.world.outside("kvm1").define("other", {"memory": 1 << 28, "memoryMax": 1 << 28})
    before = site.domain("other")[1]
    site.vms(vm_yaml("web"))
    site.settle()
    site.vms()
    site.settle()
    assert site.domain("other")[1] == before


def test_a_declared_uuid_adopts_with_the_mark_and_nothing_else(site: Site) -> None:
    uuid = site.world.outside("kvm1").define("old", {"memory": 1 << 28, "memoryMax": 1 << 28}).uuid
    before = site.domain("old")[1]
    site.vms(vm_yaml("old", f"=uuid: {uuid}, memory: 256MiB, state: manual"))
    plan = site.plan()
    assert [(str(each.ref), each.verb) for each in plan.changes if each.ref.kind == "VirtualMachine"] == [
        ("vm/old", Verb.ADOPT)
    ]
    site.settle()
    after = site.domain("old")[1]
    assert after.config == before.config
    assert after.mark is not None


def test_a_clone_with_our_mark_is_foreign(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    site.world.outside("kvm1").clone_domain("web", "copy")
    before = site.domain("copy")[1]
    plan = site.plan()
    assert plan.empty, said(plan)
    site.vms(vm_yaml("web"), vm_yaml("copy"))
    assert held(site.plan())["vm/copy"] is HeldReason.NAME_TAKEN
    site.vms()
    site.settle()
    assert site.domain("copy")[1] == before


def test_another_repositorys_vm_is_foreign(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace("6f1d2f0e-93c8-4b7e-9d57-0c4c2f6b7a10", OTHER))
    plan = site.plan()
    assert held(plan)["vm/web"] is HeldReason.NAME_TAKEN
    site.vms()
    assert not any(each.ref.kind == "VirtualMachine" for each in site.plan().changes)


@pytest.mark.parametrize("damaged", [False, True], ids=["marked", "with a damaged mark"])
def test_another_repositorys_vm_is_not_adopted_by_its_uuid(damaged: bool, site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    uuid = site.domain("web")[1].uuid
    if damaged:
        site.world.outside("kvm1").damage_mark("web")
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace("6f1d2f0e-93c8-4b7e-9d57-0c4c2f6b7a10", OTHER))
    site.vms(vm_yaml("web", f"uuid: {uuid}"))
    plan = site.plan()
    assert held(plan)["vm/web"] is HeldReason.UUID_TAKEN
    (advice,) = [each.held.fix for each in plan.changes if each.held is not None and each.ref.name == "web"]
    assert advice == (
        "take the mark off (`virsh metadata web https://gitvirt.dev/mark/v1 --remove --config`) first"
        if damaged
        else "`gitvirt release` it there first"
    )


def declare(site: Site, written: str, instead: str) -> None:
    text = (site.repository / "gitvirt.yaml").read_text()
    assert written in text
    site.write("gitvirt.yaml", text.replace(written, instead))


def test_an_external_storage_domain_is_never_made(site: Site) -> None:
    declare(site, "path: /srv/shared}", "path: /srv/shared, external: true}")
    site.apply()
    assert held(site.plan())["sd/shared"] is HeldReason.EXTERNAL_MISSING
    assert not site.look().context.observed.seen["kvm1"].pools


def test_an_external_storage_domain_is_used_as_it_is(site: Site) -> None:
    site.settle()
    declare(site, "path: /srv/shared}", "path: /srv/shared, external: true}")
    site.vms(vm_yaml("web"))
    site.settle()
    assert str(site.domain("web")[1].config["disks[root].source"]).startswith("/srv/shared/")


IMAGE = """---
apiVersion: gitvirt/v1
kind: Image
metadata: {name: tools}
spec: {external: true, volume: tools.iso, type: iso, storageDomain: shared}
"""


def test_an_external_image_is_used_and_never_brought_nor_removed(site: Site) -> None:
    site.settle()
    site.vms(IMAGE, vm_yaml("web", "cdroms: [{name: cd, image: tools}]"))
    site.apply()
    assert held(site.plan())["image/tools"] is HeldReason.EXTERNAL_MISSING
    site.world.outside("kvm1").put_file("/srv/shared/tools.iso", capacity=1 << 20)
    site.settle()
    assert site.domain("web")[1].config["cdroms[cd].source"] == "/srv/shared/tools.iso"
    site.vms()
    site.settle()
    site.clock.advance(8 * 86400)
    site.settle()
    assert site.world.outside("kvm1").file("/srv/shared/tools.iso") is not None
    assert not [name for name in site.world.host("kvm1").volumes.names("shared") if name.startswith("tools.iso.")]
