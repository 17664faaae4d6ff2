"""VMs that are off and move between hosts, on both twins: what comes along, and what is on the target already."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from drivers.base import Migration, NewVm
from drivers.errors import Conflict, Unknown
from drivers.seen import Power
from tests.contract.travel import Journeys, hardware, nobody
from tests.contract.twin import Twin, new_vm


@pytest.fixture
def uefi(twin: Twin, moving: Journeys, name: str) -> Iterator[NewVm]:
    """One whose firmware keeps variables."""
    new = twin.define(new_vm(name, fields={"firmware": "uefi"}, disks_root=twin.disk(name)))
    yield new
    moving.end(new.uuid)


def test_a_stopped_vm_moves_with_the_variables_of_its_firmware(moving: Journeys, twin: Twin, uefi: NewVm) -> None:
    moving.write_nvram(twin.host, uefi.name, b"boot from disk" * 1000)
    twin.host.vms.autostart(uefi.uuid, True)
    before = moving.seen(uefi.uuid)
    moving.relocate(uefi.uuid)
    after = moving.seen(uefi.uuid)
    assert (after.power, hardware(after), after.autostart) == (Power.STOPPED, hardware(before), True)
    assert moving.nvram(twin.second, uefi.name) == b"boot from disk" * 1000
    moving.write_nvram(twin.second, uefi.name, b"boot from network")
    moving.relocate(uefi.uuid)
    assert moving.nvram(twin.host, uefi.name) == b"boot from network"


def test_a_relocation_that_ended_half_way_is_finished_by_the_next(moving: Journeys, twin: Twin, stopped: NewVm) -> None:
    request = moving.relocation(stopped.uuid)
    moving.on_second(stopped, request.mark.generation)
    twin.host.migrations.relocate(request, twin.second)
    assert moving.where(stopped.uuid)[0] is twin.second
    twin.host.migrations.relocate(request, twin.second)
    assert moving.where(stopped.uuid)[0] is twin.second


# What is on the target already.


def test_an_older_definition_of_ours_on_the_target_gives_way(moving: Journeys, twin: Twin, stopped: NewVm) -> None:
    twin.edit(stopped.uuid)
    moving.on_second(stopped, generation=1)
    source, target = twin.host, twin.second
    request = Migration(uuid=stopped.uuid, expects=2)
    twin.start(stopped.uuid)
    source.migrations.migrate(request, target, nobody)
    assert moving.where(stopped.uuid)[0] is target
    assert moving.seen(stopped.uuid).power is Power.RUNNING


@pytest.mark.parametrize("other", ["newer", "somebody's"])
def test_another_definition_on_the_target_is_left_alone(
    moving: Journeys, twin: Twin, stopped: NewVm, other: str
) -> None:
    request = moving.relocation(stopped.uuid)
    moving.on_second(stopped, generation=5)
    if other != "newer":
        moving.unmark(twin.second, stopped.uuid)
    with pytest.raises(Conflict):
        twin.host.migrations.relocate(request, twin.second)
    assert {host.reader.vm(stopped.uuid) is None for host in (twin.host, twin.second)} == {False}
    if other != "newer":
        with pytest.raises(Unknown):
            twin.host.migrations.settle(stopped.uuid, twin.second)
        moving.remove_foreign(twin.second, stopped.uuid)


def test_of_two_definitions_the_newer_one_stays(moving: Journeys, twin: Twin, stopped: NewVm) -> None:
    moving.on_second(stopped, generation=2)
    assert twin.host.migrations.settle(stopped.uuid, twin.second) == f"it is off, on {twin.second.name}"
    assert moving.where(stopped.uuid)[0] is twin.second
    assert twin.host.migrations.settle(stopped.uuid, twin.second) == f"it is off, on {twin.second.name}"


def test_of_two_equal_definitions_that_are_off_none_is_removed(moving: Journeys, twin: Twin, stopped: NewVm) -> None:
    moving.on_second(stopped, generation=None)
    for here, there in ((twin.host, twin.second), (twin.second, twin.host)):
        with pytest.raises(Unknown, match="nothing tells which of the two is the newer"):
            here.migrations.settle(stopped.uuid, there)
    assert {host.reader.vm(stopped.uuid) is None for host in (twin.host, twin.second)} == {False}
