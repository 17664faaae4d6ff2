"""Which processes are the lab's, known without trusting a process id alone (they are reused within minutes).

A host is two processes of the program host/init.py: the *keeper*, outside, and *init*, process 1 of the host's
namespaces; all else of the host hangs on init and dies with it. Both carry MARK, the state directory and the host's
name on their command line, and are taken for ours only if the namespaces agree. Other processes are known by their
command line within a pid namespace. Called by lab.py, status.py, host/ and bmc/process.py.
"""

from __future__ import annotations

import os
import select
import signal
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from specs.structs import Struct

MARK = "gitvirt-lab-host"
"""In the command line of host/init.py: python -I -S init.py MARK STATE HOST."""


class Process(Struct, frozen=True):
    """Any process, of whatever pid namespace; `pid` is the machine's number."""

    pid: int
    start: int
    argv: tuple[str, ...]
    pid_namespace: int


class Killable(Protocol):
    """What makes a process that very process."""

    @property
    def pid(self) -> int: ...

    @property
    def start(self) -> int: ...


class HostProcess(Struct, frozen=True):
    """One keeper or init. `start` is the start time in clock ticks since boot: with the pid it is unique."""

    pid: int
    start: int
    state: Path
    host: str
    is_init: bool
    namespaces: tuple[int, int]
    """Inodes of the pid and the network namespace it lives in."""


def inside(init: HostProcess, argv: Iterable[str]) -> list[str]:
    """The command line that runs `argv` inside a host, as root."""
    spaces = ["--root", "--wdns=/", "--mount", "--uts", "--ipc", "--net", "--pid"]
    return ["nsenter", f"--target={init.pid}", *spaces, "--", *argv]


def host_processes(state: Path | None = None, host: str | None = None) -> list[HostProcess]:
    """Every keeper and init on the machine, of one lab and one host if given; inits first."""
    found = [
        process
        for process in _scan()
        if (state is None or process.state == state) and (host is None or process.host == host)
    ]
    return sorted(found, key=lambda process: not process.is_init)


def _scan() -> Iterator[HostProcess]:
    own = _namespace(os.getpid(), "pid")
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            try:
                process = _read(int(entry.name), own)
            except (OSError, ValueError, IndexError):
                continue  # ended while we looked
            if process is not None:
                yield process


def _read(pid: int, own: int) -> HostProcess | None:
    words = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")[:-1]
    if len(words) != 7 or words[1:3] != [b"-I", b"-S"] or words[4] != MARK.encode():
        return None
    pid_space = _namespace(pid, "pid")
    ids = status(pid, "NSpid")
    is_init = pid_space != own and ids[-1] == "1"
    is_keeper = pid_space == own
    if not is_init and not is_keeper:
        return None  # a child of init between fork and exec
    namespaces = (pid_space, _namespace(pid, "net"))
    return HostProcess(pid, start_time(pid), Path(os.fsdecode(words[5])), words[6].decode(), is_init, namespaces)


def every_process() -> Iterator[Process]:
    """All that are there now; kernel threads and zombies have no command line and are left out."""
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal():
            pid = int(entry.name)
            try:
                start = start_time(pid)
                words = Path("/proc", str(pid), "cmdline").read_bytes().split(b"\0")[:-1]
                space = _namespace(pid, "pid") if words else 0
            except (OSError, ValueError, IndexError):
                continue  # ended while we looked
            if words:
                yield Process(pid, start, tuple(os.fsdecode(word) for word in words), space)


def own_pid_namespace() -> int:
    return _namespace(os.getpid(), "pid")


def start_time(pid: int) -> int:
    """Field 22 of /proc/PID/stat. The name of the program, field 2, may hold spaces and parentheses."""
    stat = Path("/proc", str(pid), "stat").read_text(encoding="utf-8", errors="replace")
    return int(stat.rpartition(")")[2].split()[19])


def _namespace(pid: int, kind: str) -> int:
    return os.stat(f"/proc/{pid}/ns/{kind}").st_ino


def status(pid: int, key: str) -> list[str]:
    """A line of /proc/PID/status, as words. Raises OSError, ValueError."""
    for line in Path("/proc", str(pid), "status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(f"{key}:"):
            return line.split()[1:]
    raise ValueError(f"no {key} in /proc/{pid}/status")


def kill(process: Killable, timeout: float = 15.0) -> bool:
    """SIGKILL exactly this process and wait until it is gone; False if it still is there after `timeout` seconds."""
    return send(process, signal.SIGKILL, timeout)


def send(process: Killable, number: signal.Signals, timeout: float) -> bool:
    """Send exactly this process a signal and wait until it is gone; False if it still is there after `timeout` s."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        # The handle is pinned now; only if it still is the process that we looked at may it be killed.
        if start_time(process.pid) != process.start:
            return True
        signal.pidfd_send_signal(handle, number)
        return bool(select.select([handle], [], [], timeout)[0])
    except (ProcessLookupError, FileNotFoundError):
        return True
    finally:
        os.close(handle)
