"""Walks a plan's steps: whatever is ready runs, in parallel, within a limit per host; what fails stops its dependents.

In: a plan and the hosts. Out: a Run. Called by reconciler/cycle.py. Nothing is retried here: the next pass observes
and plans again. When asked to stop, running steps end and no new one begins; so too when a step raises what is no
driver's error, or nobody can be told of one, which is then raised here.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

from drivers.base import Host
from drivers.errors import Conflict, DriverError, Missing, Unknown
from reconciler.apply.dispatch import Tools, execute
from reconciler.apply.outcome import GOOD, Outcome, Run, Status
from reconciler.plan.plan import MigrateVm, Plan, Step
from specs.structs import Struct, field, replace

Tell = Callable[[Step, "Outcome | None"], None]
"""Called when a step begins (None) and when it ends."""
Moved = Callable[[Step, str, int, int], None]
"""(step, what is under way in it, bytes done, bytes in all or 0): called often while long work goes on."""


class Limits(Struct, frozen=True, kw_only=True):
    """How many steps may run at once, on one host and altogether."""

    host: int = 8
    total: int = 64


class Walker(Struct, frozen=True, kw_only=True):
    """What a walk needs: the hosts by name, tools for steps, limits, who is told, and the request to stop."""

    hosts: Mapping[str, Host]
    tools: Tools
    limits: Limits = field(default_factory=Limits)
    tell: Tell = lambda step, outcome: None
    moved: Moved = lambda step, what, done, total: None
    stop: threading.Event = field(default_factory=threading.Event)


def walk(plan: Plan, walker: Walker) -> Run:
    """Runs every step of the plan that can run; returns when none is left or running."""
    return _Walk(plan, walker).run()


_ENDED = {
    Status.FAILED: "failed",
    Status.STALE: "found a change meanwhile",
    Status.UNKNOWN: "has an unknown outcome",
    Status.SKIPPED: "was skipped",
}


class _Walk:
    def __init__(self, plan: Plan, walker: Walker) -> None:
        self.plan, self.walker = plan, walker
        self.waiting = {each.id: each for each in plan.steps}
        self.running: Counter[str] = Counter()
        self.under_way = 0
        self.moving: Counter[tuple[str, str]] = Counter()
        self.outcomes: dict[str, Outcome] = {}
        self.ended: queue.SimpleQueue[tuple[Step, Outcome | BaseException]] = queue.SimpleQueue()

    def run(self) -> Run:
        try:
            error = self._all()
        except Exception as untold:  # whoever is told of steps cannot be told any more
            error = untold
        if error is not None:
            self._drain()
            raise error
        return Run(plan=self.plan, outcomes=self.outcomes, stopped=self.walker.stop.is_set())

    def _all(self) -> BaseException | None:
        """Returns when no step is left or running, or with what one raised that is no driver's error."""
        while self.waiting or self.under_way:
            self._begin()
            if not self.under_way:
                self._skip_rest()
                return None
            if (error := self._end_one()) is not None:
                return error
        return None

    def _end_one(self) -> BaseException | None:
        """Waits until a step ends; returns what it raised, if that is no driver's error."""
        step, ended = self.ended.get()
        self._count(step, -1)
        if isinstance(ended, BaseException):
            return ended
        self._note(ended)
        return None

    def _drain(self) -> None:
        """Lets running steps end and begins no more: whoever gets the error gives up the lock that keeps others off."""
        self.walker.stop.set()
        while self.under_way:
            with contextlib.suppress(Exception):
                self._end_one()

    def _begin(self) -> None:
        """Starts what is ready and fits the limits; skips what can never run."""
        for step in list(self.waiting.values()):
            if self._full(step.host):
                continue  # most of a long plan, each time that a step ends: asked first
            bad = self._hindered(step)
            if bad is not None:
                del self.waiting[step.id]
                self._note(Outcome(step=step, status=Status.SKIPPED, error=bad))
            elif self._ready(step):
                del self.waiting[step.id]
                self.walker.tell(step, None)
                threading.Thread(target=self._work, args=(step,), name=f"step {step.ref}", daemon=True).start()
                self._count(step, 1)  # once it runs: what is counted is waited for

    def _hindered(self, step: Step) -> str | None:
        if self.walker.stop.is_set():
            return "stopped before it began"
        for each in step.after:
            before = self.outcomes.get(each)
            if before is not None and before.status not in GOOD:
                return f"needs `{before.step.what}` of {before.step.ref}, which {_ENDED[before.status]}"
        return None

    def _full(self, host: str) -> bool:
        limits = self.walker.limits
        return self.running[host] >= limits.host or self.under_way >= limits.total

    def _ready(self, step: Step) -> bool:
        return all(each in self.outcomes for each in step.after) and self._may_move(step)

    def _may_move(self, step: Step) -> bool:
        """Whether one more migration may leave its host, and one more come to its target."""
        if not isinstance(step.call, MigrateVm):
            return True
        return all(self.moving[end] < step.call.concurrent for end in _ends(step, step.call))

    def _count(self, step: Step, change: int) -> None:
        self.running[step.host] += change
        self.under_way += change
        if isinstance(step.call, MigrateVm):
            for end in _ends(step, step.call):
                self.moving[end] += change

    def _skip_rest(self) -> None:
        for step in self.waiting.values():
            if step.id not in self.outcomes:
                self._note(Outcome(step=step, status=Status.SKIPPED, error="a step that it needs did not run"))
        self.waiting.clear()

    def _note(self, outcome: Outcome) -> None:
        self.outcomes[outcome.step.id] = outcome
        self.walker.tell(outcome.step, outcome)

    def _work(self, step: Step) -> None:
        try:
            self.ended.put((step, attempt(step, self.walker)))
        except BaseException as error:
            self.ended.put((step, error))


def _ends(step: Step, call: MigrateVm) -> tuple[tuple[str, str], tuple[str, str]]:
    """What limits of migrations are counted by."""
    return ("from", step.host), ("to", call.target)


def attempt(step: Step, walker: Walker) -> Outcome:
    """Runs one step and says how it ended; only errors that are no driver's pass through."""
    began = time.monotonic()

    def ended(status: Status, error: str = "", **more: object) -> Outcome:
        return Outcome(step=step, status=status, error=error, seconds=time.monotonic() - began, **more)  # type: ignore[arg-type]

    host = walker.hosts.get(step.host)
    if host is None:
        return ended(Status.FAILED, f"{step.host} is not connected")
    try:
        tools = replace(walker.tools, told=partial(walker.moved, step), hosts=walker.hosts)
        notes = execute(step.call, host, tools)
    except Unknown as error:
        return ended(Status.UNKNOWN, str(error))
    except (Conflict, Missing) as error:
        return ended(Status.STALE, str(error))
    except DriverError as error:
        return ended(Status.FAILED, str(error), permanent=error.retry == "never")
    except OSError as error:
        return ended(Status.FAILED, f"{step.ref}: {error}")
    return ended(Status.UNCHANGED) if notes is None else ended(Status.DONE, notes=notes)
