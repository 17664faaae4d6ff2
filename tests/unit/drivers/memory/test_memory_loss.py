"""The simulated datacenter notes what must never happen (double starts, lost data), and what storage does."""

from __future__ import annotations

import pytest

from drivers.base import NewPool, NewVolume
from drivers.errors import Busy, NoSpace
from drivers.seen import Power
from tests.unit.drivers.memory.worlds import GIB, LAN, WEB, define, site, vm


def test_a_disk_that_runs_elsewhere_is_locked_also_behind_a_cut_line() -> None:
    world = site()
    define(world, "kvm2", "web", WEB)
    world.host("kvm1").powers.start(WEB)
    world.cut("kvm1")
    with pytest.raises(Busy):
        world.host("kvm2").powers.start(WEB)
    assert world.doubles == []
    world.power_off("kvm1")
    world.host("kvm2").powers.start(WEB)
    assert world.doubles == []


def test_without_locks_a_double_start_happens_and_is_noted() -> None:
    world = site(locks=False)
    define(world, "kvm2", "web", WEB)
    world.host("kvm1").powers.start(WEB)
    world.host("kvm2").powers.start(WEB)
    assert [each.what for each in world.doubles] == [f"uuid {WEB}", "disk /srv/shared/web.qcow2"]
    assert {each.where for each in world.doubles} == {("kvm1", "kvm2")}


def test_two_vms_on_one_disk_are_noted_on_one_host_as_well() -> None:
    world = site(locks=False)
    define(world, "kvm1", "twin", WEB[:-1] + "9")
    for uuid in (WEB, WEB[:-1] + "9"):
        world.host("kvm1").powers.start(uuid)
    assert [(each.what, each.where) for each in world.doubles] == [("disk /srv/shared/web.qcow2", ("kvm1",))]


def test_a_running_overlay_locks_its_backing_file_for_writers_only() -> None:
    world = site()
    host = world.host("kvm1")
    for number, name in enumerate(("one", "two"), 5):
        host.volumes.create(NewVolume(pool="shared", name=name, backing="/srv/shared/web.qcow2"))
        define(world, "kvm1", name, f"{WEB[:-1]}{number}", name)
    readers = [each.uuid for each in host.reader.read().vms if each.name != "web"]
    for uuid in readers:
        host.powers.start(uuid)
    with pytest.raises(Busy):
        host.powers.start(WEB)


@pytest.mark.parametrize("why", ["overlay", "runs"])
def test_a_file_that_is_deleted_under_those_who_need_it_is_noted(why: str) -> None:
    world = site()
    if why == "overlay":
        world.host("kvm1").volumes.create(NewVolume(pool="shared", name="o", backing="/srv/shared/web.qcow2"))
    else:
        world.host("kvm1").powers.start(WEB)
    world.host("kvm2").volumes.delete("shared", "web.qcow2")
    assert [(each.host, each.path) for each in world.damage] == [("kvm2", "/srv/shared/web.qcow2")]
    assert why in world.damage[0].why


def test_an_overlay_in_another_host_s_directory_of_the_same_path_needs_nothing_here() -> None:
    world = site()
    for name in ("kvm1", "kvm2"):
        world.host(name).pools.define(NewPool(name="local", uuid=LAN, path="/srv/local"))
        world.host(name).volumes.create(NewVolume(pool="local", name="base", capacity=GIB))
    world.host("kvm2").volumes.create(NewVolume(pool="local", name="o", backing="/srv/local/base"))
    world.host("kvm1").volumes.delete("local", "base")
    assert world.damage == []


def test_a_network_that_stops_under_running_vms_is_noted() -> None:
    world = site()
    world.host("kvm1").powers.start(WEB)
    world.host("kvm1").networks.active("lan", False)
    assert world.severed == [("kvm1", "lan", "web")]
    world.host("kvm1").networks.active("lan", True)
    assert world.severed == []


def test_a_full_directory_takes_nothing_more_and_pauses_a_writing_guest() -> None:
    world = site()
    host = world.host("kvm1")
    host.powers.start(WEB)
    world.outside("kvm1").fill("/srv/shared", leave=100)
    assert host.reader.read().pools[0].available == 100
    with pytest.raises(NoSpace):
        host.volumes.upload("shared", "big", iter([b"x" * 101]), 101)
    with pytest.raises(NoSpace):
        host.volumes.create(NewVolume(pool="shared", name="new", capacity=GIB))
    host.volumes.create(NewVolume(pool="shared", name="marker", format="raw"))
    world.outside("kvm1").guest_writes("web", "disks[root]", b"x" * 101)
    assert (vm(world).power, vm(world).reason) == (Power.PAUSED, "ioerror")


def test_the_same_file_has_the_same_identity_and_a_copy_another() -> None:
    world = site()
    outside, host = world.outside("kvm1"), world.host("kvm1")
    host.powers.start(WEB)
    outside.guest_writes("web", "disks[root]", b"precious")
    host.powers.destroy(WEB)
    host.volumes.create(NewVolume(pool="shared", name="copy", copy_of="web.qcow2"))
    file, copy = outside.file("/srv/shared/web.qcow2"), outside.file("/srv/shared/copy")
    assert file is not None
    assert copy is not None
    assert file is world.outside("kvm2").file("/srv/shared/web.qcow2")
    assert (file.content, copy.content) == (b"precious", b"precious")
    assert file.identity != copy.identity


def test_a_mount_that_comes_back_has_its_files() -> None:
    world = site()
    world.outside("kvm1").vanish("/srv/shared")
    assert world.host("kvm2").reader.read().pools[0].problem
    world.outside("kvm1").reappear("/srv/shared")
    world.host("kvm1").pools.active("shared", True)
    assert "web.qcow2" in world.host("kvm1").reader.read().pools[0].volumes


def test_a_file_that_was_copied_in_is_seen_with_its_format_after_a_look() -> None:
    world = site()
    world.outside("kvm1").put_file("/srv/shared/debian.iso", content=b"\0CD001" * 100)
    assert world.host("kvm2").reader.read().pools[0].volumes["debian.iso"].capacity == 600
    world.outside("kvm1").remove_file("/srv/shared/debian.iso")
    assert "debian.iso" not in world.host("kvm2").reader.read().pools[0].volumes
