"""A bootable disk: MBR, syslinux on a FAT partition with kernel and initramfs, an empty ext4 `labdata`.

Needs no mounts, no loop devices, no root. Comes in: kernel and initramfs. Goes out: a qcow2 file. Called by image.py.
"""

from __future__ import annotations

import struct
from importlib import resources
from pathlib import Path

from drivers.lab.command import run

MIB = 1 << 20
SECTOR = 512
BOOT_MIB = 32
DATA_MIB = 64
MBR = Path("/usr/lib/SYSLINUX/mbr.bin")
FAT16, LINUX = 0x0E, 0x83


def write(target: Path, kernel: Path, initramfs: bytes, work: Path) -> None:
    """Write `target`, with `work` (an empty folder) for what comes before it."""
    boot, data, whole = work / "boot.img", work / "data.img", work / "disk.img"
    _make_boot(boot, kernel, initramfs, work)
    _blank(data, DATA_MIB)
    run(["mke2fs", "-q", "-F", "-t", "ext4", "-L", "labdata", data])
    _blank(whole, 1 + BOOT_MIB + DATA_MIB)
    with whole.open("r+b") as disk:
        disk.write(MBR.read_bytes()[:440])
        disk.seek(446)
        disk.write(_entry(0x80, FAT16, 1, BOOT_MIB) + _entry(0, LINUX, 1 + BOOT_MIB, DATA_MIB))
        disk.seek(510)
        disk.write(b"\x55\xaa")
        disk.seek(MIB)
        disk.write(boot.read_bytes())
        disk.seek((1 + BOOT_MIB) * MIB)
        disk.write(data.read_bytes())
    run(["qemu-img", "convert", "-c", "-O", "qcow2", whole, target])


def _make_boot(image: Path, kernel: Path, initramfs: bytes, work: Path) -> None:
    _blank(image, BOOT_MIB)
    run(["mformat", "-i", image, "-h", "64", "-s", "32", "-H", "2048", "-T", str(BOOT_MIB * MIB // SECTOR), "::"])
    (work / "initrd").write_bytes(initramfs)
    config = resources.files("drivers.lab.guest").joinpath("files", "syslinux.cfg").read_bytes()
    (work / "syslinux.cfg").write_bytes(config)
    run(["mcopy", "-i", image, kernel, "::vmlinuz"])
    run(["mcopy", "-i", image, work / "initrd", work / "syslinux.cfg", "::"])
    run(["syslinux", "--install", image])


def _blank(file: Path, mebibytes: int) -> None:
    with file.open("wb") as made:
        made.truncate(mebibytes * MIB)


def _entry(flag: int, kind: int, start_mib: int, size_mib: int) -> bytes:
    """One line of the partition table, by sector number only: the old cylinder fields say "too big"."""
    too_big = b"\xfe\xff\xff"
    sectors = MIB // SECTOR
    return struct.pack("<B3sB3sII", flag, too_big, kind, too_big, start_mib * sectors, size_mib * sectors)
