"""Watches every host of a lab for a VM that runs on two of them: a process of its own, which knows nothing of gitvirt.

    python -m tests.live.watch_doubles STATE

Asks each host's libvirtd through its unix socket, so it sees hosts whose network is cut. Prints `ready` when it looked
for the first time and from then on one line of JSON for each double: uuid, the two hosts. Goes on until it is ended.

A double is a uuid whose CPUs run on host A, then on B, then still on A: whatever A said in between, both ran at the
moment when B was asked. libvirt's incoming shell of a migration is paused, and thus none.
"""

from __future__ import annotations

import contextlib
import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import libvirt

MARK = b"gitvirt-lab-host"
PAUSE = 0.03
ACTIVE = libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE


def inits(state: str) -> Iterator[tuple[str, int]]:
    """(host, pid of its process 1) of all hosts that are on."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, IndexError):
            words = (folder / "cmdline").read_bytes().split(b"\0")
            if MARK in words and words[-3] == state.encode():
                ids = next(line for line in (folder / "status").read_text().splitlines() if line.startswith("NSpid"))
                if len(ids.split()) > 2 and ids.split()[-1] == "1":
                    yield words[-2].decode(), int(folder.name)


class Watch:
    """Connections to all hosts, opened again when they break."""

    def __init__(self, state: str) -> None:
        self.state = state
        self.connections: dict[str, libvirt.virConnect] = {}
        self.told: set[tuple[str, ...]] = set()
        self.due = 0.0

    def open(self) -> None:
        """A host that was off, or whose libvirtd ended, is looked for now and then."""
        if time.monotonic() < self.due:
            return
        self.due = time.monotonic() + 0.5
        for host, pid in inits(self.state):
            if host not in self.connections:
                socket = f"/proc/{pid}/root/run/libvirt/libvirt-sock"
                with contextlib.suppress(libvirt.libvirtError):
                    self.connections[host] = libvirt.open(f"qemu+unix:///system?socket={socket}")

    def running(self, host: str) -> dict[str, int]:
        """uuid → libvirt's id of this run, of those whose CPUs run on that host."""
        connection = self.connections.get(host)
        if connection is None:
            return {}
        try:
            found = connection.listAllDomains(ACTIVE)
        except libvirt.libvirtError:
            self.connections.pop(host)  # its libvirtd is gone; what runs there is seen when it is back
            return {}
        return dict(state for each in found for state in running(each))

    def look(self) -> None:
        """Every host in turn, and once more those that came before a second one that has the same."""
        before: dict[str, dict[str, int]] = {}
        for host in sorted(self.connections):
            now = self.running(host)
            for other, had in before.items():
                common = had.keys() & now.keys()
                if common:
                    self.confirm(other, {uuid: had[uuid] for uuid in common}, host)
            before[host] = now

    def confirm(self, other: str, had: dict[str, int], host: str) -> None:
        again = self.running(other)
        for uuid, number in had.items():
            found = (uuid, other, host)
            if again.get(uuid) == number and found not in self.told:
                self.told.add(found)
                print(json.dumps(found), flush=True)


def running(domain: libvirt.virDomain) -> Iterator[tuple[str, int]]:
    with contextlib.suppress(libvirt.libvirtError):  # gone in this moment
        if domain.state()[0] == libvirt.VIR_DOMAIN_RUNNING:
            yield domain.UUIDString(), domain.ID()


def main(state: str) -> None:
    libvirt.registerErrorHandler(lambda context, error: None, None)
    watch = Watch(state)
    watch.open()
    watch.look()
    print("ready", flush=True)
    while True:
        time.sleep(PAUSE)
        watch.open()
        watch.look()


if __name__ == "__main__":
    main(sys.argv[1])
