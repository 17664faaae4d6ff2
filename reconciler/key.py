"""The HMAC key of this gitvirt: marks and plans hold secrets only as digests under it, which tell equal from changed.

In: the state directory. Out: 32 bytes, made on first use. Without the same key every secret looks changed once, which
costs one harmless update of each; so it belongs to the backup, and to all machines that reconcile a repository.

The file `key` has the key on its first line. While it is being rotated (operations/rekey.py), the former one stands
below, so that what marks hold under it is known until all are written anew. One file, replaced at once: there is no
moment between.
Called by reconciler/app and `rotate-key`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

from reconciler.errors import SettingsError
from specs.fields import Secret
from specs.structs import Struct, replace

NAME = "key"
LENGTH = 32
_DONE = "done:"
_LONGEST = 64 * 1024  # characters


def private_folder(folder: Path) -> Path:
    """Makes the state directory (0700) if it is not there; SettingsError if it cannot be used."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise SettingsError(
            f"{folder}: the state directory cannot be made: {error.strerror}; set `state:` to a folder of your own"
        ) from error
    return folder


class Keys(Struct, frozen=True, kw_only=True):
    """The key, and those that were before it, youngest first, as long as a mark may have a digest under them.

    `done` are the repositories whose marks have been written anew since.
    """

    current: bytes
    former: tuple[bytes, ...] = ()
    done: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"Keys({len(self.former)} former)"  # never the keys

    def digest(self, secret: Secret) -> str:
        """A secret as marks and plans hold it."""
        return secret.digest(self.current)

    def digests(self, secret: Secret) -> tuple[str, ...]:
        """The same under the former keys."""
        return tuple(secret.digest(each) for each in self.former)


def load(folder: Path) -> bytes:
    """The key of that state directory. Two processes that make it at the same time get the same one."""
    return keys(folder).current


def keys(folder: Path) -> Keys:
    """The key and the former ones."""
    path = private_folder(folder) / NAME
    try:
        if not path.exists():
            _make(path)
        return _read(path)
    except OSError as error:
        raise SettingsError(f"{path}: the key cannot be used: {error.strerror}") from error


def rotate(folder: Path) -> Keys:
    """Begins to rotate: a fresh key, the one until now becomes a former one. Goes on with a rotation that has begun.

    The caller holds the lock `key` (reconciler/lock.writer), so that two do not begin at once.
    """
    now = keys(folder)
    if now.former:
        return now
    return _write(folder, Keys(current=secrets.token_bytes(LENGTH), former=(now.current,)))


def finished(folder: Path, repository: str) -> Keys:
    """Notes that no mark of that repository has a digest under a former key."""
    now = keys(folder)
    return _write(folder, replace(now, done=tuple(sorted({*now.done, repository})))) if now.former else now


def forget(folder: Path) -> Keys:
    """Ends to rotate: the former keys are gone. Only once no mark holds a digest under them."""
    return _write(folder, Keys(current=keys(folder).current))


def _write(folder: Path, new: Keys) -> Keys:
    path = private_folder(folder) / NAME
    try:
        fresh = _fresh(path, new)
        fresh.replace(path)
        with _opened(folder) as descriptor:
            os.fsync(descriptor)
    except OSError as error:
        raise SettingsError(f"{path}: the key cannot be written: {error.strerror}") from error
    return new


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[int]:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _fresh(path: Path, new: Keys) -> Path:
    """The keys in a file beside the real one, on disk."""
    fresh = path.with_name(f".{NAME}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with open(descriptor, "w") as file:
        file.writelines(f"{each.hex()}\n" for each in (new.current, *new.former))
        file.writelines(f"{_DONE}{each}\n" for each in new.done)
        file.flush()
        os.fsync(descriptor)
    return fresh


def _make(path: Path) -> None:
    fresh = _fresh(path, Keys(current=secrets.token_bytes(LENGTH)))
    try:
        os.link(fresh, path)
    except FileExistsError:
        pass  # another process was faster; its key is the key
    finally:
        fresh.unlink()


def _read(path: Path) -> Keys:
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor) as file:
        mode = os.fstat(descriptor).st_mode
        lines = file.read(_LONGEST).split()
    if mode & 0o077:
        raise SettingsError(f"{path}: others can read or write the key (mode {mode & 0o777:04o}); chmod 600 {path}")
    try:
        found = [bytes.fromhex(each) for each in lines if not each.startswith(_DONE)]
    except ValueError:
        found = []
    if not found or any(len(each) != LENGTH for each in found):
        raise SettingsError(f"{path}: this is not a key; restore it from a backup, or remove it to have a new one made")
    done = tuple(each.removeprefix(_DONE) for each in lines if each.startswith(_DONE))
    return Keys(current=found[0], former=tuple(found[1:]), done=done)
