"""Faults of a host's shared storage, on demand: slow, failing, full, hanging, lost. Guests run on through them.

The storage is served to each host by a process of its own (bindfs), so a fault is one of that process, and of that
host only: strace delays its system calls, or has them fail with an error of our choice; SIGSTOP makes it hang. Nothing
stands in the way of data while the storage is well. What fault there is, is never recorded: it is read from the
processes. Comes in: process 1 of a running host, and a Fault. Called by lab.py and status.py.
"""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Literal

from drivers.lab import processes
from drivers.lab.command import run
from drivers.lab.errors import MachineUnfit, StorageFaultFailed
from drivers.lab.paths import SHARED_IN_HOST, LabPaths
from drivers.lab.processes import HostProcess, Process, inside
from specs.structs import Struct

HOLD = "/run/gitvirt-lab/hold/shared-storage"
"""While it is there, process 1 does not start the service again."""
PATIENCE = 20.0
WELL = "well"

READS = ("pread64",)
WRITES = ("pwrite64", "fsync", "fdatasync", "fallocate")
NAMES = ("openat", "getdents64", "newfstatat", "statfs", "unlink", "rename", "mkdir", "truncate", "ftruncate")

Kind = Literal["slow", "fail", "full", "hang", "lost"]
What = Literal["reads", "writes", "all"]


class Fault(Struct, frozen=True):
    """slow: every read and write waits `delay` ms. fail: `what` ends with an input/output error. full: nothing can be
    written, no room is left. hang: no answer. lost: the server is dead, open files stay dead after healing."""

    kind: Kind
    delay: int = 500
    what: What = "all"


def inject(lab: LabPaths, init: HostProcess, fault: Fault) -> None:
    """Make the storage of a running host ill; what it had before is healed. Raises StorageFaultFailed."""
    heal(init)
    server = _server(init)
    if server is None:
        log = lab.host(init.host).boot_log
        raise StorageFaultFailed(f"Host {init.host} has no server of its shared storage; see {log}.")
    if fault.kind == "hang":
        os.kill(server.pid, signal.SIGSTOP)
        _wait(lambda: _is_stopped(server), f"the storage of {init.host} does not stop")
    elif fault.kind == "lost":
        run(inside(init, ["touch", HOLD]))
        processes.kill(server)
    else:
        _trace(lab, init, server, _injections(fault))


def heal(init: HostProcess) -> bool:
    """Make it well; True if it was ill. Raises StorageFaultFailed."""
    was_ill = shown(init) != WELL
    for tracer in _tracers(init):
        # At its end strace lets go of the server, which goes on with what it was doing.
        if not processes.send(tracer, signal.SIGTERM, PATIENCE):
            raise StorageFaultFailed(f"strace of host {init.host} (process {tracer.pid}) does not end. See `dmesg`.")
    server = _server(init)
    if server is not None and _is_stopped(server):
        os.kill(server.pid, signal.SIGCONT)
    run(inside(init, ["rm", "-f", HOLD]))
    _wait(lambda: shown(init) == WELL, f"the storage of {init.host} does not come back")
    _wait(lambda: _is_mounted(init), f"the storage of {init.host} is not mounted")
    return was_ill


def shown(init: HostProcess) -> str:
    """The fault of a host as a word or two: "slow (500 ms)", "fail (reads)", …; WELL."""
    for tracer in _tracers(init):
        return _described(tracer.argv)
    server = _server(init)
    if server is None:
        return "lost"
    return "hang" if _is_stopped(server) else WELL


def _injections(fault: Fault) -> list[str]:
    """Options of strace."""
    if fault.kind == "slow":
        return _inject((*READS, *WRITES), f"delay_enter={fault.delay * 1000}")
    if fault.kind == "full":
        # struct statfs: type, block size, blocks, free, available, inodes, free inodes; of a file system without room.
        none_free = struct.pack("<7q", 0x65735546, 4096, 1 << 20, 0, 0, 1 << 20, 1 << 19).hex()
        return [
            *_inject(("pwrite64", "fallocate"), "error=ENOSPC"),
            *_inject(("statfs",), f"poke_exit=@arg2={none_free}"),
        ]
    calls = {"reads": READS, "writes": WRITES, "all": (*READS, *WRITES, *NAMES)}[fault.what]
    return _inject(calls, "error=EIO")


def _inject(calls: Sequence[str], how: str) -> list[str]:
    return ["-e", f"inject={','.join(calls)}:{how}"]


def _described(argv: Sequence[str]) -> str:
    """The inverse of _injections."""
    rule = next((word for word in argv if word.startswith("inject=")), "")
    calls, _, how = rule.removeprefix("inject=").partition(":")
    if how.startswith("delay_enter="):
        return f"slow ({int(how.removeprefix('delay_enter=')) // 1000} ms)"
    if how == "error=ENOSPC":
        return "full"
    what = "all" if NAMES[0] in calls else "reads" if READS[0] in calls else "writes"
    return f"fail ({what})"


def _trace(lab: LabPaths, init: HostProcess, server: Process, injections: list[str]) -> None:
    strace = shutil.which("strace")
    if strace is None:
        raise MachineUnfit("A fault of the storage needs strace. Install it: apt-get install -y strace")
    log = lab.host(init.host).root / "storage-fault.log"
    number = processes.status(server.pid, "NSpid")[-1]
    calls = sorted({call for word in injections[1::2] for call in word.partition("=")[2].partition(":")[0].split(",")})
    # setsid --fork: it shall hang on the host's process 1, and end with the host, not on us.
    argv = [strace, "-f", "-qq", "-o", "/dev/null", "-e", f"trace={','.join(calls)}", *injections, "-p", number]
    with log.open("wb") as said:
        command = inside(init, ["setsid", "--fork", *argv])
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=said, stderr=said, check=True)
    try:
        _wait(lambda: _is_traced(server), "")
    except StorageFaultFailed as error:
        raise StorageFaultFailed(
            f"strace could not take hold of the storage of {init.host}: {log.read_text(errors='replace').strip()} "
            "In a container, tracing may be forbidden (CAP_SYS_PTRACE)."
        ) from error


def _server(init: HostProcess) -> Process | None:
    return next((each for each in _inmates(init, "bindfs") if each.argv[-1] == str(SHARED_IN_HOST)), None)


def _tracers(init: HostProcess) -> list[Process]:
    return [each for each in _inmates(init, "strace") if any(word.startswith("inject=") for word in each.argv)]


def _inmates(init: HostProcess, program: str) -> list[Process]:
    """Processes of the host that run this program."""
    return [
        each
        for each in processes.every_process()
        if each.pid_namespace == init.namespaces[0] and os.path.basename(each.argv[0]) == program
    ]


def _is_traced(server: Process) -> bool:
    """All threads: those that come later are followed."""
    threads = [int(entry.name) for entry in os.scandir(f"/proc/{server.pid}/task")]
    return all(processes.status(thread, "TracerPid") != ["0"] for thread in threads)


def _is_stopped(server: Process) -> bool:
    try:
        return processes.status(server.pid, "State")[0] == "T"
    except (OSError, ValueError):
        return False


def _is_mounted(init: HostProcess) -> bool:
    return subprocess.run(inside(init, ["mountpoint", "-q", str(SHARED_IN_HOST)]), check=False).returncode == 0


def _wait(condition: Callable[[], bool], otherwise: str) -> None:
    give_up = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > give_up:
            raise StorageFaultFailed(f"After {PATIENCE:.0f} s {otherwise}.")
        time.sleep(0.05)
