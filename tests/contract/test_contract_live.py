"""The contract of Vms.edit on a running VM that has nothing to boot: what libvirt alone can change, and refusals."""

from __future__ import annotations

from typing import Any

import pytest

from drivers.base import Edit, VmEdit
from drivers.errors import Conflict
from specs.fields import Secret
from tests.contract.twin import MIB, Twin, id_of, new_vm
from tests.strategies import mark_for


def both(*edits: Edit) -> dict[str, Any]:
    """The edits of the running VM and of its next boot."""
    return {"config": edits, "live": edits}


def test_an_edit_of_the_definition_alone_leaves_the_running_vm_as_it_is(twin: Twin, empty: str) -> None:
    before = twin.live(empty)
    twin.edit(empty, config=(Edit(path="memory", after=64 * MIB), Edit(path="cpu.count", after=2)))
    seen = twin.vm(empty)
    assert (seen.config["memory"], seen.config["cpu.count"]) == (64 * MIB, 2)
    assert seen.live == before
    assert seen.mark is not None
    assert seen.mark.generation == 2


def test_vcpus_are_added_live_and_never_taken_away(twin: Twin, empty: str) -> None:
    assert twin.edit(empty, **both(Edit(path="cpu.count", before=1, after=2))) == ()
    assert (twin.live(empty)["cpu.count"], twin.vm(empty).config["cpu.count"]) == (2, 2)
    refusals = twin.edit(empty, **both(Edit(path="cpu.count", before=2, after=1)))
    assert [each.path for each in refusals] == ["cpu.count"]
    assert (twin.live(empty)["cpu.count"], twin.vm(empty).config["cpu.count"]) == (2, 1)


@pytest.mark.parametrize(
    ("path", "value"),
    [("disks[root].cache", "none"), ("cpu.max", 4), ("serial", False), ("cdroms[setup].bootOrder", 1)],
)
def test_what_cannot_change_now_is_refused_with_a_reason_and_waits(
    twin: Twin, empty: str, path: str, value: Any
) -> None:
    refusals = twin.edit(empty, **both(Edit(path=path, after=value)))
    assert [each.path for each in refusals] == [path]
    assert refusals[0].reason
    assert twin.vm(empty).config[path] == value
    assert twin.live(empty).get(path) != value


@pytest.mark.parametrize(("path", "value"), [("rng", True), ("agent", False)])
def test_a_generator_and_the_agent_s_channel_come_and_go_live(twin: Twin, empty: str, path: str, value: bool) -> None:
    assert twin.edit(empty, **both(Edit(path=path, after=value))) == ()
    assert (twin.live(empty)[path], twin.vm(empty).config[path]) == (value, value)


def test_a_balloon_that_nobody_drives_is_a_refusal(twin: Twin, empty: str) -> None:
    refusals = twin.edit(empty, **both(Edit(path="memory", before=96 * MIB, after=64 * MIB)))
    assert [each.path for each in refusals] == ["memory"]
    assert (twin.live(empty)["memory"], twin.vm(empty).config["memory"]) == (96 * MIB, 64 * MIB)


def test_a_scsi_disk_comes_and_goes_live_in_the_same_place(twin: Twin, name: str, empty: str) -> None:
    data = {**twin.disk(name + "-data", "scsi"), "serial": "DATA"}
    assert twin.edit(empty, **both(Edit(path="disks[data]", after=data))) == ()
    seen = twin.vm(empty)
    for fields in (seen.config, seen.live):
        assert fields is not None
        assert {key: fields[f"disks[data].{key}"] for key in data} == data
        assert fields["disks[data].size"] == 16 * MIB
    assert (seen.aliases["disks[data]"], seen.targets["disks[data]"]) == ("ua-disk-data", "sdc")
    assert seen.unnamed == frozenset()

    assert twin.edit(empty, **both(Edit(path="disks[data]", before=data))) == ()
    seen = twin.vm(empty)
    assert seen.live is not None
    assert not any(path.startswith("disks[data]") for path in (*seen.config, *seen.live))
    assert f"{name}-data.qcow2" in twin.seen_pool().volumes


def test_attaching_what_is_attached_and_detaching_what_is_gone_is_satisfied(twin: Twin, name: str, empty: str) -> None:
    attach = Edit(path="disks[data]", after=twin.disk(name + "-data", "scsi"))
    detach = Edit(path="disks[data]", before=attach.after)
    for edit in (attach, attach, detach, detach):
        assert twin.edit(empty, **both(edit)) == ()


def test_a_device_that_the_guest_does_not_release_stays_and_is_refused(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name, disks_root=twin.disk(name, "virtio")))
    twin.start(new.uuid)
    refusals = twin.edit(new.uuid, **both(Edit(path="disks[root]", before={"bus": "virtio"})))
    assert [each.path for each in refusals] == ["disks[root]"]
    assert "disks[root].source" in twin.live(new.uuid)
    assert "disks[root].source" not in twin.vm(new.uuid).config
    assert twin.vm(new.uuid).unnamed == frozenset()


def test_a_disk_that_cannot_be_attached_is_a_refusal(twin: Twin, name: str, empty: str) -> None:
    gone = {"source": f"{twin.path}/{name}-gone.qcow2", "format": "qcow2", "bus": "scsi"}
    sata = twin.disk(name + "-sata", "sata")
    edits = (Edit(path="disks[gone]", after=gone), Edit(path="disks[sata]", after=sata))
    refusals = twin.edit(empty, **both(*edits))
    assert [each.path for each in refusals] == ["disks[gone]", "disks[sata]"]
    live = twin.live(empty)
    assert not {"disks[gone].source", "disks[sata].source"} & set(live)
    assert {"disks[gone].source", "disks[sata].source"} <= set(twin.vm(empty).config)


def test_a_disk_grows_live_and_never_shrinks(twin: Twin, name: str, empty: str) -> None:
    size = "disks[root].size"
    assert twin.edit(empty, live=(Edit(path=size, before=16 * MIB, after=32 * MIB),)) == ()
    assert (twin.live(empty)[size], twin.vm(empty).config[size]) == (32 * MIB, 32 * MIB)
    assert twin.edit(empty, live=(Edit(path=size, before=32 * MIB, after=32 * MIB),)) == ()
    refusals = twin.edit(empty, live=(Edit(path=size, before=32 * MIB, after=16 * MIB),))
    assert [each.path for each in refusals] == [size]
    assert twin.seen_pool().volumes[f"{name}.qcow2"].capacity == 32 * MIB


def test_a_medium_is_inserted_and_ejected_live(twin: Twin, name: str, empty: str) -> None:
    iso = twin.volume(f"{name}.iso", MIB, format="raw")
    source = "cdroms[setup].source"
    for medium in (iso, iso, "", ""):
        assert twin.edit(empty, **both(Edit(path=source, after=medium))) == ()
        assert (twin.live(empty)[source], twin.vm(empty).config[source]) == (medium, medium)


def test_a_password_and_a_description_change_live(twin: Twin, empty: str) -> None:
    edits = (Edit(path="graphics.password", after=Secret("after")), Edit(path="description", after="now <so>"))
    assert twin.edit(empty, **both(*edits)) == ()
    for fields in (twin.live(empty), twin.vm(empty).config):
        assert (fields["graphics.password"], fields["description"]) == (Secret("after"), "now <so>")


def test_custom_properties_come_change_and_go_live(twin: Twin, empty: str) -> None:
    for value in ('purpose=test;tier=<\\;> "ß" &', "tier=gold", ""):
        for _ in range(2):
            assert twin.edit(empty, **both(Edit(path="properties", after=value))) == ()
        assert (twin.live(empty)["properties"], twin.vm(empty).config["properties"]) == (value, value)
    assert twin.vm(empty).mark is not None


def test_a_running_vm_keeps_its_new_mark_when_it_stops(twin: Twin, name: str, empty: str) -> None:
    mark = mark_for(name, empty, {}, generation=2)
    twin.host.vms.mark(empty, 1, mark)
    assert twin.vm(empty).mark == mark
    twin.host.powers.destroy(empty)
    assert twin.vm(empty).mark == mark


def test_live_edits_of_a_vm_that_has_stopped_reach_its_definition(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name))
    assert twin.edit(new.uuid, **both(Edit(path="cpu.count", after=2))) == ()
    assert (twin.vm(new.uuid).config["cpu.count"], twin.vm(new.uuid).live) == (2, None)


def test_a_disk_that_another_vm_writes_to_is_not_attached(twin: Twin, name: str, empty: str) -> None:
    taken = {"source": twin.vm(empty).config["disks[root].source"], "format": "qcow2", "bus": "scsi"}
    new = twin.define(new_vm(name + "-two", disks_root=twin.disk(name + "-two", "scsi")))
    twin.start(new.uuid)
    with pytest.raises(Exception, match="lock"):
        twin.edit(new.uuid, **both(Edit(path="disks[taken]", after=taken)))
    seen = twin.vm(id_of(name + "-two"))
    assert seen.mark == new.mark
    assert not any(path.startswith("disks[taken]") for path in (*seen.config, *(seen.live or {})))


def test_an_unexpected_generation_leaves_the_running_vm_alone(twin: Twin, name: str, empty: str) -> None:
    before = twin.vm(empty)
    edits = both(Edit(path="cpu.count", after=2))
    with pytest.raises(Conflict):
        twin.host.vms.edit(VmEdit(uuid=empty, expects=5, mark=mark_for(name, empty, {}, generation=6), **edits))
    assert twin.vm(empty) == before
