"""The table of what gitvirt knows about a domain: one line per device or aspect.

Adding one is a new module in aspects/ and a line here. Everything below is derived from it once, at import.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect, Change, DeviceList, Read, Write
from drivers.libvirt.domain.aspects import (
    agent,
    cdroms,
    cpu,
    description,
    disks,
    graphics,
    memory,
    nics,
    platform,
    rng,
    serial,
)
from specs.fields import Scalar

ASPECTS: tuple[Aspect, ...] = (
    platform.ASPECT,
    cpu.ASPECT,
    memory.ASPECT,
    description.ASPECT,
    serial.ASPECT,
    agent.ASPECT,
    rng.ASPECT,
    graphics.ASPECT,
)

LISTS: dict[str, DeviceList] = {each.name: each for each in (disks.LIST, cdroms.LIST, nics.LIST)}

DOMAIN: dict[object, Read] = {tag: read for each in ASPECTS for tag, read in each.domain.items()}
"""Tag below `<domain>` → reader."""

DEVICES: dict[object, Read] = {tag: read for each in ASPECTS for tag, read in each.devices.items()}
DEVICES |= {tag: read for each in LISTS.values() for tag, read in each.devices.items()}
"""Tag below `<devices>` → reader."""

ABSENT: dict[str, Scalar] = {path: value for each in ASPECTS for path, value in each.absent.items()}
WRITE: dict[str, Write] = {path: write for each in ASPECTS for path, write in each.write.items()}
LIVE: dict[str, Change] = {path: change for each in ASPECTS for path, change in each.live.items()}
CHECKS = tuple(each.check for each in ASPECTS if each.check is not None)
