"""The table of what gitvirt knows about a domain: one line per device or aspect.

Adding one is a new module in aspects/ and a line here. Everything below is derived from it once, at import.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers.libvirt.domain.aspect import Aspect, Change, DeviceList, Read, Write
from drivers.libvirt.domain.aspects import (
    agent,
    backing,
    balloon,
    booting,
    cdroms,
    channels,
    clipboard,
    clock,
    cpu,
    cputune,
    description,
    disks,
    features,
    firmware,
    graphics,
    hostdevices,
    ignition,
    inputs,
    iommu,
    lifecycle,
    memory,
    modules,
    nics,
    numa,
    panic,
    platform,
    properties,
    rng,
    scsi,
    serial,
    smartcard,
    smbios,
    sound,
    tpm,
    usb,
    video,
    vsock,
    watchdog,
)
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element
from specs.fields import Scalar

ASPECTS: tuple[Aspect, ...] = (
    platform.ASPECT,
    firmware.ASPECT,
    cpu.ASPECT,
    cputune.ASPECT,
    numa.ASPECT,
    features.ASPECT,
    clock.ASPECT,
    lifecycle.ASPECT,
    booting.ASPECT,
    smbios.ASPECT,
    memory.ASPECT,
    modules.ASPECT,
    backing.ASPECT,
    balloon.ASPECT,
    description.ASPECT,
    properties.ASPECT,
    serial.ASPECT,
    agent.ASPECT,
    rng.ASPECT,
    scsi.ASPECT,
    usb.ASPECT,
    graphics.ASPECT,
    ignition.ASPECT,
    clipboard.ASPECT,
    video.ASPECT,
    inputs.ASPECT,
    sound.ASPECT,
    smartcard.ASPECT,
    tpm.ASPECT,
    watchdog.ASPECT,
    panic.ASPECT,
    vsock.ASPECT,
    iommu.ASPECT,
)

LISTS: dict[str, DeviceList] = {
    each.name: each for each in (disks.LIST, cdroms.LIST, nics.LIST, channels.LIST, hostdevices.LIST, modules.LIST)
}


def _joined(tables: Iterable[Mapping[str, Read]]) -> dict[object, Read]:
    """Tag → reader; several modules may read the same element, each its own part of it."""
    found: dict[object, list[Read]] = {}
    for table in tables:
        for tag, read in table.items():
            found.setdefault(tag, []).append(read)
    return {tag: each[0] if len(each) == 1 else _all(tuple(each)) for tag, each in found.items()}


def _devices(tables: Iterable[Mapping[str, Read]]) -> dict[object, Read]:
    """As `_joined`; the readers of `TAG/TYPE` become one for the tag, which looks at the type."""
    found = _joined(tables)
    types: dict[str, dict[str, Read]] = {}
    for key in [each for each in map(str, found) if "/" in each]:
        tag, _, kind = key.partition("/")
        types.setdefault(tag, {})[kind] = found.pop(key)
    assert not types.keys() & found.keys(), "a tag is read either by its types or as a whole"
    return {**found, **{tag: _by_type(kinds) for tag, kinds in types.items()}}


def _by_type(kinds: Mapping[str, Read]) -> Read:
    def read(element: Element, draft: Draft) -> None:
        if (one := kinds.get(element.get("type", ""))) is not None:
            one(element, draft)

    return read


def _all(many: tuple[Read, ...]) -> Read:
    def read(element: Element, draft: Draft) -> None:
        for each in many:
            each(element, draft)

    return read


DOMAIN = _joined(each.domain for each in ASPECTS)
"""Tag below `<domain>` → reader."""

DEVICES = _devices([*(each.devices for each in ASPECTS), *(each.devices for each in LISTS.values())])
"""Tag below `<devices>` → reader."""

ABSENT: dict[str, Scalar] = {path: value for each in ASPECTS for path, value in each.absent.items()}
WRITE: dict[str, Write] = {path: write for each in ASPECTS for path, write in each.write.items()}
LIVE: dict[str, Change] = {path: change for each in ASPECTS for path, change in each.live.items()}
CHECKS = tuple(each.check for each in ASPECTS if each.check is not None)
