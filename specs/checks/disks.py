"""Settings of a VM's disks that do not go together; refused where they are written. Called by checks/devices.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specs.checks.scope import wrong
from specs.errors import Finding
from specs.resource import Resource

_UNCACHED = ("none", "directsync")
_CACHED = ("writeback", "unsafe", "writethrough")


def findings(vm: Resource, disk: Any, path: str) -> Iterator[Finding]:
    """What of one disk's settings libvirt or QEMU would refuse, or what would harm its data."""
    yield from _shareable(vm, disk, path)
    yield from _passthrough(vm, disk, path)
    yield from _bus(vm, disk, path)
    yield from _limits(vm, disk, path)
    if disk.io == "native" and disk.cache not in _UNCACHED:
        why = "QEMU takes it only past the host's cache"
        yield wrong(vm, f"{path}.io", f"`io: native` with cache {disk.cache or 'default'}", why, "write `cache: none`")


def _shareable(vm: Resource, disk: Any, path: str) -> Iterator[Finding]:
    if not disk.shareable:
        return
    if disk.format == "qcow2" or (disk.format is None and not disk.external and not disk.device):
        why = "two writers destroy a qcow2 image"
        yield wrong(vm, f"{path}.shareable", "a shareable disk must be raw", why, "write `format: raw`")
    if disk.cache in _CACHED:
        why = "what one host keeps in its cache, another does not see"
        yield wrong(vm, f"{path}.cache", f"cache {disk.cache} of a shareable disk", why, "write `cache: none`")
    if disk.transient:
        yield wrong(vm, f"{path}.transient", "a shareable disk cannot be transient", fix="take one of them away")


def _passthrough(vm: Resource, disk: Any, path: str) -> Iterator[Finding]:
    if disk.lun and disk.device is None:
        why = "only a block device of the host takes SCSI commands"
        yield wrong(vm, f"{path}.lun", "`lun` of a disk that is a file", why, "name a block device: `device: /dev/…`")
    if disk.lun and disk.bus not in ("scsi", "virtio", None):
        yield wrong(vm, f"{path}.bus", f"no LUN on {disk.bus}", fix="use `bus: scsi`")
    for field, value in (("sgio", disk.sgio), ("rawIo", disk.raw_io), ("reservations", disk.reservations)):
        if value and not disk.lun:
            yield wrong(
                vm, f"{path}.{field}", f"`{field}` without `lun: true`", fix="write `lun: true`, or leave it out"
            )


def of_device(vm: Resource, disk: Any, path: str) -> Iterator[Finding]:
    """A block device of the host is used as it is: nothing that makes or names a volume goes with it."""
    for field, value in (
        ("size", disk.size),
        ("image", disk.image),
        ("clone", disk.clone),
        ("volume", disk.volume),
    ):
        if value is not None:
            why = "a block device of the host is used as it is"
            yield wrong(vm, f"{path}.{field}", f"`{field}` of a disk that is a device", why, "take one of them away")
    if disk.format not in (None, "raw"):
        yield wrong(vm, f"{path}.format", f"a block device is raw, not {disk.format}", fix="leave it out")


def _bus(vm: Resource, disk: Any, path: str) -> Iterator[Finding]:
    """Fields that one bus has only; a bus that is not written is virtio."""
    bus = disk.bus or "virtio"
    for field, value, buses in (
        ("iothread", disk.iothread, ("virtio",)),
        ("queues", disk.queues, ("virtio",)),
        ("vendor", disk.vendor, ("scsi",)),
        ("product", disk.product, ("scsi",)),
        ("wwn", disk.wwn, ("scsi", "sata", "ide")),
        ("rotationRate", disk.rotation_rate, ("scsi", "sata", "ide")),
        ("removable", disk.removable, ("usb",)),
    ):
        if value and bus not in buses:
            yield wrong(vm, f"{path}.{field}", f"no `{field}` on {bus}", fix=f"use bus {' or '.join(buses)}")
    most = vm.spec.iothreads
    if disk.iothread and most is not None and disk.iothread > most:
        yield wrong(
            vm, f"{path}.iothread", f"there are {most} I/O threads", "they are numbered from 1", "raise `iothreads`"
        )
    if disk.copy_on_read and disk.read_only:
        yield wrong(vm, f"{path}.copyOnRead", "`copyOnRead` writes into a disk that is read only", fix="drop one")


def _limits(vm: Resource, disk: Any, path: str) -> Iterator[Finding]:
    tune = disk.iotune
    if tune is None:
        return
    for kind in ("bytes", "iops"):
        parts = [way for way in ("read", "write") if getattr(tune, f"{way}_{kind}")]
        if getattr(tune, f"total_{kind}") and parts:
            field = f"{path}.iotune.{parts[0]}{kind.title()}"
            yield wrong(vm, field, f"a total of {kind} and a limit of its parts", fix="keep one of them")
        for way in ("total", "read", "write"):
            yield from _bursts(vm, tune, f"{path}.iotune.", (way, kind))


def _bursts(vm: Resource, tune: Any, path: str, what: tuple[str, str]) -> Iterator[Finding]:
    name, field = "_".join(what), f"{path}{what[0]}{what[1].title()}"
    base, burst, length = (getattr(tune, name + end) for end in ("", "_max", "_max_length"))
    if burst and not base:
        yield wrong(vm, f"{field}Max", "a burst without a limit", "it says how far the limit may be passed", "set both")
    elif burst and burst < base:
        yield wrong(vm, f"{field}Max", "a burst below its limit", fix="make it larger, or leave it out")
    if length and not burst:
        yield wrong(vm, f"{field}MaxLength", "the length of no burst", fix="set the burst, or leave it out")
