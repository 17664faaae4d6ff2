"""Where `file:` is looked up: the work tree; for a bare repository, the files of a commit, exported into our state.

A commit's files are exported once, and kept for as long as a process of this machine holds them: a daemon that follows
a commit, and a command that plans another one of the same repository. The hold is the kernel's (`flock` on the
folder), so it ends with its process, however that ends. Built by reconciler/app for every revision that it loads.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from drivers.errors import Missing
from reconciler import statefile
from reconciler.desired.resolve import image_file
from specs.catalog import Catalog

if TYPE_CHECKING:
    from drivers.git import Repository


class Files:
    """A folder with the files of one revision, held until `release`."""

    def __init__(self, folder: Path, descriptor: int | None = None) -> None:
        self.folder, self._descriptor = folder, descriptor

    def release(self) -> None:
        """They may be removed, once they were exported."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def files_of(
    repository: Repository, revision: str, catalog: Catalog, state: Path, before: Files | None = None
) -> Files:
    """The files of a revision; those held `before` are released, and what nobody holds any more is removed.

    OSError if they cannot be written; then `before` is held on.
    """
    if not repository.bare:
        found = Files(Path(repository.root))
        if before is not None:
            before.release()
        return found
    above = state / "files" / str(catalog.repository.spec.id)
    with statefile.alone(above / "exports"):
        folder = above / revision
        if not folder.is_dir():
            _write(repository, revision, catalog, folder)
        found = Files(folder, _hold(folder, fcntl.LOCK_SH))
        if before is not None:
            before.release()
        for former in _unheld(above):
            shutil.rmtree(former, ignore_errors=True)
    return found


def _unheld(above: Path) -> Iterator[Path]:
    for folder in above.iterdir():
        if folder.is_dir():
            with contextlib.suppress(BlockingIOError):
                os.close(_hold(folder, fcntl.LOCK_EX | fcntl.LOCK_NB))
                yield folder


def _hold(folder: Path, how: int) -> int:
    """The descriptor of a folder that is locked; BlockingIOError if another holds it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, how)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _write(repository: Repository, revision: str, catalog: Catalog, folder: Path) -> None:
    fresh = folder.with_name(f"{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    for file in sorted({image_file(each) for each in catalog.of("Image")} | _secret_files(catalog)):
        if file and not file.startswith("/"):
            _export(repository, revision, file, fresh / file)
    fresh.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh.rename(folder)


def _export(repository: Repository, revision: str, file: str, to: Path) -> None:
    to.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        with to.open("wb") as out:
            repository.export(revision, file, out)
    except Missing:
        to.unlink()


def _secret_files(catalog: Catalog) -> set[str]:
    """The repository paths of all secrets that come from files, each beside the document that names it."""
    found: set[str] = set()
    for resource in catalog.of("VirtualMachine"):
        graphics, init = resource.spec.graphics, resource.spec.cloud_init
        refs = {"graphics.password": graphics.password if graphics else None}
        for user in (init.users or ()) if init else ():
            refs[f"cloudInit.users[{user.name}].passwordHash"] = user.password_hash
        for path, ref in refs.items():
            if ref is not None and ref.file:
                found.add(os.path.normpath(os.path.join(os.path.dirname(resource.where(path).file), ref.file)))
    return found
