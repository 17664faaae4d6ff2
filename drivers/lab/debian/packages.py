"""Packages of Debian's archive, downloaded and unpacked, never installed: nothing of the machine changes.

Comes in: names. Goes out: a folder with what is in them. Called by guest/parts.py and credentials/ssh.py.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from drivers.lab.command import run
from drivers.lab.errors import CommandFailed, PackagesNotHad
from specs.structs import Struct


class Archive(Struct, frozen=True):
    """apt with some package lists; `options` choose them."""

    options: tuple[str, ...] = ()

    def depends(self, package: str) -> str:
        """What `apt-cache depends` says."""
        return run(["apt-cache", *self.options, "depends", package])

    def download(self, folder: Path, packages: list[str]) -> None:
        words = ["apt-get", *self.options, "-o", "APT::Sandbox::User=root", "--quiet", "download", *packages]
        run(words, cwd=folder)


def unpack(root: Path, names: Callable[[Archive], list[str]]) -> None:
    """Fill `root` with the packages that `names` says. Raises PackagesNotHad."""
    packages = root.with_name(f".{root.name.lstrip('.')}.packages")
    shutil.rmtree(packages, ignore_errors=True)
    packages.mkdir(parents=True)
    try:
        archive = Archive()
        try:
            archive.download(packages, names(archive))
        except CommandFailed:
            # No package lists on this machine, or stale ones. Lists of our own leave the machine's as they are.
            archive = _with_own_lists(packages)
            archive.download(packages, names(archive))
        for package in sorted(packages.glob("*.deb")):
            run(["dpkg-deb", "--extract", package, root])
    except CommandFailed as error:
        raise PackagesNotHad(f"Check that `apt-get update` works here, then try again. {error}") from error
    finally:
        shutil.rmtree(packages)


def _with_own_lists(folder: Path) -> Archive:
    lists = folder / "lists"
    (lists / "partial").mkdir(parents=True)
    options = ("-o", f"Dir::State::Lists={lists}", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=")
    run(["apt-get", *options, "-o", "APT::Sandbox::User=root", "update"])
    return Archive(options)
