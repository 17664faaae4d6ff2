"""The monitor of one live migration: a thread that looks at its job from another connection, and steers it.

It tells the progress, raises the downtime that the guest may stand still step by step (the ladder), takes the last
resort when the ladder is over, and aborts a migration that makes no progress. In: the request and how to open a
connection. Out: why it was aborted, and whether any memory went over, for the error. `Ladder` alone decides, without
a clock or host.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import libvirt

from drivers.errors import DriverError
from drivers.libvirt.connect import Connections
from drivers.libvirt.migration.sides import migrating_out
from drivers.moving import Migration, Progress
from specs.structs import Struct, field

FIRST_LOOKS, OFTEN, RARELY = 10, 0.1, 0.5  # seconds between looks at a copy: a small guest is through within one
STALLED = 240  # seconds without a new low of what remains; oVirt's figure
STALLED_WHY = "the guest changes its memory faster than it is copied, or the way between the hosts is blocked,"
BEGINNING = 600  # seconds that may pass before anything goes over: the target may have much memory to prepare
SILENT_WHY = "nothing was copied, as if the target did not answer,"
LAST_RUNG_PASSES = 2
"""Passes over the memory that the last rung gets before the last resort."""


class Act(Struct, frozen=True):
    """What to do: "downtime" (with ms), "postcopy" or "abort" (with the reason)."""

    what: str
    downtime: int = 0
    why: str = ""


class Ladder(Struct):
    """Decides from one look to the next. `now` is any clock in seconds."""

    request: Migration
    rung: int = -1
    entered: int = 0
    stage: int = -1  # 0: nothing goes over yet, 1: disks, 2: memory
    lowest: int = 0
    since: float = 0.0
    last: bool = False

    def step(self, progress: Progress, now: float) -> Act | None:
        """The one thing to do at this moment, or None."""
        if self.in_postcopy:
            return None  # there is no way back, and no downtime to set
        if self._stalled(progress, now):
            return Act("abort", why=f"{STALLED_WHY if self.stage else SILENT_WHY} for {self.limit} s")
        rungs = self.request.ladder
        due = max((at for at, (beyond, _) in enumerate(rungs) if progress.iteration > beyond), default=-1)
        if due > self.rung:
            self.rung, self.entered = due, progress.iteration
            return Act("downtime", rungs[due][1])
        over = rungs and self.rung == len(rungs) - 1 and progress.iteration >= self.entered + LAST_RUNG_PASSES
        return self._last_resort() if over and not self.last else None

    @property
    def in_postcopy(self) -> bool:
        """From the moment at which it was asked for."""
        return self.last and self.request.last_resort == "postcopy"

    def _last_resort(self) -> Act | None:
        self.last = True
        if self.request.last_resort == "suspend":
            return Act("downtime", self.request.last_downtime)
        if self.request.last_resort == "postcopy":
            return Act("postcopy")
        return Act("abort", why="the guest changes its memory faster than it can be copied, at every allowed downtime")

    @property
    def limit(self) -> int:
        """Seconds that may pass without progress."""
        limit = self.request.timeout or STALLED
        return max(limit, BEGINNING) if self.stage == 0 else limit

    def _stalled(self, progress: Progress, now: float) -> bool:
        """Whether what remains has had no new low for too long. Disks come first, then memory: more to do again."""
        stage = (1 if progress.iteration == 0 else 2) if progress.total else 0
        if stage != self.stage or (stage and progress.remaining < self.lowest):
            self.stage, self.lowest, self.since = stage, progress.remaining, now
        return now - self.since >= self.limit


class Monitor(Struct):
    """Runs beside the call that migrates: `with monitor: …`. `aborted` is why it ended the migration, or ""."""

    connections: Connections
    request: Migration
    told: Callable[[Progress], None]
    aborted: str = ""
    began: bool = False
    _over: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Monitor:
        self._thread = threading.Thread(target=self._run, name=f"migration-{self.request.uuid}", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout=5.0)  # one that hangs in a call is left behind, as any call is

    def _run(self) -> None:
        """A monitor that cannot look (a lost connection) leaves the migration alone: libvirt knows what to do."""
        with contextlib.suppress(DriverError, libvirt.libvirtError):
            self._watch()

    def _watch(self) -> None:
        operation = f"watch the migration of vm/{self.request.uuid}"
        ladder, looks = Ladder(self.request), 0
        with self.connections.changes() as conn:
            domain = self.connections.call(operation, conn.lookupByUUIDString, self.request.uuid)
            while not self._over.wait(OFTEN if looks < FIRST_LOOKS else RARELY):
                stats = self.connections.call(operation, domain.jobStats, 0)
                if not migrating_out(stats):
                    continue  # the hosts still shake hands
                looks += 1
                progress = progress_of(stats, phase="post-copy" if ladder.in_postcopy else "")
                self.began = self.began or progress.total > 0
                with contextlib.suppress(Exception):  # whoever listens must not stop the one who steers
                    self.told(progress)
                act = ladder.step(progress, time.monotonic())
                if act is not None and not self._do(operation, domain, act):
                    ladder.last = False

    def _do(self, operation: str, domain: Any, act: Act) -> bool:
        """False if it was refused: the migration is at another point by now, and the next look tells."""
        call = self.connections.call
        try:
            if act.what == "downtime":
                call(operation, domain.migrateSetMaxDowntime, act.downtime, 0)
            elif act.what == "postcopy":
                call(operation, domain.migrateStartPostCopy, 0)
            else:
                self.aborted = act.why
                call(operation, domain.abortJob)
        except DriverError:
            return False
        return True


def progress_of(stats: Mapping[str, Any], *, phase: str = "") -> Progress:
    """The job's figures; what libvirt does not tell yet is 0. `phase` is what the caller knows of it better."""
    return Progress(
        elapsed_ms=int(stats.get("time_elapsed", 0)),
        total=int(stats.get("data_total", 0)),
        processed=int(stats.get("data_processed", 0)),
        remaining=int(stats.get("data_remaining", 0)),
        iteration=int(stats.get("memory_iteration", 0)),
        downtime_ms=int(stats.get("downtime", 0)),
        phase=phase or _phase(stats),
    )


def _phase(stats: Mapping[str, Any]) -> str:
    if stats.get("memory_postcopy_requests"):
        return "post-copy"
    return "copying" if stats.get("data_total") else "starting"
