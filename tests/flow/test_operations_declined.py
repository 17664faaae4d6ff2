"""Power deeds that are declined, or need a word more: what an operator is told, and that nothing is done."""

from __future__ import annotations

from reconciler.operations import power
from tests.flow.operator import FORCE, PLAIN, Operator
from tests.flow.powering import made
from tests.flow.site import Site, host_yaml, vm_yaml


def test_what_makes_no_sense_is_declined_with_what_to_do(site: Site, alice: Operator) -> None:
    made(site, "state: stopped")
    assert "is off, so it cannot be paused; `gitvirt start web`" in alice.declined(power.pause, "vm/web")
    assert "is off, so it cannot be reset" in alice.declined(power.reset, "vm/web")
    assert "is off; `gitvirt start web`" in alice.declined(power.resume, "vm/web", how=PLAIN)
    alice.done(power.start, "vm/web", how=PLAIN)
    alice.done(power.pause, "vm/web")
    assert "`gitvirt resume web` first" in alice.declined(power.stop, "vm/web", how=PLAIN)
    assert alice.done(power.stop, "vm/web", how=FORCE)


def test_a_vm_in_the_trash_is_not_started(site: Site, alice: Operator) -> None:
    made(site)
    site.vms()
    site.settle()
    assert "`gitvirt undelete vm/web`" in alice.declined(power.start, "vm/web", how=FORCE)


def test_foreign_vms_are_never_touched(site: Site, alice: Operator) -> None:
    site.world.outside("kvm2").define("old", {"memory": 1 << 28, "memoryMax": 1 << 28})
    made(site)
    site.world.outside("kvm1").clone_domain("web", "copy")
    text = alice.declined(power.start, "vm/old", how=FORCE)
    assert "gitvirt does not own" in text
    assert "declare it with `uuid: " in text
    assert "is a clone of vm/web" in alice.declined(power.start, "vm/copy", how=FORCE)


def test_a_vm_that_is_declared_only_or_nowhere_is_said_so(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web"))
    assert "not made yet" in alice.declined(power.start, "vm/web", how=PLAIN)
    assert alice.declined(power.start, "vm/nobody", how=PLAIN) == "no host has it"


def test_a_vm_that_is_no_longer_declared_can_be_stopped(site: Site, alice: Operator) -> None:
    made(site)
    site.vms()
    outcome = alice.do(power.stop, "vm/web", how=PLAIN)
    assert (outcome.good, outcome.text) == (True, "stopped on kvm1 (no longer declared)")


def test_a_vm_on_an_unreachable_host_is_never_acted_on_elsewhere(site: Site, alice: Operator) -> None:
    made(site)
    site.world.cut("kvm1")
    for deed in (power.start, power.stop, power.reboot):
        assert "kvm1 may hold it" in alice.declined(deed, "vm/web", how=FORCE)


def test_a_start_while_a_host_is_unseen_needs_a_word(site: Site, alice: Operator) -> None:
    made(site)
    alice.done(power.stop, "vm/web", how=PLAIN)
    site.world.cut("kvm2")
    text = alice.declined(power.start, "vm/web", how=PLAIN)
    assert "kvm2 was not read" in text
    assert "--force" in text
    assert "although kvm2 was not read" in alice.done(power.start, "vm/web", how=FORCE)
    assert alice.done(power.stop, "vm/web", how=PLAIN)


def test_a_start_on_a_host_in_maintenance_needs_a_word(site: Site, alice: Operator) -> None:
    made(site)
    alice.done(power.stop, "vm/web", how=PLAIN)
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace(host_yaml("kvm1"), host_yaml("kvm1", ", maintenance: true")))
    assert "kvm1 is in maintenance" in alice.declined(power.start, "vm/web", how=PLAIN)
    assert alice.do(power.start, "vm/web", how=FORCE).good
    assert [step.what for step in site.plan().steps] == ["migrate to kvm2"]


def test_a_vm_that_two_hosts_define_is_not_touched(site: Site, alice: Operator) -> None:
    made(site)
    alice.done(power.stop, "vm/web", how=PLAIN)
    hosts = site.world.hosts
    domain = next(iter(hosts["kvm1"].domains.values()))
    hosts["kvm2"].domains[domain.uuid] = domain
    assert "defined twice, on kvm1 (stopped), kvm2 (stopped)" in alice.declined(power.start, "vm/web", how=FORCE)


def test_a_vm_is_not_started_beside_another_of_its_uuid(site: Site, alice: Operator) -> None:
    made(site)
    alice.done(power.stop, "vm/web", how=PLAIN)
    uuid = site.domain("web")[1].uuid
    site.world.outside("kvm2").define("twin", {"memory": 1 << 28, "memoryMax": 1 << 28}, domain_id=uuid)
    assert "kvm2 has a VM of the same uuid" in alice.declined(power.start, "vm/web", how=FORCE)


def test_a_vm_whose_disk_or_network_is_not_there_is_not_started(site: Site, alice: Operator) -> None:
    made(site)
    alice.done(power.stop, "vm/web", how=PLAIN)
    site.world.outside("kvm1")._host.networks["lan"].live = None
    assert "network lan is not active on kvm1" in alice.declined(power.start, "vm/web", how=FORCE)
    disk = str(site.domain("web")[1].config["disks[root].source"])
    site.world.outside("kvm1").remove_file(disk)
    assert f"disk root: {disk} is not there" in alice.declined(power.start, "vm/web", how=FORCE)


def test_a_vm_is_not_started_on_a_disk_that_another_one_writes(tmp_path) -> None:  # type: ignore[no-untyped-def]
    site = Site(tmp_path, locks=False)
    alice = Operator(site)
    made(site)
    alice.done(power.stop, "vm/web", how=PLAIN)
    disk = site.domain("web")[1].config["disks[root].source"]
    fields = {"memory": 1 << 28, "disks[vda].source": disk, "disks[vda].bus": "virtio", "disks[vda].format": "qcow2"}
    site.world.outside("kvm2").define("thief", fields)
    site.world.outside("kvm2").start("thief")
    assert "disk root is in use by vm/thief on kvm2" in alice.declined(power.start, "vm/web", how=FORCE)
