"""The record of the lab: what was asked for and must stay the same between runs. Never what runs right now.

Comes in and goes out: `<state>/lab.json`. Written before the first thing is made, so that a crash leaves a record;
written whole or not at all. Called by lab.py.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from drivers.lab.errors import LabConflict, MachineUnfit, StateDamaged
from drivers.lab.paths import LabPaths, host_index
from specs.structs import Struct, field

FORMAT = 1
PATIENCE = 60
"""Seconds to wait for another process that is changing the lab."""


class LabRecord(Struct, frozen=True):
    """What one lab is. `hosts` maps a host's name to its libvirt host UUID, `systems` to a Debian release if it has
    another than the machine."""

    subnet: IPv4Network
    settings_file: Path
    hosts: dict[str, str] = field(default_factory=dict)
    systems: dict[str, str] = field(default_factory=dict)

    @property
    def gateway(self) -> IPv4Address:
        """The machine's own address on the lab's bridge: the last one of the subnet."""
        return self.subnet.broadcast_address - 1

    def address(self, host: str) -> IPv4Address:
        index = host_index(host)
        assert index is not None, host
        return self.subnet.network_address + index


def load(paths: LabPaths) -> LabRecord | None:
    """The record, or None when there is no lab. Raises StateDamaged."""
    try:
        text = paths.record.read_text(encoding="utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise MachineUnfit(f"The lab in {paths.state} belongs to root. Run the command again with sudo.") from error
    try:
        data = json.loads(text)
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}, this gitvirt writes {FORMAT}")
        hosts = {str(name): str(uuid) for name, uuid in data["hosts"].items() if host_index(name)}
        systems = {str(name): str(release) for name, release in data.get("systems", {}).items() if name in hosts}
        return LabRecord(IPv4Network(data["subnet"]), Path(data["settings_file"]), hosts, systems)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise StateDamaged(
            f"The lab's record {paths.record} cannot be understood ({type(error).__name__}: {error}). "
            "Run `gitvirt lab down`, which finds what is left without it, and then `gitvirt lab up`."
        ) from error


def save(paths: LabPaths, record: LabRecord) -> None:
    data = {
        "format": FORMAT,
        "subnet": str(record.subnet),
        "settings_file": str(record.settings_file),
        "hosts": record.hosts,
        "systems": record.systems,
    }
    write_private(paths.record, json.dumps(data, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Put `text` at `path`, 0600, whole or not at all even when the machine loses power."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)


@contextmanager
def changing(paths: LabPaths) -> Iterator[None]:
    """Only one at a time changes a lab. Makes the state directory; raises LabConflict after PATIENCE seconds."""
    give_up = time.monotonic() + PATIENCE
    while True:
        paths.state.mkdir(mode=0o700, parents=True, exist_ok=True)
        with paths.lock.open("w") as lock:
            # `down` removes the directory with the lock in it: a lock on a file that is gone guards nothing.
            if _try_lock(lock.fileno()) and _is_same_file(paths.lock, lock.fileno()):
                yield
                return
        if time.monotonic() > give_up:
            raise LabConflict(
                f"Another gitvirt has been changing the lab in {paths.state} for {PATIENCE} s. "
                f"See who holds {paths.lock} (`fuser {paths.lock}`), and try again when it has ended."
            )
        time.sleep(0.05)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _is_same_file(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
