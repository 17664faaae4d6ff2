"""Disks: I/O limits that exclude each other, and what a disk keeps through a change."""

from __future__ import annotations

import pytest

from drivers.base import Edit
from drivers.libvirt.domain import CannotWrite
from drivers.libvirt.domain.definition import build
from drivers.libvirt.domain.iotune import FIELDS, implied
from drivers.libvirt.domain.tree import parse
from specs.fields import Scalar, under
from tests.unit.drivers.libvirt.domain.samples import edited, new_vm, reread, text

INACTIVE = text("running-inactive")
EVERY: dict[str, Scalar] = {
    "source": "/dev/sdz", "format": "raw", "bus": "scsi", "cache": "none", "io": "native", "discard": "unmap",
    "readOnly": True, "detectZeroes": "unmap", "errorPolicy": "report", "readErrorPolicy": "ignore",
    "copyOnRead": False, "logicalBlockSize": 512, "physicalBlockSize": 4096, "rotationRate": 7200, "sgio": "filtered",
    "rawIo": True, "lun": True, "shareable": True, "serial": "S", "wwn": "5000c500a0b1c2d3", "vendor": "ACME",
    "product": "DISK", "reservations": True, "iotune.readBytes": 4096, "iotune.readBytesMax": 8192, "bootOrder": 2,
    "iotune.readBytesMaxLength": 3, "iotune.writeIops": 5, "iotune.iopsSize": 4096,
}  # fmt: skip


def test_a_disk_with_every_setting_reads_as_it_was_built() -> None:
    given = dict(under("disks", "root", EVERY))
    found = reread(build(new_vm(fields={"memory": 1 << 27, "cpu.count": 1, **given}), 9_000_000)).config
    assert {path: found.get(path) for path in given} == given


def test_taking_every_setting_away_leaves_the_disk_of_before() -> None:
    extra = {key: value for key, value in EVERY.items() if key not in ("source", "format", "bus", "bootOrder")}
    extra = {key: value for key, value in extra.items() if f"disks[root].{key}" not in reread(INACTIVE).config}
    there = edited(INACTIVE, *(Edit(path=path, after=value) for path, value in under("disks", "root", extra)))
    back = edited(there, *(Edit(path=path, after=None) for path, _ in under("disks", "root", extra)))
    before, after = (parse(each).find("devices/disk") for each in (edited(INACTIVE), back))
    assert before is not None
    assert after is not None
    assert sorted(str(each.tag) for each in after) == sorted(str(each.tag) for each in before)
    assert dict(reread(back).config) == dict(reread(INACTIVE).config)


@pytest.mark.parametrize(
    ("first", "then", "left"),
    [
        ({"totalBytes": 9}, {"readBytes": 4}, {"readBytes": 4}),
        ({"readBytes": 4, "writeBytes": 5}, {"totalBytes": 9}, {"totalBytes": 9}),
        ({"readIops": 4, "totalBytes": 5}, {"totalIops": 9}, {"totalBytes": 5, "totalIops": 9}),
        ({"totalBytes": 9, "totalBytesMax": 12, "totalBytesMaxLength": 3}, {"totalBytes": 0}, {}),
        ({"totalBytes": 9, "totalBytesMax": 12, "totalBytesMaxLength": 3}, {"totalBytesMax": 0}, {"totalBytes": 9}),
        ({"iopsSize": 4096}, {"iopsSize": 0}, {}),
    ],
)
def test_a_limit_takes_away_what_cannot_stay_beside_it(
    first: dict[str, int], then: dict[str, int], left: dict[str, int]
) -> None:
    xml = INACTIVE
    for step in (first, then):
        xml = edited(xml, *(Edit(path=f"disks[root].iotune.{key}", after=value) for key, value in step.items()))
    found = reread(xml).config
    start = "disks[root].iotune."
    assert {path.removeprefix(start): value for path, value in found.items() if path.startswith(start)} == left
    assert (parse(xml).find("devices/disk/iotune") is None) == (not left)


def test_every_limit_is_among_those_that_it_implies() -> None:
    assert all(implied(name, 7)[name] == 7 and implied(name, 0)[name] == 0 for name in FIELDS)


def test_an_empty_drive_takes_no_reservation() -> None:
    with pytest.raises(CannotWrite, match="reservations"):
        edited(
            INACTIVE,
            Edit(path="disks[root].source", after=""),
            Edit(path="disks[root].reservations", after=True),
        )
