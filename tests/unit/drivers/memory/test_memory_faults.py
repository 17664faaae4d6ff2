"""Faults on purpose, and the journal of calls."""

from __future__ import annotations

import pytest

from drivers.base import Edit, NewPool, NewVm, NewVolume, VmEdit
from drivers.errors import Busy, Denied, DriverError, NoSpace, Unknown, Unreachable
from drivers.mark import Mark
from drivers.memory.faults import Crash, every
from drivers.memory.world import World
from drivers.seen import Power, Unseen

UUID = "aaaaaaaa-0000-4000-8000-000000000001"
POOL = NewPool(name="shared", uuid="aaaaaaaa-0000-4000-8000-000000000002", path="/srv/shared")
MARK = Mark(repository="r", ref="vm/web", uuid=UUID, generation=1, revision="a")


@pytest.fixture
def world() -> World:
    """Two hosts with a shared pool, a VM on the first."""
    world = World()
    for name in ("kvm1", "kvm2"):
        world.add_host(name)
    world.add_directory("/srv/shared", ["kvm1", "kvm2"])
    for name in ("kvm1", "kvm2"):
        world.host(name).pools.define(POOL)
    fields = {"memory": 1 << 26, "cpu.max": 4, "cpu.count": 1}
    world.host("kvm1").vms.define(NewVm(name="web", uuid=UUID, fields=fields, mark=MARK))
    return world


def power(world: World) -> Power:
    return world.outside("kvm1").domain("web").power


@pytest.mark.parametrize("error", [Busy, NoSpace, Unreachable, Denied])
def test_the_nth_changing_call_fails_without_effect(world: World, error: type[DriverError]) -> None:
    rule = world.faults.fail(2, error)
    host = world.host("kvm1")
    host.vms.autostart(UUID, True)
    host.reader.read()
    with pytest.raises(error):
        host.powers.start(UUID)
    assert rule.fired
    assert power(world) is Power.STOPPED
    host.powers.start(UUID)
    assert power(world) is Power.RUNNING


@pytest.mark.parametrize("effect", [False, True])
def test_a_call_that_hangs_is_unknown_whether_it_took_effect_or_not(world: World, effect: bool) -> None:
    world.faults.hang(effect=effect)
    with pytest.raises(Unknown):
        world.host("kvm1").powers.start(UUID)
    assert (power(world) is Power.RUNNING) is effect


@pytest.mark.parametrize("effect", [False, True])
def test_a_line_that_is_cut_during_a_call_stays_cut_until_it_is_restored(world: World, effect: bool) -> None:
    world.faults.cut(effect=effect)
    with pytest.raises(Unreachable):
        world.host("kvm1").powers.start(UUID)
    assert isinstance(world.observe()["kvm1"], Unseen)
    with pytest.raises(Unreachable):
        world.host("kvm1").reader.ping()
    world.host("kvm2").reader.ping()
    world.restore("kvm1")
    assert (world.host("kvm1").reader.read().vms[0].power is Power.RUNNING) is effect


@pytest.mark.parametrize(("moment", "happened"), [("before", False), ("after", True)])
def test_a_killed_process_makes_no_more_calls_and_what_it_did_stays(world: World, moment: str, happened: bool) -> None:
    world.faults.crash(1, moment)  # type: ignore[arg-type]
    with pytest.raises(Crash):
        world.host("kvm1").powers.start(UUID)
    for call in (world.host("kvm2").reader.read, lambda: world.host("kvm1").powers.destroy(UUID)):
        with pytest.raises(Crash):
            call()
    assert (power(world) is Power.RUNNING) is happened
    world.faults.revive()
    assert (world.host("kvm1").reader.read().vms[0].power is Power.RUNNING) is happened


def test_a_crash_is_nothing_that_code_can_catch_by_accident(world: World) -> None:
    assert not issubclass(Crash, Exception)


def test_a_crash_midway_leaves_an_edit_half_made(world: World) -> None:
    host = world.host("kvm1")
    host.powers.start(UUID)
    world.faults.crash(1, "midway")
    edits = (Edit(path="cpu.count", before=1, after=2),)
    mark = Mark(repository="r", ref="vm/web", uuid=UUID, generation=2, revision="b")
    edit = VmEdit(uuid=UUID, expects=1, mark=mark, config=edits, live=edits)
    with pytest.raises(Crash):
        host.vms.edit(edit)
    world.faults.revive()
    half = host.reader.vm(UUID)
    assert half is not None
    assert half.live is not None
    assert (half.live["cpu.count"], half.config["cpu.count"], half.mark) == (2, 1, MARK)
    assert host.vms.edit(edit) == ()
    done = host.reader.vm(UUID)
    assert done is not None
    assert (done.config["cpu.count"], done.mark) == (2, mark)


@pytest.mark.parametrize("chunks", [1, 2])
def test_a_crash_midway_leaves_an_upload_unfinished(world: World, chunks: int) -> None:
    world.faults.crash(1, "midway")
    with pytest.raises(Crash):
        world.host("kvm1").volumes.upload("shared", "image", iter([b"x" * 10] * chunks), 10 * chunks)
    world.faults.revive()
    file = world.outside("kvm1").file("/srv/shared/image")
    assert file is not None
    assert file.content == b"x" * 10
    world.host("kvm1").volumes.upload("shared", "image", iter([b"y" * 20]), 20)
    assert file.content == b"y" * 20


def test_a_rule_whose_turn_never_comes_has_not_fired(world: World) -> None:
    rule = world.faults.crash(2)
    world.host("kvm1").powers.start(UUID)
    assert not rule.fired


def test_a_rule_strikes_what_it_is_told_to(world: World) -> None:
    world.faults.fail(1, Busy, where=lambda call: (call.host, call.method) == ("kvm2", "create"))
    world.faults.fail(1, Unreachable, where=lambda call: every(call) and call.method == "read")
    new = NewVolume(pool="shared", name="x", capacity=1)
    world.host("kvm1").volumes.create(new)
    with pytest.raises(Busy):
        world.host("kvm2").volumes.create(NewVolume(pool="shared", name="y", capacity=1))
    with pytest.raises(Unreachable):
        world.host("kvm1").reader.read()
    world.host("kvm1").reader.read()


def test_the_journal_tells_every_changing_call_with_the_mark_that_its_object_bore(world: World) -> None:
    world.journal.clear()
    host = world.host("kvm1")
    host.reader.read()
    host.powers.start(UUID)
    with pytest.raises(DriverError):
        host.vms.undefine(UUID, 1)
    host.volumes.create(NewVolume(pool="shared", name="x", capacity=1))
    assert [(each.protocol, each.method, each.object, each.outcome) for each in world.journal] == [
        ("powers", "start", "web", "done"),
        ("vms", "undefine", "web", "Conflict"),
        ("volumes", "create", "shared/x", "done"),
    ]
    assert [each.mark for each in world.journal] == [MARK, MARK, None]


def test_a_chunk_source_that_calls_another_host_does_not_lock_up(world: World) -> None:
    world.host("kvm1").volumes.upload("shared", "a", iter([b"content"]), 7)
    world.host("kvm2").volumes.upload("shared", "b", world.host("kvm1").volumes.download("shared", "a"), 7)
    file = world.outside("kvm1").file("/srv/shared/b")
    assert file is not None
    assert file.content == b"content"
