"""The HMAC key of this gitvirt: marks and plans hold secrets only as digests under it, which tell equal from changed.

In: the state directory. Out: 32 bytes, made on first use. Without the same key every secret looks changed once, which
costs one harmless update of each; so it belongs to the backup, and to all machines that reconcile a repository.
Called by reconciler/app.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from reconciler.errors import SettingsError

NAME = "key"
LENGTH = 32


def private_folder(folder: Path) -> Path:
    """Makes the state directory (0700) if it is not there; SettingsError if it cannot be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(
            f"{folder}: the state directory cannot be made: {error.strerror}; set `state:` to a folder of your own"
        ) from error
    return folder


def load(folder: Path) -> bytes:
    """The key of that state directory. Two processes that make it at the same time get the same one."""
    path = private_folder(folder) / NAME
    try:
        if not path.exists():
            _make(path)
        return _read(path)
    except OSError as error:
        raise SettingsError(f"{path}: the key cannot be used: {error.strerror}") from error


def _make(path: Path) -> None:
    fresh = path.with_name(f".{NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w") as file:
            file.write(secrets.token_hex(LENGTH) + "\n")
        os.link(fresh, path)
    except FileExistsError:
        pass  # another process was faster; its key is the key
    finally:
        fresh.unlink()


def _read(path: Path) -> bytes:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor) as file:
        mode = os.fstat(descriptor).st_mode
        text = file.read(1024).strip()
    if mode & 0o077:
        raise SettingsError(f"{path}: others can read or write the key (mode {mode & 0o777:04o}); chmod 600 {path}")
    try:
        key = bytes.fromhex(text)
    except ValueError:
        key = b""
    if len(key) != LENGTH:
        raise SettingsError(f"{path}: this is not a key; restore it from a backup, or remove it to have a new one made")
    return key
