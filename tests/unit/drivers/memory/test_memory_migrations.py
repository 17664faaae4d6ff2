"""Faults in the middle of a simulated migration: whatever happens when, one copy runs, and the next look knows."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from drivers.base import Host, Migration, NewPool, NewVolume, Relocation
from drivers.errors import Busy, Conflict, DriverError, Missing, Unknown, Unreachable
from drivers.memory.faults import Crash
from drivers.memory.journey import PHASES
from drivers.memory.world import Clock, World
from drivers.seen import Power
from specs.structs import replace
from tests.contract.travel import nobody
from tests.contract.twin import id_of, new_vm

VM = id_of("x")


class Site:
    """Two hosts, a shared directory, and a running VM on the first."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.world = World(self.clock)
        self.one, self.two = self.world.add_host("kvm1"), self.world.add_host("kvm2")
        self.world.add_directory("/srv/shared", hosts=["kvm1", "kvm2"])
        for host in (self.one, self.two):
            host.pools.define(NewPool(name="p", uuid=id_of("p"), path="/srv/shared"))
        disk = self.one.volumes.create(NewVolume(pool="p", name="x.qcow2", capacity=1 << 20))
        self.one.vms.define(new_vm("x", disks_root={"source": disk.path, "format": "qcow2", "bus": "virtio"}))
        self.one.powers.start(VM)

    def migrate(self, peer_to_peer: bool = True, **values: object) -> None:
        uri = "memory://kvm2" if peer_to_peer else ""
        self.one.migrations.migrate(Migration(uuid=VM, expects=1, target_uri=uri, **values), self.two, nobody)  # type: ignore[arg-type]

    def runs(self) -> list[str]:
        """The hosts on which it runs; that is never more than one."""
        assert not self.world.doubles
        assert len(self.world.running[VM]) <= 1
        return self.world.running[VM]

    def power(self, host: Host) -> Power | None:
        vm = host.reader.vm(VM)
        return vm.power if vm else None


@pytest.fixture
def site() -> Site:
    return Site()


def alone(site: Site, host: Host) -> None:
    """The VM runs on that host, and the other one knows nothing of it."""
    assert site.runs() == [host.name]
    assert site.power(host) is Power.RUNNING
    assert site.power(site.two if host is site.one else site.one) is None
    assert site.world.outside(host.name).domain("x").boots == 1


@pytest.mark.parametrize("phase", PHASES)
def test_a_killed_gitvirt_does_not_stop_a_migration_between_hosts_that_trust_each_other(site: Site, phase: str) -> None:
    site.world.outside("kvm1").guest("x", migration_seconds=30.0)
    site.world.faults.crash(moment="midway", phase=phase)
    with pytest.raises(Crash):
        site.migrate()
    site.world.faults.revive()
    with pytest.raises(Busy, match="under way"):
        site.one.migrations.settle(VM, site.two)
    site.clock.advance(30)
    assert site.one.migrations.settle(VM, site.two) == "it runs on kvm2"
    alone(site, site.two)


@pytest.mark.parametrize(("phase", "where"), [*((each, "kvm1") for each in PHASES[:3]), ("finishing", "kvm2")])
def test_a_killed_gitvirt_ends_a_migration_that_it_led_and_the_next_settles_it(
    site: Site, phase: str, where: str
) -> None:
    site.world.faults.crash(moment="midway", phase=phase)
    with pytest.raises(Crash):
        site.migrate(peer_to_peer=False)
    site.world.faults.revive()
    assert site.one.migrations.settle(VM, site.two) == f"it runs on {where}"
    alone(site, site.one if where == "kvm1" else site.two)


@pytest.mark.parametrize("peer_to_peer", [True, False])
@pytest.mark.parametrize("phase", PHASES[:3])
def test_a_target_that_dies_leaves_the_vm_where_it_was(site: Site, phase: str, peer_to_peer: bool) -> None:
    site.world.faults.during(phase, lambda: site.world.power_off("kvm2"))
    with pytest.raises(DriverError, match="lost in mid-migration"):
        site.migrate(peer_to_peer)
    assert site.runs() == ["kvm1"]
    with pytest.raises(Unknown, match="kvm2 cannot be asked"):
        site.one.migrations.settle(VM, site.two)
    site.world.power_on("kvm2")
    assert site.one.migrations.settle(VM, site.two) == "it runs on kvm1"
    alone(site, site.one)


def test_a_target_that_dies_when_it_has_the_vm_takes_it_along(site: Site) -> None:
    site.world.faults.during("finishing", lambda: site.world.power_off("kvm2"))
    site.migrate(peer_to_peer=False)
    assert site.runs() == []
    site.world.power_on("kvm2")
    assert site.power(site.two) is Power.STOPPED


@pytest.mark.parametrize("phase", PHASES[:3])
def test_hosts_that_lose_each_other_end_it_where_it_was(site: Site, phase: str) -> None:
    site.world.faults.during(phase, lambda: site.world.cut_between("kvm1", "kvm2"))
    with pytest.raises(DriverError):
        site.migrate()
    alone(site, site.one)
    with pytest.raises(Unreachable, match="does not reach"):
        site.migrate()
    site.world.restore_between("kvm1", "kvm2")
    site.migrate()
    alone(site, site.two)


@pytest.mark.parametrize("phase", PHASES)
def test_a_cut_between_us_and_the_source_is_no_end_of_it(site: Site, phase: str) -> None:
    def cut() -> None:
        site.world.cut("kvm1")
        raise Unreachable("kvm1", "migrate vm/x", "connection closed due to keepalive timeout")

    site.world.faults.during(phase, cut)
    with pytest.raises(Unreachable):
        site.migrate()
    site.world.restore("kvm1")
    site.one.reader.ping()
    alone(site, site.two)


@pytest.mark.parametrize("phase", PHASES[:3])
def test_a_cancel_takes_effect_until_the_guest_is_handed_over(site: Site, phase: str) -> None:
    site.world.faults.during(phase, lambda: bool(site.one.migrations.cancel(VM)) or None)
    with pytest.raises(Busy, match="cancelled"):
        site.migrate()
    alone(site, site.one)


def test_a_shell_and_a_vm_that_is_handed_over_are_told_apart(site: Site) -> None:
    seen: list[tuple[str, str]] = []

    def look() -> None:
        here, there = site.one.reader.vm(VM), site.two.reader.vm(VM)
        assert here is not None
        assert there is not None
        seen.append((here.migrating, there.migrating))

    site.world.faults.during("copying", look)
    site.world.faults.during("switching", look)
    site.migrate()
    assert seen == [("", "in"), ("out", "in")]


def test_whoever_resumes_both_sides_by_hand_is_seen(site: Site) -> None:
    site.world.faults.crash(moment="midway", phase="switching")
    with pytest.raises(Crash):
        site.migrate(peer_to_peer=False)
    site.world.faults.revive()
    with pytest.raises(Busy, match="lock"):  # the source's QEMU still has the disk
        site.two.powers.resume(VM)
    assert not site.world.doubles
    site.world.locks = False
    site.two.powers.resume(VM)
    assert site.world.doubles


def lose_storage(site: Site) -> None:
    site.world.outside("kvm2").vanish("/srv/shared")


def foreign_namesake(site: Site) -> None:
    site.world.outside("kvm2").define("x", new_vm("y").fields, domain_id=id_of("y"))


def shell_left(site: Site) -> None:
    site.world.faults.crash(moment="midway", phase="switching")
    with pytest.raises(Crash):
        site.migrate(peer_to_peer=False)
    site.world.faults.revive()


@pytest.mark.parametrize(
    ("prepare", "kind"), [(lose_storage, DriverError), (foreign_namesake, Conflict), (shell_left, Conflict)]
)
def test_a_target_that_cannot_take_it_is_found_before_anything_moves(
    site: Site, prepare: Callable[[Site], None], kind: type[DriverError]
) -> None:
    prepare(site)
    with pytest.raises(kind):
        site.migrate()
    assert site.runs() == ["kvm1"]


def test_a_vm_that_neither_host_knows_is_missing(site: Site) -> None:
    with pytest.raises(Missing):
        site.one.migrations.settle(id_of("nobody"), site.two)


@pytest.mark.parametrize("moment", ["before", "midway", "after"])
def test_a_relocation_is_done_again_after_an_end_at_any_moment(site: Site, moment: str) -> None:
    site.one.powers.destroy(VM)
    mark = site.one.reader.vm(VM).mark  # type: ignore[union-attr]
    assert mark is not None
    request = Relocation(uuid=VM, expects=1, mark=replace(mark, generation=2))
    site.world.faults.crash(moment=moment)  # type: ignore[arg-type]
    with pytest.raises(Crash):
        site.one.migrations.relocate(request, site.two)
    site.world.faults.revive()
    site.one.migrations.relocate(request, site.two)
    assert site.power(site.one) is None
    assert site.power(site.two) is Power.STOPPED


def test_a_relocation_that_ends_half_way_leaves_no_two_hosts_that_start_the_vm_when_they_boot(site: Site) -> None:
    site.one.powers.destroy(VM)
    site.one.vms.autostart(VM, True)
    mark = site.one.reader.vm(VM).mark  # type: ignore[union-attr]
    assert mark is not None
    request = Relocation(uuid=VM, expects=1, mark=replace(mark, generation=2))
    site.world.faults.crash(moment="midway")
    with pytest.raises(Crash):
        site.one.migrations.relocate(request, site.two)
    site.world.faults.revive()
    seen = {host.name: host.reader.vm(VM) for host in (site.one, site.two)}
    assert {name: vm.autostart for name, vm in seen.items() if vm} == {"kvm1": True, "kvm2": False}
    site.one.migrations.relocate(request, site.two)
    assert site.two.reader.vm(VM).autostart  # type: ignore[union-attr]


def test_what_a_migration_left_behind_is_not_taken_to_another_host(site: Site) -> None:
    site.one.powers.destroy(VM)
    site.world.hosts["kvm1"].domains[VM].reason = "migrated"
    mark = site.one.reader.vm(VM).mark  # type: ignore[union-attr]
    assert mark is not None
    with pytest.raises(Conflict, match="left behind"):
        site.one.migrations.relocate(Relocation(uuid=VM, expects=1, mark=mark), site.two)
    assert site.power(site.two) is None
