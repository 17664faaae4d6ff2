"""Settings of disks that do not go together are refused where they are written."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.unit.specs.test_specs_check import several

Faults = Callable[..., list[str]]


@pytest.mark.parametrize(
    ("disk", "said"),
    [
        ("{size: 1GiB, shareable: true}", "disks[d].shareable: a shareable disk must be raw"),
        ("{size: 1GiB, format: raw, shareable: true, cache: writeback}", "disks[d].cache: cache writeback"),
        ("{size: 1GiB, format: raw, shareable: true, transient: true}", "a shareable disk cannot be transient"),
        ("{device: /dev/sdz, size: 1GiB}", "disks[d].size: `size` of a disk that is a device"),
        ("{device: /dev/sdz, format: qcow2}", "a block device is raw, not qcow2"),
        ("{device: sdz}", "`sdz` is not a block device"),
        ("{size: 1GiB, lun: true, bus: scsi}", "disks[d].lun: `lun` of a disk that is a file"),
        ("{size: 1GiB, rawIo: true}", "`rawIo` without `lun: true`"),
        ("{size: 1GiB, bus: scsi, iothread: 1}", "disks[d].iothread: no `iothread` on scsi"),
        ("{size: 1GiB, vendor: ACME}", "no `vendor` on virtio"),
        ("{size: 1GiB, bus: sata, removable: true}", "no `removable` on sata"),
        ("{size: 1GiB, copyOnRead: true, readOnly: true}", "`copyOnRead` writes into"),
        ("{size: 1GiB, iotune: {totalBytes: 2MiB, readBytes: 1MiB}}", "iotune.readBytes: a total of bytes"),
        ("{size: 1GiB, iotune: {readIopsMax: 5}}", "iotune.readIopsMax: a burst without a limit"),
        ("{size: 1GiB, iotune: {readIops: 9, readIopsMax: 5}}", "a burst below its limit"),
        ("{size: 1GiB, iotune: {readIops: 9, readIopsMaxLength: 5s}}", "the length of no burst"),
        ("{size: 1GiB, bus: scsi, wwn: ABC}", "is not a world wide name"),
        ("{size: 1GiB, logicalBlockSize: 513}", "logicalBlockSize"),
    ],
)
def test_a_bad_combination_is_refused(disk: str, said: str, faults: Faults) -> None:
    written = disk.replace("{", "{name: d, ", 1)
    found = faults(several(("VirtualMachine", "x", f"{{disks: [{written}]}}")))
    assert any(said in each for each in found), found


def test_a_block_device_of_the_host_needs_no_more(faults: Faults) -> None:
    disk = "{name: d, device: /dev/disk/by-id/wwn-0x5000c500, lun: true, bus: scsi, reservations: true, rawIo: true}"
    assert faults(several(("VirtualMachine", "x", f"{{disks: [{disk}]}}"))) == []


def test_a_disk_has_an_io_thread_that_there_is(faults: Faults) -> None:
    spec = "{iothreads: 1, disks: [{name: d, size: 1GiB, iothread: 2}]}"
    found = faults(several(("VirtualMachine", "x", spec)))
    assert any("disks[d].iothread: there are 1 I/O threads" in each for each in found), found


def test_a_disk_with_settings_that_fit_is_taken(faults: Faults) -> None:
    disk = (
        "{name: d, size: 1GiB, format: raw, shareable: true, cache: none, iothread: 1, queues: 2, detectZeroes: unmap,"
        " iotune: {totalBytes: 2MiB, totalBytesMax: 4MiB, totalBytesMaxLength: 3s, readIops: 5}}"
    )
    assert faults(several(("VirtualMachine", "x", f"{{disks: [{disk}]}}"))) == []
