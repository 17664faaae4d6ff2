"""Vms and Powers on libvirt's own test driver: its real parser, schema, metadata and life cycle, without QEMU.

That driver knows only the domain type `test`, which a patch sets; `emulation` is left out of the fields.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings

from drivers import errors
from drivers.base import Edit, NewVm, VmEdit
from drivers.libvirt.access import Access
from drivers.libvirt.connect import Connections
from drivers.libvirt.domain import Reading, read
from drivers.libvirt.powers import Powers
from drivers.libvirt.vms import Vms
from drivers.mark import Device, Mark
from specs.fields import Secret
from specs.structs import replace
from tests.strategies import mark_for, new_vms
from tests.unit.drivers.libvirt.domain.samples import FIELDS, MIB, patches

TEST_TYPE = {"at": "@type", "set": "test"}
XML = patches(TEST_TYPE)


class Bench:
    """One test node and what the tests ask of it."""

    def __init__(self) -> None:
        self.connections = Connections("node", Access(uri="test:///default"))
        self.vms, self.powers = Vms(self.connections), Powers(self.connections)

    def xml(self, vm_uuid: str, flags: int = 3) -> str:
        with self.connections.reads() as conn:
            return str(conn.lookupByUUIDString(vm_uuid).XMLDesc(flags))

    def seen(self, vm_uuid: str) -> Reading:
        return read(self.xml(vm_uuid), None)

    def define(self, name: str = "web") -> NewVm:
        fields = {path: value for path, value in FIELDS.items() if path != "emulation"}
        vm_uuid = str(uuid.uuid4())
        new = NewVm(name=name, uuid=vm_uuid, fields=fields, mark=mark_for(name, vm_uuid, fields), xml=XML)
        self.vms.define(new)
        return new

    def edit(self, new: NewVm, *edits: Edit, **values: object) -> tuple[object, ...]:
        mark = self.mark(new)
        given = {"expects": mark.generation, "mark": replace(mark, generation=mark.generation + 1), **values}
        return self.vms.edit(VmEdit(**{"uuid": new.uuid, "config": edits, "xml": XML, "xml_before": XML, **given}))

    def mark(self, new: NewVm) -> Mark:
        found = self.seen(new.uuid).mark
        assert found is not None
        return found

    def clean(self) -> None:
        with self.connections.changes() as conn:
            for domain in conn.listAllDomains():
                if domain.isActive():
                    domain.destroy()
                if domain.isPersistent():
                    domain.undefineFlags(1)


@pytest.fixture(scope="module")
def node() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.clean()
    made.connections.close()


@pytest.fixture
def bench(node: Bench) -> Bench:
    node.clean()
    return node


def test_a_defined_vm_shows_every_field_that_it_was_defined_with(bench: Bench) -> None:
    new = bench.define()
    seen = bench.seen(new.uuid)
    assert {path: seen.config.get(path) for path in new.fields} == dict(new.fields)
    assert (seen.mark, seen.unnamed) == (new.mark, frozenset())


@given(new=new_vms())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_small_vm_passes_libvirt_s_schema_and_reads_back(bench: Bench, new: NewVm) -> None:
    bench.clean()
    fields = {path: value for path, value in new.fields.items() if path != "emulation"}
    bench.vms.define(replace(new, fields=fields, xml=XML))  # it proves each field itself, or raises
    assert bench.seen(new.uuid).mark == new.mark


def test_defining_again_is_satisfied_and_another_is_a_conflict(bench: Bench) -> None:
    new = bench.define()
    bench.vms.define(new)
    with pytest.raises(errors.Conflict, match="this name"):
        bench.vms.define(replace(new, uuid=str(uuid.uuid4())))
    with pytest.raises(errors.Conflict, match="this uuid"):
        bench.vms.define(replace(new, name="other"))


def test_an_edit_changes_the_definition_and_the_mark_together(bench: Bench) -> None:
    new = bench.define()
    disk = {"source": "/pool/d.qcow2", "format": "qcow2", "bus": "scsi"}
    devices = {**new.mark.devices, "disk/data": Device(alias="ua-disk-data", volume="pool/d")}
    mark = replace(new.mark, generation=2, devices=devices)
    edits = (Edit(path="memory", after=200 * MIB), Edit(path="disks[data]", after=disk))
    assert bench.edit(new, *edits, mark=mark) == ()
    seen = bench.seen(new.uuid)
    assert (seen.config["memory"], seen.config["disks[data].bus"], seen.mark) == (200 * MIB, "scsi", mark)


def test_an_edit_in_vain_leaves_the_definition_as_it_was(bench: Bench) -> None:
    new = bench.define()
    before = bench.xml(new.uuid)
    with pytest.raises(errors.Refused, match=r"cpu\.count"):
        bench.edit(new, Edit(path="description", after="x"), Edit(path="cpu.count", after=99))
    with pytest.raises(errors.Refused):
        bench.edit(new, Edit(path="disks[root].io", after="by-hand"))
    assert bench.xml(new.uuid) == before


@pytest.mark.parametrize("expects", [None, 0, 2, 7])
def test_a_mark_that_moved_is_a_conflict_for_every_change(bench: Bench, expects: int | None) -> None:
    new = bench.define()
    before = bench.xml(new.uuid)
    with pytest.raises(errors.Conflict):
        bench.edit(new, Edit(path="memory", after=200 * MIB), expects=expects)
    with pytest.raises(errors.Conflict):
        bench.vms.mark(new.uuid, expects, None)
    if expects is not None:
        with pytest.raises(errors.Conflict):
            bench.vms.rename(new.uuid, expects, "other", new.mark)
        with pytest.raises(errors.Conflict):
            bench.vms.undefine(new.uuid, expects)
    assert bench.xml(new.uuid) == before


def test_another_repository_s_vm_and_a_copied_mark_are_conflicts(bench: Bench) -> None:
    new = bench.define()
    with pytest.raises(errors.Conflict, match="another repository"):
        bench.edit(new, mark=replace(new.mark, generation=2, repository="other"))
    clone = bench.define("clone")
    bench.vms.mark(clone.uuid, 1, replace(clone.mark, generation=1, uuid=new.uuid))
    with pytest.raises(errors.Conflict, match="copy"):
        bench.vms.undefine(clone.uuid, 1)


def test_taking_the_mark_off_and_putting_it_back_changes_nothing_else(bench: Bench) -> None:
    new = bench.define()
    first = [line for line in bench.xml(new.uuid).splitlines() if "gitvirt" not in line]
    bench.vms.mark(new.uuid, 1, None)
    assert "gitvirt" not in bench.xml(new.uuid)
    bench.vms.mark(new.uuid, None, new.mark)
    assert [line for line in bench.xml(new.uuid).splitlines() if "gitvirt" not in line] == first
    assert bench.mark(new) == new.mark


def test_a_running_vm_bears_the_mark_live_too(bench: Bench) -> None:
    new = bench.define()
    bench.powers.start(new.uuid)
    bench.edit(new, Edit(path="description", after="x"))
    for flags in (0, 2):
        assert '"generation":2' in bench.xml(new.uuid, flags)


def test_a_live_change_that_the_driver_cannot_make_is_a_refusal_and_the_rest_is_done(bench: Bench) -> None:
    new = bench.define()
    bench.powers.start(new.uuid)
    disk = {"source": "/pool/d.qcow2", "format": "qcow2", "bus": "virtio"}
    edits = (Edit(path="cpu.count", before=1, after=2), Edit(path="disks[data]", after=disk))
    refusals = bench.edit(new, *edits, live=edits)
    assert [each.path for each in refusals] == ["disks[data]"]  # type: ignore[attr-defined]
    live, config = read(bench.xml(new.uuid, 1), None).config, bench.seen(new.uuid).config
    assert (live["cpu.count"], config["cpu.count"], config["disks[data].source"]) == (2, 2, "/pool/d.qcow2")


def test_renaming_keeps_all_but_the_name(bench: Bench) -> None:
    new = bench.define()
    bench.vms.rename(new.uuid, 1, "other", replace(new.mark, generation=2, ref="VirtualMachine/other"))
    seen = bench.seen(new.uuid)
    assert (seen.name, bench.mark(new).ref) == ("other", "VirtualMachine/other")
    bench.vms.rename(new.uuid, 2, "other", replace(new.mark, generation=3, ref="VirtualMachine/other"))
    assert bench.mark(new).generation == 3


def test_a_running_vm_is_neither_renamed_nor_undefined(bench: Bench) -> None:
    new = bench.define()
    bench.powers.start(new.uuid)
    with pytest.raises(errors.Conflict, match="runs"):
        bench.vms.rename(new.uuid, 1, "other", new.mark)
    with pytest.raises(errors.Conflict, match="runs"):
        bench.vms.undefine(new.uuid, 1)


def test_autostart_goes_on_and_off(bench: Bench) -> None:
    new = bench.define()
    for on in (True, True, False):
        bench.vms.autostart(new.uuid, on)
        with bench.connections.reads() as conn:
            assert bool(conn.lookupByUUIDString(new.uuid).autostart()) is on


def test_what_is_not_there_is_missing(bench: Bench) -> None:
    nobody = str(uuid.uuid4())
    for call in (bench.powers.start, bench.powers.destroy, lambda one: bench.vms.mark(one, 1, None)):
        with pytest.raises(errors.Missing):
            call(nobody)
    bench.vms.undefine(nobody, 1)


def test_each_power_is_reached_once_and_kept_when_asked_again(bench: Bench) -> None:
    new, state = bench.define(), []
    for call in (bench.powers.start, bench.powers.pause, bench.powers.resume, bench.powers.suspend,
                 bench.powers.start, bench.powers.destroy):  # fmt: skip
        for _ in range(2):
            call(new.uuid)
        with bench.connections.reads() as conn:
            state.append(conn.lookupByUUIDString(new.uuid).state()[0])
    assert state == [1, 3, 1, 5, 1, 5]


def test_a_vm_that_is_off_cannot_be_paused_or_reset(bench: Bench) -> None:
    new = bench.define()
    for call in (
        bench.powers.pause,
        bench.powers.resume,
        bench.powers.reset,
        bench.powers.reboot,
        bench.powers.suspend,
    ):
        with pytest.raises(errors.Conflict, match="not running"):
            call(new.uuid)
    bench.powers.shutdown(new.uuid, "acpi")
    bench.powers.destroy(new.uuid)


def test_a_password_is_in_the_definition_and_in_no_error(bench: Bench) -> None:
    new = bench.define()
    edits = (Edit(path="graphics.password", after=Secret("hush-hu")), Edit(path="disks[root].io", after="by-hand"))
    with pytest.raises(errors.DriverError) as refused:
        bench.edit(new, *edits)
    bench.edit(new, edits[0])
    assert bench.seen(new.uuid).config["graphics.password"] == Secret("hush-hu")
    assert "hush" not in str(refused.value)
    assert "hush" not in bench.xml(new.uuid, 2)
