"""Which kind of repository lies at a path. Called through drivers/git by the commands and the daemon."""

from __future__ import annotations

from pathlib import Path

from drivers.git.checkout import Checkout
from drivers.git.folder import PlainFolder
from drivers.git.repository import Repository
from specs.tree import NotAFolder


def open_repository(path: Path | str) -> Repository:
    """The Git repository that `path` lies in, or the plain folder; NotAFolder (specs.tree) if it is neither.

    A bare repository is opened where it lies; a folder that its Git repository ignores is a plain folder.
    """
    folder = Path(path).resolve()
    if not folder.is_dir():
        raise NotAFolder(f"{path} is not a folder; name the folder that holds gitvirt.yaml")
    if is_bare(folder):
        return Checkout(root=folder, prefix="", bare=True)
    for each in (folder, *folder.parents):
        if (each / ".git").exists():
            prefix = folder.relative_to(each).as_posix()
            found = Checkout(root=each, prefix="" if prefix == "." else prefix)
            return PlainFolder(folder) if prefix != "." and found.ignores(prefix) else found
    return PlainFolder(folder)


def is_bare(folder: Path) -> bool:
    """Whether the folder itself is a repository without a work tree."""
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()
