"""Start, find and stop the process with the BMCs.

It is known by its command line (MARK, the state directory) and, from then on, by process id and start time.
Called by lab.py.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from ipaddress import IPv4Address

from drivers.lab import processes
from drivers.lab.bmc import access
from drivers.lab.credentials import pki
from drivers.lab.errors import BmcFailed
from drivers.lab.paths import LabPaths

MARK = "gitvirt-lab-bmc"
MODULE = "drivers.lab.bmc.server"


def ensure(lab: LabPaths, gateway: IPv4Address, hosts: Sequence[str]) -> bool:
    """Have BMCs for exactly these hosts; True if something was to do. Raises BmcFailed."""
    wanted = ",".join(hosts)
    running = find(lab)
    if [process.argv[-1] for process in running] == [wanted]:
        return False
    stop(lab)
    pki.ensure_bmc(lab.authority, lab.bmc, gateway)
    access.password(lab)
    log = lab.bmc / "bmc.log"
    with log.open("ab") as errors:
        # -P: never a module that lies in the folder where the user happens to be.
        argv = [sys.executable, "-P", "-m", MODULE, MARK, str(lab.state), wanted]
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, timeout=60, check=False
        )
    if not done.stdout.strip():
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()[-1:] or ["it said nothing"]
        raise BmcFailed(f"The BMCs of the lab do not listen on {gateway}: {said[0]} See {log}.")
    return True


def find(lab: LabPaths) -> list[processes.Process]:
    """The BMCs of this lab: one process, after a crash perhaps none or more."""
    own = processes.own_pid_namespace()
    return [
        process
        for process in processes.every_process()
        if process.argv[4:6] == (MARK, str(lab.state)) and process.argv[3] == MODULE and process.pid_namespace == own
    ]


def stop(lab: LabPaths) -> bool:
    """True if there was any. Raises BmcFailed."""
    found = find(lab)
    for process in found:
        if not processes.kill(process):
            raise BmcFailed(f"Process {process.pid}, the BMCs of the lab, does not die. See /proc/{process.pid}/stack.")
    return bool(found)
