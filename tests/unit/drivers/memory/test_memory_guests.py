"""The simulated datacenter's guests, and other people's hands on them."""

from __future__ import annotations

import pytest

from drivers.base import Edit, NewVolume, VmEdit
from drivers.mark import Device
from drivers.memory.model.said import Said
from drivers.memory.world import Clock
from drivers.seen import Power
from specs.structs import replace
from tests.unit.drivers.memory.worlds import GIB, WEB, mark, site, vm


def test_a_guest_takes_its_time_to_shut_down() -> None:
    world = site()
    clock = world.clock
    assert isinstance(clock, Clock)
    world.outside("kvm1").guest("web", shutdown_seconds=30.0)
    world.host("kvm1").powers.start(WEB)
    world.host("kvm1").powers.shutdown(WEB, "agent")
    clock.advance(29)
    assert vm(world).power is Power.RUNNING
    clock.advance(1)
    assert (vm(world).power, vm(world).reason) == (Power.STOPPED, "shutdown")


@pytest.mark.parametrize(
    ("deed", "reason"), [("guest_shutdown", "shutdown"), ("kill", "crashed"), ("destroy", "destroyed")]
)
def test_a_vm_that_stops_by_itself_tells_the_reason(deed: str, reason: str) -> None:
    world = site()
    world.host("kvm1").powers.start(WEB)
    getattr(world.outside("kvm1"), deed)("web")
    assert (vm(world).power, vm(world).reason) == (Power.STOPPED, reason)


def test_a_running_vm_that_was_undefined_by_hand_is_transient_and_gone_when_it_stops() -> None:
    world = site()
    world.host("kvm1").powers.start(WEB)
    world.outside("kvm1").undefine("web")
    assert not vm(world).persistent
    world.outside("kvm1").destroy("web")
    assert world.host("kvm1").reader.vm(WEB) is None


def test_a_device_that_the_guest_releases_late_leaves_late() -> None:
    world = site()
    host = world.host("kvm1")
    host.powers.start(WEB)
    world.outside("kvm1").guest("web", unplug=False)
    edit = (Edit(path="nics[lan]", before={"network": "lan"}),)
    assert host.vms.edit(VmEdit(uuid=WEB, expects=1, mark=mark(generation=2), config=edit, live=edit))
    assert "nics[lan].mac" in (vm(world).live or {})
    world.outside("kvm1").guest_releases("web", "nics[lan]")
    assert "nics[lan].mac" not in (vm(world).live or {})


def test_a_device_gets_one_place_in_the_running_vm_and_in_its_next_boot() -> None:
    world = site()
    host, domain = world.host("kvm1"), world.outside("kvm1").domain("web")
    host.powers.start(WEB)
    domain.guest.unplug = False
    gone = (Edit(path="disks[root]", before={"bus": "virtio"}),)
    host.vms.edit(VmEdit(uuid=WEB, expects=1, mark=mark(generation=2), config=gone, live=gone))
    source = host.volumes.create(NewVolume(pool="shared", name="data.qcow2", capacity=GIB)).path
    data = (Edit(path="disks[data]", after={"source": source, "format": "qcow2", "bus": "virtio"}),)
    assert host.vms.edit(VmEdit(uuid=WEB, expects=2, mark=mark(generation=3), config=data, live=data)) == ()
    assert domain.live is not None
    found = [hardware.find("disks", "data") for hardware in (domain.config, domain.live)]
    assert [device.target if device else "" for device in found] == ["vdb", "vdb"]


def test_when_all_slots_are_taken_a_device_waits_for_the_next_boot() -> None:
    world = site()
    host = world.host("kvm1")
    world.outside("kvm1").domain("web").slots = 3
    host.powers.start(WEB)
    nic = {"network": "lan", "model": "virtio"}
    edits = tuple(Edit(path=f"nics[n{n}]", after={**nic, "mac": f"52:54:00:00:01:0{n}"}) for n in (1, 2))
    refusals = host.vms.edit(VmEdit(uuid=WEB, expects=1, mark=mark(generation=2), config=edits, live=edits))
    assert [(each.path, each.reason) for each in refusals] == [("nics[n2]", "No more available PCI slots")]
    assert {"nics[n1].mac", "nics[n2].mac"} <= set(vm(world).config)


def test_a_change_by_hand_shows_in_the_view_that_it_was_made_in() -> None:
    world = site()
    outside = world.outside("kvm1")
    world.host("kvm1").powers.start(WEB)
    before = vm(world).definition
    outside.change("web", "memoryMax", 2 * GIB)
    outside.change("web", "nics[lan].link", "down", live=True)
    seen = vm(world)
    assert seen.live is not None
    assert (seen.config["memoryMax"], seen.live["memoryMax"]) == (2 * GIB, GIB)
    assert (seen.config["nics[lan].link"], seen.live["nics[lan].link"]) == ("up", "down")
    assert seen.definition != before


def test_a_clone_by_hand_bears_our_mark_with_the_other_s_uuid() -> None:
    world = site()
    made = world.outside("kvm1").clone_domain("web", "web-clone")
    seen = vm(world, uuid=made.uuid)
    assert seen.mark == mark()
    assert seen.mark.uuid != seen.uuid
    assert seen.config["nics[lan].mac"] != vm(world).config["nics[lan].mac"]


def test_a_damaged_mark_is_seen_as_such() -> None:
    world = site()
    world.outside("kvm1").damage_mark("web")
    assert (vm(world).mark, vm(world).mark_damaged) == (None, True)


def test_a_foreign_vm_starts_only_where_libvirt_would() -> None:
    world = site()
    world.outside("kvm1").define("theirs", {"memory": GIB, "nics[a].network": "nowhere"})
    with pytest.raises(Said, match="nowhere"):
        world.outside("kvm1").start("theirs")


def test_an_adopted_disk_that_changes_its_bus_is_found_by_its_new_target() -> None:
    world = site()
    fields = {"memory": GIB, "disks[x].source": "/srv/shared/web.qcow2", "disks[x].bus": "virtio"}
    domain = world.outside("kvm1").define("theirs", fields)
    table = replace(mark("theirs", domain.uuid), devices={"disk/root": Device(target="vda")})
    host = world.host("kvm1")
    host.vms.mark(domain.uuid, None, table)
    edit = (Edit(path="disks[root].bus", before="virtio", after="scsi"),)
    host.vms.edit(VmEdit(uuid=domain.uuid, expects=1, mark=replace(table, generation=2), config=edit))
    seen = vm(world, uuid=domain.uuid)
    assert seen.mark is not None
    assert (seen.config["disks[root].bus"], seen.mark.devices["disk/root"].target) == ("scsi", "sda")
