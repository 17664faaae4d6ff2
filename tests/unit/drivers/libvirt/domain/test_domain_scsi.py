"""The SCSI controller: the first is meant, made where there is none, and others stay as they are."""

from __future__ import annotations

import pytest

from drivers.base import Edit
from drivers.libvirt.domain import CannotWrite
from drivers.libvirt.domain.definition import build
from drivers.libvirt.domain.tree import parse
from specs.fields import Scalar
from tests.unit.drivers.libvirt.domain.samples import edited, new_vm, reread, text

INACTIVE = text("running-inactive")
EVERY: dict[str, Scalar] = {"scsi.queues": 2, "scsi.iothread": 1, "scsi.commandsPerLun": 64, "scsi.maxSectors": 512}


def test_it_reads_as_it_was_built() -> None:
    xml = build(new_vm(fields={"memory": 1 << 27, "cpu.count": 1, "iothreads": 1, **EVERY}), 9_000_000)
    found = reread(xml).config
    assert {path: found.get(path) for path in EVERY} == EVERY
    assert len(parse(xml).findall("devices/controller[@type='scsi']")) == 1


def test_taking_it_back_leaves_the_definition_of_before() -> None:
    there = edited(INACTIVE, *(Edit(path=path, after=value) for path, value in EVERY.items()))
    assert {path: reread(there).config.get(path) for path in EVERY} == EVERY
    back = edited(there, *(Edit(path=path, after=None) for path in EVERY))
    assert dict(reread(back).config) == dict(reread(INACTIVE).config)


def test_a_second_controller_is_neither_read_nor_changed() -> None:
    second = "<controller type='scsi' index='9' model='virtio-scsi'><driver queues='7'/></controller></devices>"
    xml = INACTIVE.replace("</devices>", second)
    assert "scsi.queues" not in reread(xml).config
    after = parse(edited(xml, Edit(path="scsi.queues", after=3)))
    told = {each.get("index"): each.find("driver") for each in after.iterfind("devices/controller[@type='scsi']")}
    assert [each.get("queues") for each in told.values() if each is not None] == ["3", "7"]


def test_no_queue_at_all_is_refused() -> None:
    with pytest.raises(CannotWrite, match=r"scsi.queues: must be a number of at least 1"):
        edited(INACTIVE, Edit(path="scsi.queues", after=0))
