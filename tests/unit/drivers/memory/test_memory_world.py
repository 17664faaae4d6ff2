"""The simulated datacenter beyond the contract: power cuts, double starts, lost data, guests, other people's hands."""

from __future__ import annotations

import pytest

from drivers.base import Edit, NewNetwork, NewPool, NewVm, NewVolume, VmEdit
from drivers.errors import Busy, Denied, NoSpace, Unreachable
from drivers.mark import Device, Mark
from drivers.memory.model.said import Said
from drivers.memory.world import Clock, World
from drivers.seen import Power, SeenHost, SeenVm, Unseen
from specs.fields import Scalar
from specs.structs import replace

GIB = 1 << 30
POOL = NewPool(name="shared", uuid="aaaaaaaa-0000-4000-8000-000000000002", path="/srv/shared")
LAN = "aaaaaaaa-0000-4000-8000-000000000003"
WEB = "aaaaaaaa-0000-4000-8000-000000000001"


def mark(name: str = "web", uuid: str = WEB, generation: int = 1) -> Mark:
    return Mark(repository="r", ref=f"vm/{name}", uuid=uuid, generation=generation, revision="a")


def site(locks: bool = True) -> World:
    """Two hosts, a shared pool, the network `lan`; VM `web` on kvm1, stopped, with a disk and a NIC."""
    world = World(clock=Clock(1000.0), locks=locks)
    for name in ("kvm1", "kvm2"):
        host = world.add_host(name, memory=4 * GIB)
        if name == "kvm1":
            world.add_directory("/srv/shared", ["kvm1"])
        else:
            world.hosts[name].mounts["/srv/shared"] = world.directories[0]
        host.pools.define(POOL)
        dhcp = {"dhcp.start": "10.1.0.10", "dhcp.end": "10.1.0.20"}
        fields: dict[str, Scalar] = {"type": "nat", "subnet": "10.1.0.0/24", "address": "10.1.0.1", **dhcp}
        host.networks.define(NewNetwork(name="lan", uuid=LAN, fields=fields, mark=mark("lan", LAN)))
        host.networks.active("lan", True)
        host.networks.autostart("lan", True)
    world.host("kvm1").volumes.create(NewVolume(pool="shared", name="web.qcow2", capacity=GIB))
    define(world, "kvm1", "web", WEB)
    return world


def define(world: World, host: str, name: str, uuid: str, disk: str = "web.qcow2") -> None:
    fields: dict[str, Scalar] = {
        "memory": GIB,
        "agent": True,
        "machine": "q35",
        "disks[root].source": f"/srv/shared/{disk}",
        "disks[root].format": "qcow2",
        "nics[lan].network": "lan",
        "nics[lan].mac": f"52:54:00:00:00:{uuid[-2:]}",
    }
    world.host(host).vms.define(NewVm(name=name, uuid=uuid, fields=fields, mark=mark(name, uuid)))


def vm(world: World, host: str = "kvm1", uuid: str = WEB) -> SeenVm:
    found = world.host(host).reader.vm(uuid)
    assert found is not None
    return found


# Power cuts and lines.


def test_a_power_cut_ends_all_guests_and_a_boot_starts_what_has_autostart() -> None:
    world = site()
    host = world.host("kvm1")
    host.volumes.create(NewVolume(pool="shared", name="auto.qcow2", capacity=GIB))
    define(world, "kvm1", "auto", WEB[:-1] + "9", "auto.qcow2")
    host.vms.autostart(WEB[:-1] + "9", True)
    host.powers.start(WEB)
    world.power_off("kvm1")
    with pytest.raises(Unreachable):
        host.reader.read()
    assert world.outside("kvm1").domain("web").live is None
    world.power_on("kvm1")
    seen = host.reader.read()
    assert {each.name: each.power for each in seen.vms} == {"auto": Power.RUNNING, "web": Power.STOPPED}
    assert vm(world).reason == "unknown"
    assert (seen.networks[0].active, seen.pools[0].active) == (True, True)
    assert "web.qcow2" in seen.pools[0].volumes


def test_a_saved_vm_survives_a_power_cut() -> None:
    world = site()
    world.host("kvm1").powers.start(WEB)
    world.host("kvm1").powers.suspend(WEB)
    world.power_off("kvm1")
    world.power_on("kvm1")
    assert vm(world).power is Power.SUSPENDED


def test_behind_a_cut_line_guests_run_on() -> None:
    world = site()
    world.host("kvm1").powers.start(WEB)
    world.cut("kvm1")
    seen = world.observe()
    assert isinstance(seen["kvm1"], Unseen)
    assert isinstance(seen["kvm2"], SeenHost)
    world.restore("kvm1")
    assert vm(world).power is Power.RUNNING


def test_a_host_that_denies_us_is_unseen_for_that_reason() -> None:
    world = site()
    world.outside("kvm1").deny()
    with pytest.raises(Denied):
        world.host("kvm1").reader.read()
    unseen = world.observe()["kvm1"]
    assert isinstance(unseen, Unseen)
    assert unseen.denied


# What must never happen.


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


# Storage.


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


# Guests and other people's hands.


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


# Events.


def test_events_tell_what_libvirt_tells_and_no_more() -> None:
    world = site()
    host, woken = world.host("kvm1"), list[tuple[str, str]]()
    host.watch(lambda name, ref: woken.append((name, ref)))
    host.vms.autostart(WEB, True)
    host.networks.autostart("lan", False)
    host.volumes.create(NewVolume(pool="shared", name="x", capacity=1))
    world.outside("kvm1").change("web", "memoryMax", 2 * GIB)
    host.reader.read()
    assert woken == []
    world.outside("kvm1").start("web")
    host.networks.active("lan", False)
    assert woken == [("kvm1", "vm/web"), ("kvm1", "network/lan")]
    woken.clear()
    world.cut("kvm1")
    world.outside("kvm1").kill("web")
    world.restore("kvm1")
    assert woken == [("kvm1", ""), ("kvm1", "")]
    host.close()
    host.networks.active("lan", True)
    world.outside("kvm1").start("web")
    assert len(woken) == 2


def test_a_watcher_may_call_back() -> None:
    world = site()
    host, powers = world.host("kvm1"), list[Power]()
    host.watch(lambda _, __: powers.append(vm(world).power))
    host.powers.start(WEB)
    assert powers == [Power.RUNNING]


def test_equal_seeds_give_equal_worlds() -> None:
    def macs() -> list[Scalar]:
        world = site()
        made = world.outside("kvm1").define("theirs", {"memory": GIB, "nics[a].network": "lan"})
        return [made.uuid, *[each.mac for each in made.config.devices]]

    assert macs() == macs()


def test_addresses_come_from_static_leases_the_range_and_the_agent() -> None:
    world = site()
    host = world.host("kvm1")
    host.powers.start(WEB)
    assert host.reader.addresses(WEB) == ("10.1.0.10",)
    world.outside("kvm1").guest("web", addresses=("192.0.2.7",))
    assert host.reader.addresses(WEB) == ("192.0.2.7", "10.1.0.10")
    world.outside("kvm1").guest("web", agent=False)
    assert host.reader.addresses(WEB) == ("10.1.0.10",)
