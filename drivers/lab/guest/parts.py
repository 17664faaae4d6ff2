"""The foreign parts of the tiny guest: kernel, busybox, guest agent. Taken from Debian packages that are unpacked.

Unpacked and not installed: a cloud kernel on a real machine would become its boot kernel, busybox-static would push
out busybox, and the guest agent is for guests. Comes in: a cache folder. Goes out: paths. Called by image.py.
"""

from __future__ import annotations

import platform
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from drivers.lab.command import run
from drivers.lab.errors import CommandFailed, GuestBuildFailed

KERNEL_META = "linux-image-cloud-amd64"
PACKAGES = ("busybox-static", "qemu-guest-agent")


@dataclass(frozen=True, slots=True)
class Parts:
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
    packages = root.with_name(".packages.new")
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir(parents=True)
    try:
        _download(packages, [])
    except CommandFailed:
        # No package lists on this machine, or stale ones. Lists of our own leave the machine's as they are.
        _download(packages, _own_lists(packages))
    for package in sorted(packages.glob("*.deb")):
        run(["dpkg-deb", "--extract", package, root])
    run(["depmod", "--basedir", root, next(iter((root / "lib" / "modules").iterdir())).name])
    shutil.rmtree(packages)


def _own_lists(folder: Path) -> list[str]:
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True)
    options = ["-o", f"Dir::State::Lists={lists}", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="]
    try:
        run(["apt-get", *options, "-o", "APT::Sandbox::User=root", "update"])
    except CommandFailed as error:
        raise GuestBuildFailed(
            f"The package lists for the tiny guest could not be had. Check that `apt-get update` works here. {error}"
        ) from error
    return options


def _download(folder: Path, options: list[str]) -> None:
    """Raises CommandFailed, with lists of our own GuestBuildFailed."""
    try:
        depends = run(["apt-cache", *options, "depends", KERNEL_META])
        kernel = re.search(r"Depends: (linux-image-\S+-cloud-amd64)", depends)
        names = [kernel.group(1) if kernel else KERNEL_META, *PACKAGES]
        run(["apt-get", *options, "-o", "APT::Sandbox::User=root", "--quiet", "download", *names], cwd=folder)
    except CommandFailed as error:
        if not options:
            raise
        raise GuestBuildFailed(
            "The kernel, busybox and guest agent of the tiny guest come from Debian's archive, which could not be had. "
            f"Check that `apt-get update` works here, then try again. {error}"
        ) from error
