"""The program behind one lab host: keeper outside, process 1 inside. Standard library only; never imported.

    python -I -S init.py gitvirt-lab-host STATE HOST

Goes out first: one line of JSON on standard output, the pids of keeper and init. Comes in then, when the cable is
plugged: one line of JSON on standard input, the boot order of host/boot.py.

The *keeper* makes the namespaces and lives as long as *init*; neither outlives the other. init builds the host's view
of the file system, starts the services of the boot order, starts those again that end (as systemd would), and reaps
whatever is orphaned to it: QEMU leaves libvirtd and would stay a zombie. A file /run/gitvirt-lab/hold/SERVICE keeps
a service that ended from being started again.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWPID, CLONE_NEWNET = (
    0x00020000,
    0x04000000,
    0x08000000,
    0x20000000,
    0x40000000,
)
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 2, 4, 8, 4096, 16384, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG = 1

RUN = Path("/run/gitvirt-lab")
RESTART_DELAY = 1.0
READY_PATIENCE = 10.0
CLEAN_ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
}

_libc = ctypes.CDLL(None, use_errno=True)


def _check(result: int, what: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def _mount(kind: str, target: str, flags: int = 0, options: str = "", source: str = "none") -> None:
    done = _libc.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode())
    _check(done, f"mount {kind or 'bind'} {source} on {target}")


def keep(state: str, host: str) -> None:
    """Enter new namespaces, fork init, tell the pids, live until init has ended."""
    if os.fork():
        os._exit(0)  # whoever started us shall have no child to wait for
    os.setsid()
    os.chdir("/")
    os.umask(0o022)
    spaces = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET
    _check(_libc.unshare(spaces), "unshare")
    init = os.fork()
    if init == 0:
        be_init()
    sys.stdout.write(json.dumps({"keeper": os.getpid(), "init": init}) + "\n")
    sys.stdout.flush()
    null = os.open(os.devnull, os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.waitpid(init, 0)


def be_init() -> None:
    """Process 1 of the host: boot when told to, then watch over the services for ever."""
    try:
        _check(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL), "prctl")
        line = sys.stdin.readline()
        if not line:
            os._exit(1)  # the starter died before the cable was plugged
        order = json.loads(line)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(2, 1)
        _mount("", "/", MS_REC | MS_PRIVATE)
        take_system(order.get("system"))
        build_file_system(order)
        bring_up_network(order)
        watch([Service(entry) for entry in order["services"]])
    except BaseException as error:
        print(f"init: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
    os._exit(1)


def take_system(folder: str | None) -> None:
    """Another Debian's /usr and /etc over the machine's; /bin and /lib lead into /usr. We have all our modules."""
    for name in ("usr", "etc") if folder else ():
        _mount("", f"/{name}", MS_BIND, source=f"{folder}/{name}")


def build_file_system(order: dict[str, Any]) -> None:
    """The machine's own file system, with everything private that makes a host a host of its own."""
    _mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    # A sysfs of the new network namespace; the machine's cgroups go out of sight with the old one.
    _check(_libc.umount2(b"/sys", MNT_DETACH), "umount /sys")
    _mount("sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    _mount("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755")
    for folder in (RUN / "hold", Path("/run/libvirt"), Path("/run/lock"), Path("/run/sshd")):
        folder.mkdir(mode=0o755, parents=True)
    mount_private_folders(order["binds"])
    for name, text in order["files"].items():
        Path(name).unlink(missing_ok=True)
        Path(name).write_text(text, encoding="utf-8")
    name = order["name"].encode()
    _check(_libc.sethostname(name, len(name)), "sethostname")


def mount_private_folders(binds: list[list[str]]) -> None:
    """Put the host's own folders over the machine's, without making a mount point on the machine.

    The machine need not have /etc/pki or /var/lib/libvirt: what is missing is made in an upper layer over the parent
    folder, which is memory and goes with the host. The sources may lie below such a parent, so they are held first.
    """
    held = [(RUN / "held" / str(number), target) for number, (_, target) in enumerate(binds)]
    for (place, _), (source, _) in zip(held, binds, strict=True):
        place.mkdir(parents=True)
        _mount("", str(place), MS_BIND, source=source)
    for number, parent in enumerate(sorted({str(Path(target).parent) for _, target in binds} - {str(RUN)})):
        upper, work = RUN / "layers" / f"{number}-upper", RUN / "layers" / f"{number}-work"
        upper.mkdir(parents=True)
        work.mkdir()
        _mount("overlay", parent, 0, f"lowerdir={parent},upperdir={upper},workdir={work}")
    for place, target in held:
        Path(target).mkdir(parents=True, exist_ok=True)
        _mount("", target, MS_BIND, source=str(place))
        _check(_libc.umount2(bytes(place), MNT_DETACH), f"umount {place}")


def bring_up_network(order: dict[str, Any]) -> None:
    commands = [
        "link set lo up",
        f"addr add {order['address']} dev eth0",
        "link set eth0 up",
        f"route add default via {order['gateway']}",
    ]
    subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(commands) + "\n", text=True, check=True, env=CLEAN_ENVIRONMENT
    )


class Service:
    """One long-running program. `mountpoint`, `socket`: what has to be there before the next one starts."""

    def __init__(self, entry: dict[str, Any]) -> None:
        self.name: str = entry["name"]
        self.argv: list[str] = entry["argv"]
        self.mountpoint: str | None = entry.get("mountpoint")
        self.socket: str | None = entry.get("socket")
        self.pid = 0
        self.due = 0.0

    def start(self) -> None:
        if self.mountpoint:
            _libc.umount2(self.mountpoint.encode(), MNT_DETACH)  # what a killed FUSE server leaves
            Path(self.mountpoint).mkdir(parents=True, exist_ok=True)
        # Not kept as a Popen: all waiting is done by reap(), for our own children and for orphans alike.
        self.pid = os.posix_spawn(self.argv[0], self.argv, CLEAN_ENVIRONMENT, setsid=True, setsigdef=[signal.SIGPIPE])
        give_up = time.monotonic() + READY_PATIENCE
        while not self.ready() and time.monotonic() < give_up:
            time.sleep(0.01)

    def ready(self) -> bool:
        mounted = self.mountpoint is None or os.path.ismount(self.mountpoint)
        return mounted and (self.socket is None or Path(self.socket).exists())

    def held(self) -> bool:
        return (RUN / "hold" / self.name).exists()


def watch(services: list[Service]) -> None:
    """Start the services in order, reap for ever, start again what ended."""
    read_end, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for service in services:
        service.start()
    while True:
        select.select([read_end], [], [], RESTART_DELAY)
        with contextlib.suppress(BlockingIOError):
            os.read(read_end, 4096)
        reap(services)
        for service in services:
            if service.pid == 0 and time.monotonic() >= service.due and not service.held():
                service.start()


def reap(services: list[Service]) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for service in services:
            if service.pid == pid:
                code = os.waitstatus_to_exitcode(status)
                print(f"init: {service.name} ended with {code}", file=sys.stderr, flush=True)
                service.pid, service.due = 0, time.monotonic() + RESTART_DELAY


if __name__ == "__main__":
    keep(*sys.argv[-2:])
