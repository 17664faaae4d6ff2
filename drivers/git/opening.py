"""Which kind of repository lies at a path. Called through drivers/git by the commands and the daemon."""

from __future__ import annotations

from pathlib import Path

from drivers.git import program
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


def open_branch(root: Path, ref: str) -> Repository:
    """The Git repository whose top folder is `root`, to follow a ref of it.

    Unless that is what is checked out there, its work tree is not looked at: the files in it are another branch's.
    """
    if ref == "HEAD" or is_bare(root):
        return open_repository(root)
    checked_out = program.run(root, "symbolic-ref", "--short", "--quiet", "HEAD", accept=(0, 1)).decode().strip()
    return Checkout(root=root, prefix="", bare=ref != checked_out)


def is_bare(folder: Path) -> bool:
    """Whether the folder itself is a repository without a work tree."""
    return (folder / "HEAD").is_file() and (folder / "objects").is_dir() and (folder / "refs").is_dir()
