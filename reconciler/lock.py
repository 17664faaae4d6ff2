"""One writer: a lock per repository id and machine, and the heartbeat by which a daemon says that it is at work.

The lock is the kernel's (`flock`), so a process that dies, however, lets go of it; what the file says about its holder
is only for the message. In: the state directory, the repository's id. Called by reconciler/apply's commands and by the
daemon.

    with writer(folder, repository_id, "apply"):
        ...
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from msgspec.structs import asdict

from reconciler.errors import LockedError
from reconciler.key import private_folder
from specs.structs import Struct

_LOOK_AGAIN = 0.2  # seconds between two looks whether a lock is free


class Holder(Struct, frozen=True, kw_only=True):
    """A process. `started` is its start in clock ticks since boot: with the pid it names a process for good.

    `since` is in unix seconds. `socket` is where a daemon listens, else "".
    """

    pid: int
    started: int
    command: str
    since: float
    socket: str = ""

    @property
    def alive(self) -> bool:
        """Whether that very process still runs (not another one that got its number)."""
        return self.started > 0 and start_of(self.pid) == self.started

    def __str__(self) -> str:
        begun = datetime.fromtimestamp(self.since).astimezone().isoformat(sep=" ", timespec="seconds")
        return f"`gitvirt {self.command}`, pid {self.pid}, since {begun}"


def myself(command: str, socket: str = "") -> Holder:
    """This process as a holder."""
    pid = os.getpid()
    return Holder(pid=pid, started=start_of(pid), command=command, since=time.time(), socket=socket)


def start_of(pid: int) -> int:
    """When the process started, in clock ticks since boot (field 22 of /proc/PID/stat); 0 if there is none."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return 0
    fields = text[text.rindex(")") + 2 :].split()  # the name before it may hold spaces and parentheses
    return 0 if fields[0] in "ZX" else int(fields[19])


@contextlib.contextmanager
def writer(folder: Path, repository: str, command: str, patience: float = 0) -> Iterator[None]:
    """Holds the repository's lock on this machine.

    LockedError, naming the holder, if another process has it, and does not give it up within `patience` seconds.
    """
    busy = "{} changes this repository's hosts now; wait until it is done, or stop it"
    with _locked(private_folder(folder) / f"lock-{_safe(repository)}", myself(command), busy, patience):
        yield


@contextlib.contextmanager
def _locked(path: Path, me: Holder, busy: str, patience: float = 0) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        end = time.monotonic() + patience
        while not (ours := _taken(descriptor)) and time.monotonic() < end:
            time.sleep(_LOOK_AGAIN)
        if not ours:
            holder = _holder(os.pread(descriptor, 4096, 0))
            named = str(holder) if holder is not None and holder.alive else "another gitvirt process"
            raise LockedError(busy.format(named))
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(asdict(me)).encode(), 0)
        yield
    finally:
        os.close(descriptor)  # the file stays: removing it would let two processes lock two files of one name


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def heartbeat(folder: Path, repository: str, socket: str = "") -> Iterator[Holder]:
    """Says, as long as the daemon runs, that it takes care of the repository, and where it listens.

    LockedError if another daemon does. A daemon that was killed leaves its file; nobody believes it any more.
    """
    path, me = _heartbeat_file(private_folder(folder), repository), myself("daemon", socket)
    with _locked(path.with_suffix(".lock"), me, "{} takes care of this repository already"):
        fresh = path.with_name(f"{path.name}.{me.pid}")
        fresh.write_text(json.dumps(asdict(me)))
        fresh.replace(path)
        try:
            yield me
        finally:
            path.unlink(missing_ok=True)


def daemon(folder: Path, repository: str) -> Holder | None:
    """The daemon that runs for that repository on this machine, if one does."""
    holder = _read(_heartbeat_file(folder, repository))
    return holder if holder is not None and holder.alive else None


def refuse_beside_daemon(folder: Path, repository: str) -> None:
    """For commands that apply by themselves: LockedError while a daemon runs."""
    if holder := daemon(folder, repository):
        raise LockedError(
            f"{holder} takes care of this repository; commit and run `gitvirt sync`, "
            "or use --take-over to apply from here all the same"
        )


def _heartbeat_file(folder: Path, repository: str) -> Path:
    return folder / f"daemon-{_safe(repository)}.json"


def _read(path: Path) -> Holder | None:
    try:
        return _holder(path.read_bytes())
    except OSError:
        return None


def _holder(content: bytes) -> Holder | None:
    try:
        return Holder(**json.loads(content))
    except (ValueError, TypeError):
        return None


def _safe(repository: str) -> str:
    """Ids are UUIDs; anything else must not lead out of the folder."""
    return "".join(each if each.isalnum() or each in "-_" else "_" for each in repository) or "_"
