"""What the machine itself shows: QEMU processes, what a shell inside a host says; and patience to wait for it."""

from __future__ import annotations

import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from drivers.lab import processes
from drivers.lab.lab import Lab
from drivers.lab.paths import LabPaths
from drivers.seen import Power
from reconciler.diff.change import HeldReason
from reconciler.plan.plan import Plan
from tests.live.site import LiveSite


def wait_until(condition: Callable[[], bool], patience: float = 240, what: object = "it") -> None:
    """Looks again and again; the machine may be slow, so only `patience` seconds without success fail."""
    give_up = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < give_up, f"{what() if callable(what) else what} did not happen"
        time.sleep(0.2)


def qemus() -> dict[str, list[int]]:
    """VM's uuid → its QEMU processes, whichever host of the lab they are on. Another lab may be beside it."""
    found: dict[str, list[int]] = {}
    hosts = processes.host_processes(LabPaths.from_environment().state)
    spaces = {each.namespaces[0] for each in hosts if each.is_init}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            words = (folder / "cmdline").read_bytes().split(b"\0")
            ours = b"-uuid" in words and (folder / "ns" / "pid").stat().st_ino in spaces
        except OSError:
            continue
        if ours:
            found.setdefault(words[words.index(b"-uuid") + 1].decode(), []).append(int(folder.name))
    return found


def qemu(uuid: str) -> list[int]:
    """The QEMU processes of one VM."""
    return qemus().get(uuid, [])


def assert_nothing_runs_twice() -> None:
    assert all(len(each) == 1 for each in qemus().values())


def assert_each_runs_once(site: LiveSite, *names: str) -> None:
    for name in names:
        _, vm = site.vm(name)
        assert vm.power is Power.RUNNING, name
        assert len(qemu(vm.uuid)) == 1, name


def inside(lab: Lab, host: str, script: str) -> str:
    """What a shell in a host says."""
    argv = lab.inside(host, ["sh", "-c", script])
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, (script, done.stdout, done.stderr)
    return done.stdout.strip()


def power_states(lab: Lab) -> list[str]:
    return [host.power for host in lab.hosts()]


def wait_for_power(lab: Lab, *states: str) -> None:
    """That of the first hosts; one that is on may be too busy to answer at once."""
    wait_until(lambda: power_states(lab)[: len(states)] == list(states), what=lambda: f"{states}: {power_states(lab)}")


def end_libvirtd(lab: Lab, host: str, signal: str = "TERM") -> None:
    """Sends the host's libvirtd a signal; it is gone when this returns, and may be back already."""
    gone = "while kill -0 $it 2>/dev/null; do sleep 0.05; done"
    inside(lab, host, f"it=$(cat /run/libvirtd.pid) && kill -{signal} $it && {gone}")


def wait_until_seen(site: LiveSite) -> None:
    """Until every declared host can be read."""
    wait_until(lambda: site.look().context.observed.complete, what="seeing all hosts")


def held(plan: Plan) -> dict[str, HeldReason]:
    """Ref → why its change is held."""
    return {str(each.ref): each.held.reason for each in plan.changes if each.held}


class Doubles:
    """What tests/live/watch_doubles.py sees, which looks at every host all the time."""

    def __init__(self, lab: Lab) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.live.watch_doubles", str(lab.paths.state)],
            cwd=Path(__file__).parents[2], text=True, stdout=subprocess.PIPE,
        )  # fmt: skip
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "ready\n"

    def told(self) -> bool:
        """Has it seen anything?"""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def found(self) -> list[str]:
        """Ends the watch; everything that ran twice, as it was told."""
        assert self._process.poll() is None, "the watch of doubles has died"
        self._process.terminate()
        with self._process:
            assert self._process.stdout is not None
            return self._process.stdout.read().splitlines()


@contextmanager
def nothing_doubles(lab: Lab) -> Iterator[None]:
    """While the body runs, no VM runs on two hosts, not for a moment."""
    watch = Doubles(lab)
    try:
        yield
    finally:
        found = watch.found()
    assert not found
