"""The foreign parts of the tiny guest: kernel, busybox, guest agent. Taken from Debian packages that are unpacked.

Unpacked and not installed: a cloud kernel on a real machine would become its boot kernel, busybox-static would push
out busybox, and the guest agent is for guests. Comes in: a cache folder. Goes out: paths. Called by image.py.
"""

from __future__ import annotations

import platform
import re
import shutil
from pathlib import Path

from drivers.lab.command import run
from drivers.lab.debian import packages
from drivers.lab.errors import GuestBuildFailed, PackagesNotHad
from specs.structs import Struct

KERNEL_META = "linux-image-cloud-amd64"
PACKAGES = ("busybox-static", "qemu-guest-agent")


class Parts(Struct, frozen=True):
    """Files of the unpacked packages."""

    root: Path
    kernel_version: str

    @property
    def kernel(self) -> Path:
        return self.root / "boot" / f"vmlinuz-{self.kernel_version}"

    @property
    def modules(self) -> Path:
        return self.root / "lib" / "modules" / self.kernel_version

    @property
    def busybox(self) -> Path:
        return self.root / "bin" / "busybox"

    @property
    def agent(self) -> Path:
        return self.root / "usr" / "sbin" / "qemu-ga"


def obtain(cache: Path) -> Parts:
    """The parts, from `cache` or from Debian's archive. Raises GuestBuildFailed."""
    if platform.machine() != "x86_64":
        raise GuestBuildFailed(f"The tiny guest is x86_64; this machine is {platform.machine()}.")
    root = cache / "parts"
    if not root.is_dir():
        draft = cache / ".parts.new"
        shutil.rmtree(draft, ignore_errors=True)
        _download_and_unpack(draft)
        draft.rename(root)
    return Parts(root, next(iter((root / "lib" / "modules").iterdir())).name)


def _download_and_unpack(root: Path) -> None:
    try:
        packages.unpack(root, lambda archive: [_kernel(archive.depends(KERNEL_META)), *PACKAGES])
    except PackagesNotHad as error:
        raise GuestBuildFailed(f"Kernel, busybox and agent of the tiny guest could not be had. {error}") from error
    run(["depmod", "--basedir", root, next(iter((root / "lib" / "modules").iterdir())).name])


def _kernel(depends: str) -> str:
    """The package that the meta package stands for today."""
    found = re.search(r"Depends: (linux-image-\S+-cloud-amd64)", depends)
    return found.group(1) if found else KERNEL_META
