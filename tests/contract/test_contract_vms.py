"""The contract of Vms: definitions of stopped VMs, marks, names."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.base import Edit, VmEdit
from drivers.errors import Conflict, Missing, Refused
from drivers.mark import Device, Mark
from drivers.seen import Power
from specs.fields import Secret
from specs.structs import replace
from tests.contract.twin import MIB, Twin, id_of, mac_of, new_vm, next_mark
from tests.strategies import mark_for


def test_a_defined_vm_reads_back_as_declared(twin: Twin, name: str) -> None:
    nic = {"network": "nowhere", "mac": mac_of(name), "model": "e1000e", "link": "down", "bootOrder": 2}
    disk = {**twin.disk(name, "scsi"), "cache": "none", "discard": "unmap", "serial": "ROOT", "bootOrder": 1}
    topology = {"cpu.max": 4, "cpu.count": 2, "cpu.sockets": 2, "cpu.cores": 2, "cpu.threads": 1}
    rest = {"description": "a & b <c>", "rng": True, "graphics.type": "vnc", "graphics.listen": "127.0.0.1"}
    drive = {"source": "", "bus": "sata"}
    new = twin.define(new_vm(name, fields={**topology, **rest}, disks_root=disk, cdroms_setup=drive, nics_lan=nic))

    seen = twin.vm(new.uuid)
    wanted = {**new.fields, "machine": seen.config["machine"], "disks[root].size": 16 * MIB}
    assert {path: seen.config.get(path) for path in wanted} == wanted
    assert (seen.name, seen.power, seen.live, seen.mark) == (name, Power.STOPPED, None, new.mark)
    assert (seen.persistent, seen.autostart, seen.unnamed) == (True, False, frozenset())
    assert seen.aliases["disks[root]"] == "ua-disk-root"
    assert seen.aliases["nics[lan]"] == "ua-nic-lan"


def test_what_was_left_out_is_added_at_definition(twin: Twin, name: str) -> None:
    source = {"source": twin.volume(f"{name}.raw", format="raw")}
    nic = {"network": "nowhere", "mac": mac_of(name).upper()}
    new = new_vm(name, disks_root=source, cdroms_setup={"source": ""}, nics_lan=nic)
    fields = {path: value for path, value in new.fields.items() if path not in ("memoryMax", "cpu.max", "cpu.model")}
    twin.define(replace(new, fields=fields))

    config = twin.vm(new.uuid).config
    assert str(config["machine"]).startswith("pc-q35-")
    added = {
        "arch": "x86_64",
        "firmware": "bios",
        "cpu.max": 1,
        "cpu.model": "qemu64",
        "memoryMax": 96 * MIB,
        "rng": False,
        "graphics.type": "none",
        "disks[root].format": "raw",
        "disks[root].bus": "virtio",
        "disks[root].readOnly": False,
        "cdroms[setup].source": "",
        "cdroms[setup].bus": "sata",
        "nics[lan].model": "virtio",
        "nics[lan].link": "up",
        "nics[lan].mac": mac_of(name),
    }
    assert {path: config.get(path) for path in added} == added
    absent = {"cpu.sockets", "description", "disks[root].cache", "nics[lan].bootOrder", "graphics.listen"}
    assert not absent & set(config)


def test_defining_the_same_vm_again_is_satisfied(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name))
    before = twin.vm(new.uuid)
    twin.define(new)
    assert twin.vm(new.uuid) == before


def test_a_taken_name_or_uuid_is_a_conflict(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name))
    with pytest.raises(Conflict):
        twin.define(replace(new, uuid=id_of("somebody else")))
    with pytest.raises(Conflict):
        twin.define(replace(new, name=name + "x"))
    assert twin.vm(new.uuid).name == name


@pytest.mark.parametrize(
    "wrong",
    [
        {"cpu.count": 3, "cpu.max": 2},
        {"cpu.max": 4, "cpu.sockets": 1, "cpu.cores": 2, "cpu.threads": 1},
        {"memory": 64 * MIB, "memoryMax": 32 * MIB},
        {"graphics.type": "vnc", "graphics.password": Secret("longer than 8")},
        {"machine": "pc-q35-99.0"},
        {"nics[lan].network": "nowhere"},
    ],
    ids=lambda wrong: next(reversed(wrong)),
)
def test_what_cannot_be_defined_is_refused_for_good(twin: Twin, name: str, wrong: dict[str, Any]) -> None:
    new = new_vm(name, fields=wrong)
    with pytest.raises(Refused) as error:
        twin.define(new)
    assert error.value.retry == "never"
    assert twin.host.reader.vm(new.uuid) is None


def test_an_edit_of_a_stopped_vm_changes_its_definition(twin: Twin, name: str) -> None:
    disk = twin.disk(name)
    nic = {"network": "nowhere", "mac": mac_of(name), "model": "virtio"}
    new = twin.define(new_vm(name, disks_root=disk, disks_old=twin.disk(name + "-old"), nics_lan=nic))
    added = {**twin.disk(name + "-data", "scsi"), "serial": "DATA"}
    edits = (
        Edit(path="memory", before=96 * MIB, after=64 * MIB),
        Edit(path="cpu.max", before=2, after=4),
        Edit(path="description", after="changed"),
        Edit(path="disks[root].cache", after="none"),
        Edit(path="nics[lan].link", before="up", after="down"),
        Edit(path="disks[old]", before={"bus": "virtio"}),
        Edit(path="disks[data]", after=added),
    )
    before = twin.vm(new.uuid)
    assert twin.edit(new.uuid, config=edits) == ()

    seen = twin.vm(new.uuid)
    assert seen.mark is not None
    assert seen.mark.generation == 2
    changed = {path: value for path, value in seen.config.items() if before.config.get(path) != value}
    assert changed == {
        "memory": 64 * MIB,
        "cpu.max": 4,
        "description": "changed",
        "disks[root].cache": "none",
        "nics[lan].link": "down",
        **{f"disks[data].{key}": value for key, value in added.items()},
        "disks[data].readOnly": False,
        "disks[data].size": 16 * MIB,
    }
    assert not any(path.startswith("disks[old]") for path in seen.config)
    assert seen.targets["disks[root]"] == before.targets["disks[root]"]
    assert seen.definition != before.definition


def test_a_field_is_taken_off_by_an_edit_to_nothing(twin: Twin, name: str) -> None:
    disk = {**twin.disk(name), "cache": "none", "serial": "ROOT"}
    new = twin.define(new_vm(name, fields={"description": "x"}, disks_root=disk))
    paths = ("description", "disks[root].cache", "disks[root].serial")
    twin.edit(new.uuid, config=tuple(Edit(path=path, before="x") for path in paths))
    assert not set(paths) & set(twin.vm(new.uuid).config)


@pytest.mark.parametrize("expects", [None, 1, 3, 99])
def test_an_unexpected_generation_is_a_conflict_and_changes_nothing(twin: Twin, name: str, expects: int | None) -> None:
    new = twin.define(new_vm(name))
    twin.edit(new.uuid, config=(Edit(path="description", after="second"),))
    before = twin.vm(new.uuid)
    mark = mark_for(name, new.uuid, {}, generation=7)
    with pytest.raises(Conflict):
        twin.host.vms.edit(VmEdit(uuid=new.uuid, expects=expects, mark=mark, config=(Edit(path="memory", after=MIB),)))
    with pytest.raises(Conflict):
        twin.host.vms.mark(new.uuid, expects, mark)
    if expects is not None:
        with pytest.raises(Conflict):
            twin.host.vms.rename(new.uuid, expects, name + "x", mark)
        with pytest.raises(Conflict):
            twin.host.vms.undefine(new.uuid, expects)
    assert twin.vm(new.uuid) == before


def test_an_edit_that_does_not_fit_leaves_the_vm_as_it_was(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name))
    before = twin.vm(new.uuid)
    for wrong in (Edit(path="cpu.count", after=3), Edit(path="disks[none].cache", after="none")):
        with pytest.raises((Refused, Missing)):
            twin.edit(new.uuid, config=(Edit(path="description", after="x"), wrong))
    assert twin.vm(new.uuid) == before


def test_what_is_not_there_is_missing(twin: Twin, name: str) -> None:
    uuid, mark = id_of(name), mark_for(name, id_of(name), {})
    with pytest.raises(Missing):
        twin.host.vms.edit(VmEdit(uuid=uuid, expects=1, mark=mark))
    with pytest.raises(Missing):
        twin.host.vms.mark(uuid, 1, mark)
    with pytest.raises(Missing):
        twin.host.vms.rename(uuid, 1, name, mark)
    with pytest.raises(Missing):
        twin.host.vms.autostart(uuid, True)
    twin.host.vms.undefine(uuid, 1)


def test_adopting_writes_the_mark_and_leaves_all_else_equal(twin: Twin, name: str) -> None:
    uuid = twin.foreign_vm(name, twin.volume(f"{name}.qcow2"))
    before = twin.vm(uuid)
    nic = f"nics[{mac_of(name)}]"
    assert before.mark is None
    assert {"disks[vda]", nic} <= before.unnamed

    devices = {"disk/root": Device(target="vda"), "nic/lan": Device(mac=mac_of(name))}
    mark = replace(mark_for(name, uuid, {}), devices=devices)
    twin.host.vms.mark(uuid, None, mark)

    seen = twin.vm(uuid)
    assert seen.mark == mark
    assert not {"disks[root]", "nics[lan]"} & seen.unnamed
    names = {"disks[vda]": "disks[root]", nic: "nics[lan]"}
    for path, value in before.config.items():
        entry, dot, field = path.rpartition("].")
        assert seen.config[names[entry + "]"] + "." + field if dot else path] == value
    assert len(seen.config) == len(before.config)

    twin.host.vms.mark(uuid, 1, None)
    assert replace(twin.vm(uuid), definition="") == replace(before, definition="")


def test_an_adopted_device_is_changed_in_place(twin: Twin, name: str) -> None:
    uuid = twin.foreign_vm(name, twin.volume(f"{name}.qcow2"))
    devices = {"disk/root": Device(target="vda"), "nic/lan": Device(mac=mac_of(name))}
    twin.host.vms.mark(uuid, None, replace(mark_for(name, uuid, {}), devices=devices))
    twin.edit(uuid, config=(Edit(path="disks[root].cache", after="none"), Edit(path="nics[lan].link", after="down")))
    seen = twin.vm(uuid)
    assert (seen.config["disks[root].cache"], seen.config["nics[lan].link"]) == ("none", "down")
    assert (seen.targets["disks[root]"], seen.config["nics[lan].mac"]) == ("vda", mac_of(name))


def test_a_mark_that_a_clone_copied_protects_nothing_and_allows_nothing(twin: Twin, name: str) -> None:
    copied = mark_for("original", id_of("original"), {}, generation=4)
    uuid = twin.foreign_vm(name, twin.volume(f"{name}.qcow2"), copied)
    assert twin.vm(uuid).mark == copied
    with pytest.raises(Conflict):
        twin.host.vms.edit(VmEdit(uuid=uuid, expects=4, mark=next_mark(copied)))
    with pytest.raises(Conflict):
        twin.host.vms.undefine(uuid, 4)


def test_another_repository_s_vm_is_a_conflict(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name))
    theirs = replace(new.mark, repository="99999999-0000-4000-8000-000000000000", generation=2)
    with pytest.raises(Conflict):
        twin.host.vms.edit(VmEdit(uuid=new.uuid, expects=1, mark=theirs))
    assert twin.vm(new.uuid).mark == new.mark


def test_a_mark_keeps_every_character(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name))
    declared = {"description": "<a href='x'>&amp; ]]> \"ß√\" \\u0000 é", "nested": {"list": [1, 2], "none": None}}
    mark: Mark = replace(new.mark, generation=2, declared=declared)
    twin.host.vms.mark(new.uuid, 1, mark)
    assert twin.vm(new.uuid).mark == mark


def test_a_stopped_vm_is_renamed_in_place(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name, disks_root=twin.disk(name)))
    other = twin.define(new_vm(name + "-other"))
    before = twin.vm(new.uuid)
    mark = replace(new.mark, ref=f"vm/{name}-new", generation=2)
    with pytest.raises(Conflict):
        twin.host.vms.rename(new.uuid, 1, other.name, mark)
    twin.host.vms.rename(new.uuid, 1, name + "-new", mark)
    seen = twin.vm(new.uuid)
    assert (seen.name, seen.mark, seen.config) == (name + "-new", mark, before.config)


def test_autostart_is_set_and_taken_off(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name))
    for on in (True, True, False, False):
        twin.host.vms.autostart(new.uuid, on)
        assert twin.vm(new.uuid).autostart is on


def test_undefining_removes_the_definition_and_never_a_disk(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name, disks_root=twin.disk(name)))
    twin.host.vms.undefine(new.uuid, 1)
    assert twin.host.reader.vm(new.uuid) is None
    assert f"{name}.qcow2" in twin.seen_pool().volumes
    twin.host.vms.undefine(new.uuid, 1)


def test_a_password_reads_back_and_is_never_shown(twin: Twin, name: str) -> None:
    screen = {"graphics.type": "vnc", "graphics.listen": "127.0.0.1", "graphics.password": Secret("hunter2x")}
    new = twin.define(new_vm(name, fields=screen))
    seen = twin.vm(new.uuid)
    assert seen.config["graphics.password"] == Secret("hunter2x")
    for shown in (repr(seen), repr(new), twin.host.reader.xml(new.uuid), seen.definition):
        assert "hunter2x" not in shown
    twin.edit(new.uuid, config=(Edit(path="graphics.password", after=Secret("other")),))
    assert twin.vm(new.uuid).config["graphics.password"] == Secret("other")
