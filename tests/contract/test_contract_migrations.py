"""Moves of VMs between hosts, on both twins: what arrives, what stays, and that a failure leaves one copy."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from drivers.base import Host, Migration, NewVm, NewVolume, Progress
from drivers.errors import Busy, Conflict, DriverError, Missing, Refused
from drivers.seen import Power
from tests.contract.travel import DISK, Journeys, generation, hardware, nobody, with_disks
from tests.contract.twin import START, Twin, id_of, new_vm

STEEP: dict[str, Any] = {"bandwidth": 32, "ladder": ((0, 1), (1, 2))}
"""A ladder that a busy guest does not climb."""


@pytest.fixture(scope="module")
def guest(twin: Twin) -> str:
    """The uuid of a running VM on shared storage."""
    image, name = twin.guest_image(), START + "traveller"
    twin.host.volumes.upload(twin.pool, "traveller-base.qcow2", iter([image]), len(image))
    backing = twin.seen_pool().volumes["traveller-base.qcow2"].path
    source = twin.volume("traveller.qcow2", 0, backing=backing)
    twin.define(new_vm(name, disks_root={"source": source, "format": "qcow2", "bus": "virtio"}))
    twin.host.powers.start(id_of(name))
    return id_of(name)


@pytest.fixture
def traveller(moving: Journeys, guest: str) -> str:
    """The same with its guest counting; started anew if that was damaged in an earlier test (tests/emulator.py)."""
    if not moving.is_counting(guest):
        host, _ = moving.where(guest)
        host.powers.destroy(guest)
        host.powers.start(guest)
        moving.twin.wait(lambda: moving.seen(guest).agent, "the agent's connection")
        moving.count(guest)
    return guest


@pytest.fixture
def local(twin: Twin, moving: Journeys, name: str) -> Iterator[str]:
    """A running VM with nothing to boot, whose disk lies on the first host alone."""
    moving.own_pools()
    new = with_disks(name, twin, moving.own)
    twin.host.volumes.upload(moving.own, f"{name}.raw", iter([b"precious".ljust(DISK, b".")]), DISK)
    twin.start(new.uuid)
    yield new.uuid
    moving.end(new.uuid)


def content(host: Host, pool: str, name: str) -> bytes:
    return b"".join(host.volumes.download(pool, name))


# Running VMs.


@pytest.mark.parametrize(
    ("way", "settings"),
    [
        ("tls", {}),
        ("ssh", {}),
        ("direct", {}),
        ("tls", {"encrypted": True, "parallel": 2}),
        ("direct", {"encrypted": True, "compressed": True, "auto_converge": True, "bandwidth": 1000}),
        ("direct", {"last_resort": "postcopy", "ladder": ((0, 500),)}),
    ],
    ids=lambda value: value if isinstance(value, str) else " ".join(value) or "plain",
)
def test_a_vm_moves_and_its_guest_goes_on(moving: Journeys, traveller: str, way: str, settings: dict[str, Any]) -> None:
    source, target = moving.where(traveller)
    before, told = moving.seen(traveller), list[Progress]()
    uri = moving.uri(target, way) if way != "direct" else ""
    if "encrypted" in settings:
        settings = {**settings, "address": moving.address(target)}
    moving.migrate(traveller, told.append, target_uri=uri, **settings)
    after = moving.seen(traveller)
    assert (after.power, after.persistent, after.migrating) == (Power.RUNNING, True, "")
    assert (after.mark, hardware(after), after.autostart) == (before.mark, hardware(before), before.autostart)
    assert source.reader.vm(traveller) is None
    assert (told[-1].phase, told[-1].remaining) == ("done", 0)
    assert told[-1].total > 0
    moving.assert_went_on(traveller)


def test_a_peer_that_is_a_stranger_to_the_source_is_reached_through_our_connections(
    moving: Journeys, traveller: str
) -> None:
    for _ in range(2):
        moving.migrate(traveller, target_uri=moving.stranger(moving.where(traveller)[1]))
    moving.assert_went_on(traveller)


def test_a_paused_vm_arrives_paused(moving: Journeys, traveller: str) -> None:
    moving.where(traveller)[0].powers.pause(traveller)
    target = moving.migrate(traveller)
    assert moving.seen(traveller).power is Power.PAUSED
    target.powers.resume(traveller)
    moving.assert_went_on(traveller)


def test_autostart_and_the_chance_to_repeat_come_along(moving: Journeys, traveller: str) -> None:
    source, target = moving.where(traveller)
    source.vms.autostart(traveller, True)
    request = Migration(uuid=traveller, expects=generation(moving.seen(traveller).mark))
    source.migrations.migrate(request, target, nobody)
    source.migrations.migrate(request, target, nobody)
    assert moving.seen(traveller).autostart
    assert source.migrations.settle(traveller, target) == f"it runs on {target.name}"
    target.vms.autostart(traveller, False)


def test_a_migration_is_cancelled_while_the_target_has_only_a_shell(moving: Journeys, traveller: str) -> None:
    source, target = moving.where(traveller)
    cancelled, shells = list[bool](), list[str]()

    def cancel(progress: Progress) -> None:
        if progress.total and not cancelled:
            assert source.migrations.progress(traveller) is not None
            shell = target.reader.vm(traveller)
            shells.append(shell.migrating if shell else "")
            assert target.migrations.progress(traveller) is None
            assert not target.migrations.cancel(traveller)
            cancelled.append(source.migrations.cancel(traveller))

    with pytest.raises(Busy, match="cancel"):
        moving.migrate(traveller, cancel, target_uri=moving.uri(target), bandwidth=1)
    assert (cancelled, shells) == ([True], ["in"])
    assert moving.where(traveller)[0] is source
    assert not source.migrations.cancel(traveller)
    assert not target.migrations.cancel(traveller)
    assert target.migrations.progress(traveller) is None
    assert source.migrations.progress(traveller) is None
    moving.assert_went_on(traveller)


def test_a_guest_that_never_converges_stays_stands_still_or_is_fetched_after_the_fact(
    moving: Journeys, traveller: str
) -> None:
    moving.busy(traveller, True)
    source, target = moving.where(traveller)
    with pytest.raises(Busy, match="faster than it can be copied"):
        moving.migrate(traveller, target_uri=moving.uri(target), **STEEP)
    assert moving.where(traveller)[0] is source
    moving.assert_went_on(traveller)
    for resort in ("suspend", "postcopy"):
        before, _ = moving.where(traveller)
        moving.migrate(traveller, last_resort=resort, last_downtime=20_000, **STEEP)
        assert moving.where(traveller)[0] is not before
        moving.assert_went_on(traveller)
    moving.busy(traveller, False)


def test_only_the_vm_that_was_planned_with_is_moved(moving: Journeys, traveller: str) -> None:
    source, target = moving.where(traveller)
    now = generation(moving.seen(traveller).mark)
    with pytest.raises(Conflict, match="generation"):
        source.migrations.migrate(Migration(uuid=traveller, expects=now + 1), target, nobody)
    with pytest.raises(Refused, match="same host"):
        source.migrations.migrate(Migration(uuid=traveller, expects=now), source, nobody)
    with pytest.raises(Missing):
        source.migrations.migrate(Migration(uuid=id_of("nobody"), expects=1), target, nobody)
    assert moving.where(traveller)[0] is source


def test_a_vm_that_is_off_is_not_migrated(moving: Journeys, stopped: NewVm) -> None:
    source, target = moving.where(stopped.uuid)
    with pytest.raises(Conflict, match="not running"):
        source.migrations.migrate(Migration(uuid=stopped.uuid, expects=1), target, nobody)
    assert moving.where(stopped.uuid)[0] is source


# Disks that lie on one host.


def test_the_content_of_local_disks_goes_along_and_nothing_is_lost(moving: Journeys, twin: Twin, local: str) -> None:
    name = f"{moving.seen(local).name}.raw"
    target = twin.second
    with pytest.raises(DriverError) as refused:
        moving.migrate(local, target_uri=moving.uri(target))
    assert moving.where(local)[0] is twin.host
    assert isinstance(refused.value, Refused)
    assert name not in target.volumes.names(moving.own, refresh=True)
    moving.migrate(local, target_uri=moving.uri(target), copy=("vda",))
    assert content(target, moving.own, name).startswith(b"precious.")
    assert content(twin.host, moving.own, name).startswith(b"precious.")
    assert {each for each in target.volumes.names(moving.own, refresh=True) if name in each} == {name}
    with pytest.raises(Conflict, match="exists there already"):  # the one that it left behind
        moving.migrate(local, copy=("vda",))
    assert moving.where(local)[0] is target


def test_copies_of_a_migration_that_was_cancelled_go_with_it(moving: Journeys, twin: Twin, local: str) -> None:
    name = f"{moving.seen(local).name}.raw"
    seen = list[bool]()

    def cancel(progress: Progress) -> None:
        if progress.total and not seen:
            seen.append(name in twin.second.volumes.names(moving.own))
            twin.host.migrations.cancel(local)

    with pytest.raises(Busy, match="cancel"):
        moving.migrate(local, cancel, copy=("vda",), bandwidth=1)
    assert seen == [True]
    assert not [each for each in twin.second.volumes.names(moving.own, refresh=True) if name in each]
    assert content(twin.host, moving.own, name).startswith(b"precious.")
    assert moving.where(local)[0] is twin.host


def test_copies_that_a_killed_gitvirt_left_are_made_again(moving: Journeys, twin: Twin, local: str) -> None:
    name = f"{moving.seen(local).name}.raw"
    for left, size in ((f"{name}.incoming", 0), (name, 4096)):
        twin.second.volumes.create(NewVolume(pool=moving.own, name=left, capacity=size, format="raw"))
    moving.migrate(local, copy=("vda",))
    assert content(twin.second, moving.own, name).startswith(b"precious.")
    assert f"{name}.incoming" not in twin.second.volumes.names(moving.own, refresh=True)


def test_of_an_overlay_only_the_difference_goes_along_if_the_rest_is_there(
    moving: Journeys, twin: Twin, name: str
) -> None:
    moving.own_pools()
    base, overlay, image = f"{name}-base.qcow2", f"{name}.qcow2", twin.guest_image()
    twin.host.volumes.upload(moving.own, base, iter([image]), len(image))
    below = twin.seen_pool(name=moving.own).volumes[base].path
    source = twin.host.volumes.create(NewVolume(pool=moving.own, name=overlay, backing=below)).path
    new = twin.define(new_vm(name, disks_root={"source": source, "format": "qcow2", "bus": "virtio"}))
    twin.start(new.uuid)
    with pytest.raises(Refused, match="not the same there"):
        moving.migrate(new.uuid, copy=("vda",), incremental=True)
    twin.second.volumes.upload(moving.own, base, iter([image]), len(image))
    twin.seen_pool(twin.second, moving.own)
    moving.migrate(new.uuid, copy=("vda",), incremental=True)
    assert twin.seen_pool(twin.second, moving.own).volumes[overlay].backing == below
    moving.end(new.uuid)


def test_a_copy_that_a_vm_of_the_target_has_is_not_made_again(moving: Journeys, twin: Twin, local: str) -> None:
    seen = moving.seen(local)
    name, other = f"{seen.name}.raw", new_vm(f"{seen.name}-other", disks_root={
        "source": str(seen.config["disks[root].source"]), "format": "raw", "bus": "virtio",
    })  # fmt: skip
    for left, size in ((f"{name}.incoming", 0), (name, 4096)):
        twin.second.volumes.create(NewVolume(pool=moving.own, name=left, capacity=size, format="raw"))
    twin.second.vms.define(other)
    with pytest.raises(Conflict, match="exists there already"):
        moving.migrate(local, copy=("vda",))
    assert moving.where(local)[0] is twin.host
    assert name in twin.second.volumes.names(moving.own, refresh=True)
    moving.end(other.uuid)
    moving.migrate(local, copy=("vda",))
    assert content(twin.second, moving.own, name).startswith(b"precious.")


# VMs that are off, beside one that runs.


def test_what_ties_a_stopped_vm_to_its_host_is_said(
    moving: Journeys, twin: Twin, stopped: NewVm, traveller: str
) -> None:
    away = moving.snapshot(twin.host, stopped.uuid)
    with pytest.raises(Refused, match="snapshots"):
        moving.relocate(stopped.uuid)
    away()
    with pytest.raises(Conflict, match="running"):
        moving.relocate(traveller)
    assert moving.where(stopped.uuid)[0] is twin.host
