"""Live migration, simulated phase by phase, as libvirt goes through it: what is on which host at each moment.

    preparing   the target has a shell: paused, transient, without images
    copying     memory (and disks) go over while the guest runs on the source
    switching   paused on both sides; the whole memory is on both
    finishing   runs on the target, defined there; the source has a definition without process, then nothing

`protocols/migrations.py` leads a Journey for a caller. Once that caller is dead, libvirt goes on by itself if it was
peer-to-peer (`World.settle` lets it), and gives up if it was led through our connections.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from drivers.errors import Busy, Conflict, DriverError, NoSpace, Refused, Unreachable
from drivers.memory.model.domain import Domain
from drivers.memory.model.hardware import Device
from drivers.memory.model.places import HostState
from drivers.memory.model.said import Said
from drivers.memory.running import chain, halt, plug
from drivers.moving import UNFINISHED, Migration, Progress
from drivers.seen import Power
from specs.structs import Struct, field, replace

if TYPE_CHECKING:
    from drivers.memory.world import World

PHASES = ("preparing", "copying", "switching", "finishing")
INCOMING = "migration"
"""The reason of a domain that is paused because it is on its way: on both sides."""
_PAGES = 1 << 20


class Journey(Struct, eq=False, kw_only=True):
    """One migration under way. `due` is when libvirt would be through with it, if nobody attends it any more."""

    world: World
    source: HostState
    target: HostState
    domain: Domain
    request: Migration
    shell: Domain
    before: Power
    phase: str = ""
    progress: Progress = field(default_factory=Progress)
    cancelled: bool = False
    attended: bool = True
    due: float = 0.0
    made: list[tuple[str, str]] = field(default_factory=list)

    def advance(self, phase: str, told: Callable[[Progress], None]) -> None:
        """Goes into the phase."""
        self.phase = phase
        if phase == "preparing":
            self._prepare()
        elif phase == "copying":
            self._converge(told)
        elif phase == "switching":
            self._freeze()
        else:
            self._finish()

    def check(self) -> None:
        """After something happened: raises when the migration cannot go on, with the source as libvirt leaves it."""
        if not self.source.powered:
            self.call_off()
            raise Said(Unreachable, "the host went away")
        if self.phase == "finishing":
            return
        if self.cancelled:
            self.call_off()
            raise Said(Busy, "migration was aborted: it was cancelled")
        if not self.target.powered or not self.world.linked(self.source.name, self.target.name):
            self.call_off()
            raise Said(DriverError, f"{self.target.name} was lost in mid-migration; the VM runs on")

    def desert(self) -> None:
        """Nobody leads it any more, and nobody tidies its copies up: gitvirt died, or its line to the source did."""
        self.made.clear()
        if self.request.target_uri:
            self.attended = False
            self.due = self.world.clock() + self.domain.guest.migration_seconds
        elif self.phase in ("preparing", "copying"):
            self.call_off()
        else:
            self.world.journeys.pop(self.domain.uuid, None)  # left as it is: `settle` has to find out

    def carry_on(self) -> None:
        """libvirt's own part of a peer-to-peer migration that lost its client."""
        try:
            self.check()
            for phase in PHASES[PHASES.index(self.phase) + 1 :]:
                self.advance(phase, _nobody)
                self.check()
            self.close(_nobody)
        except Said:
            self.call_off()

    def close(self, told: Callable[[Progress], None]) -> None:
        """The source forgets it; the copies are complete."""
        self._remove(each for each in self.made if each[1].endswith(UNFINISHED))
        self.world.journeys.pop(self.domain.uuid, None)
        self.source.domains.pop(self.domain.uuid, None)
        self.world.wake(self.source, f"vm/{self.domain.name}")
        self.world.wake(self.target, f"vm/{self.domain.name}")
        told(replace(self.progress, processed=self.progress.total, remaining=0, phase="done"))

    def call_off(self) -> None:
        """The shell goes, what was made for it goes, the guest runs on at the source."""
        self.world.journeys.pop(self.domain.uuid, None)
        remove_shell(self.world, self.target, self.domain.uuid)
        self._remove(self.made)
        if self.domain.live is not None and self.domain.reason == INCOMING:
            self.domain.power, self.domain.reason = self.before, "unpaused"
        self.world.wake(self.source, f"vm/{self.domain.name}")

    def _remove(self, files: Iterable[tuple[str, str]]) -> None:
        for folder, name in files:
            directory = self.target.directory(folder)
            if directory and directory.files.pop(name, None):
                directory.changed(name)

    def _prepare(self) -> None:
        assert self.domain.live is not None
        for device in self.domain.live.devices:
            if device.kind == "nics":
                plug(self.world, self.target, self.domain, device, only_check=True)
            elif device.writable and device.target in self.request.copy:
                self._precreate(device.source)
            elif device.source:
                self._is_shared(device)
        self.target.domains[self.shell.uuid] = self.shell
        self.world.wake(self.target, f"vm/{self.domain.name}")

    def _is_shared(self, device: Device) -> None:
        """libvirt asks it of what the guest writes to; all else has to be there."""
        folder, _ = posixpath.split(device.source)
        if device.writable and self.source.directory(folder) is not self.target.directory(folder):
            raise Said(Refused, f"Unsafe migration: Migration without shared storage is unsafe ({device.source})")
        chain(self.target, device.source)

    def _precreate(self, path: str) -> None:
        folder, name = posixpath.split(path)
        directory, image = self.target.directory(folder), self.source.file(path)
        served = any(pool.active and pool.path == folder for pool in self.target.pools.values())
        if directory is None or image is None or not served:
            raise Said(Refused, f"no storage pool of {self.target.name} has the folder of {path}")
        if name in directory.files and (name + UNFINISHED not in directory.files or _uses(self.target, path)):
            raise Said(Conflict, f"{path} exists there already, and may be somebody's data")
        if self.request.incremental:
            self._is_there(image.backing)
        if image.allocation > directory.available:
            raise Said(NoSpace, f"cannot write {image.allocation} bytes to '{folder}': No space left on device")
        made = self.world.new_file(name, image.capacity, image.format)
        made.content, made.allocation = image.content, image.allocation
        made.backing = image.backing if self.request.incremental else ""
        directory.add(made)
        directory.add(self.world.new_file(name + UNFINISHED))
        self.made += [(folder, name), (folder, name + UNFINISHED)]
        for pool in self.target.pools.values():
            if pool.path == folder:
                pool.known = directory.listing()  # made through it, so it knows them

    def _is_there(self, backing: str) -> None:
        own, there = self.source.file(backing), self.target.file(backing)
        if own is None or there is None or (own.capacity, own.format) != (there.capacity, there.format):
            raise Said(Refused, f"{backing or 'nothing'}, which the disk is an overlay of, is not the same there")

    def _converge(self, told: Callable[[Progress], None]) -> None:
        needs = self.domain.guest.needs_downtime
        rungs = self.request.ladder or ((0, 300),)
        if self.request.last_resort == "suspend":
            rungs = (*rungs, (rungs[-1][0] + 2, self.request.last_downtime))
        for iteration, downtime in rungs:
            self._tell(told, "copying", iteration + 1, downtime)
            if self.cancelled or 0 <= needs <= downtime:
                return
        if self.request.last_resort != "postcopy":
            self.call_off()
            raise Said(Busy, "migration was aborted: the guest changes its memory faster than it can be copied")
        self._tell(told, "post-copy", rungs[-1][0] + 2, rungs[-1][1])

    def _tell(self, told: Callable[[Progress], None], phase: str, iteration: int, downtime: int) -> None:
        assert self.domain.live is not None
        total = int(str(self.domain.live.scalars["memory"]))
        left = total // (iteration + 1) // _PAGES * _PAGES
        self.progress = Progress(
            total=total,
            processed=total - left,
            remaining=left,
            iteration=iteration,
            downtime_ms=downtime,
            phase=phase,
        )
        told(self.progress)

    def _freeze(self) -> None:
        self.domain.power, self.domain.reason = Power.PAUSED, INCOMING
        self.world.wake(self.source, f"vm/{self.domain.name}")

    def _finish(self) -> None:
        """The target's QEMU opens the images as the source's lets go of them, then runs; the source's ends."""
        halt(self.world, self.source, self.domain, "migrated")
        wake_up(self.world, self.target, self.shell, self.before, "migrated")
        self.shell.persistent, self.shell.autostart = True, self.domain.autostart


def _uses(host: HostState, path: str) -> bool:
    """Whether a VM of the host has that file, now or from its next start on."""
    machines = [each for domain in host.domains.values() for each in (domain.config, domain.live) if each is not None]
    return any(device.source == path for each in machines for device in each.devices)


def wake_up(world: World, host: HostState, shell: Domain, power: Power, reason: str) -> None:
    """The shell's QEMU has its images and is the VM."""
    devices = shell.live.devices if shell.live else []
    for device in devices:
        plug(world, host, shell, device, only_check=True)
    where = world.running.setdefault(shell.uuid, [])
    if where:
        world.note_double(f"uuid {shell.uuid}", (*where, host.name))
    where.append(host.name)
    for device in devices:
        plug(world, host, shell, device)
    shell.power, shell.reason = power, reason


def remove_shell(world: World, host: HostState, uuid: str) -> bool:
    """Ends an incoming migration's QEMU that never ran; True if there was one."""
    shell = host.domains.get(uuid)
    if shell is None or shell.migrating != "in":
        return False
    del host.domains[uuid]
    world.wake(host, f"vm/{shell.name}")
    return True


def _nobody(progress: Progress) -> None:
    """Nobody listens."""
