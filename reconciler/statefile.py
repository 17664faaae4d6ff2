"""Files of gitvirt's state directory that several of its processes change: one at a time, and each as a whole.

Called by what is kept beside Git and the hosts: observe/holds.py, observe/overrides.py and observe/register.py.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from reconciler.key import private_folder


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Nobody else changes the file meanwhile: a daemon and a command may be at it in the same moment."""
    private_folder(path.parent)
    descriptor = os.open(path.with_suffix(".lock"), os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write(path: Path, data: Mapping[str, object]) -> None:
    """Puts `data` there as JSON, at once or not at all; it outlives a loss of power. To be called while `alone`."""
    fresh = path.with_suffix(".new")
    with fresh.open("w") as file:
        json.dump(data, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the new name, too
    finally:
        os.close(folder)
