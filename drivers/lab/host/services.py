"""What runs on a lab host. To give the hosts one more service, write its function and add it to SERVICES.

Comes in: the lab and the host's address. Goes out: program lines for host/init.py, in the order of their start.
Called by host/boot.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from drivers.lab.paths import SHARED_IN_HOST, SHARED_SOURCE_IN_HOST, LabPaths


@dataclass(frozen=True, slots=True)
class Service:
    """A program that stays in the foreground. The next service starts once `mountpoint` is mounted, if given."""

    name: str
    argv: tuple[str, ...]
    mountpoint: str | None = None


def shared_storage(lab: LabPaths) -> Service:
    """The lab's shared folder. libvirt goes by the file system's type: FUSE's glusterfs counts as shared."""
    options = f"fsname={lab.shared},subtype=glusterfs"
    argv = ("/usr/bin/bindfs", "-f", "-o", options, str(SHARED_SOURCE_IN_HOST), str(SHARED_IN_HOST))
    return Service("shared-storage", argv, str(SHARED_IN_HOST))


def libvirtd(lab: LabPaths) -> Service:
    return Service("libvirtd", ("/usr/sbin/libvirtd", "--listen"))


SERVICES: tuple[Callable[[LabPaths], Service], ...] = (shared_storage, libvirtd)
