"""The simulated datacenter beyond the contract: power cuts, dead lines, events, equal seeds."""

from __future__ import annotations

import pytest

from drivers.base import NewVolume
from drivers.errors import Denied, Unreachable
from drivers.seen import Power, SeenHost, Unseen
from specs.fields import Scalar
from tests.unit.drivers.memory.worlds import GIB, WEB, define, site, vm


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
