"""Walks a plan's steps: whatever is ready runs, in parallel, within a limit per host; what fails stops its dependents.

In: a plan and the hosts. Out: a Run. Called by reconciler/cycle.py. Nothing is retried here: the next pass observes
and plans again. When asked to stop, running steps end and no new one begins; so too when a step raises what is no
driver's error, or nobody can be told of one, which is then raised here.
"""

from __future__ import annotations

import bisect
import contextlib
import queue
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Mapping
from functools import partial

from drivers.base import Host
from drivers.errors import Conflict, DriverError, Missing, Unknown
from reconciler.apply.dispatch import Tools, execute
from reconciler.apply.limits import Limits, Place, places
from reconciler.apply.outcome import GOOD, Outcome, Run, Status
from reconciler.plan.plan import Plan, Step
from specs.structs import Struct, field, replace

Tell = Callable[[Step, "Outcome | None"], None]
"""Called when a step begins (None) and when it ends."""
Moved = Callable[[Step, str, int, int], None]
"""(step, what is under way in it, bytes done, bytes in all or 0): called often while long work goes on."""


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
    """`needs` counts the steps that one still waits for, `then` are those that wait for it.

    What waits for nothing any more is in `ready`, by host, as positions in the plan: each end of a step costs a look at
    what may begin now, not at all that still waits.
    """

    def __init__(self, plan: Plan, walker: Walker) -> None:
        self.plan, self.walker = plan, walker
        self.waiting = {each.id: position for position, each in enumerate(plan.steps)}
        self.needs = {each.id: len(each.after) for each in plan.steps}
        self.then: defaultdict[str, list[Step]] = defaultdict(list)
        self.ready: defaultdict[str, list[int]] = defaultdict(list)
        self.running: Counter[str] = Counter()
        self.under_way = self.threads = 0
        self.begun: queue.SimpleQueue[Step | None] = queue.SimpleQueue()
        self.taken: Counter[Place] = Counter()
        self.outcomes: dict[str, Outcome] = {}
        self.ended: queue.SimpleQueue[tuple[Step, Outcome | BaseException]] = queue.SimpleQueue()
        for step in plan.steps:
            for each in step.after:
                self.then[each].append(step)
            if not step.after:
                self.ready[step.host].append(self.waiting[step.id])

    def run(self) -> Run:
        try:
            error = self._all()
        except Exception as untold:  # whoever is told of steps cannot be told any more
            error = untold
        if error is not None:
            self._drain()
        for _ in range(self.threads):
            self.begun.put(None)
        if error is not None:
            raise error
        return Run(plan=self.plan, outcomes=self.outcomes, stopped=self.walker.stop.is_set())

    def _all(self) -> BaseException | None:
        """Returns when no step is left or running, or with what one raised that is no driver's error."""
        while self.waiting or self.under_way:
            self._begin()
            if not self.under_way:
                self._skip_rest("a step that it needs did not run")
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
        """Starts what is ready and fits the limits, in the plan's order."""
        stop = self.walker.stop
        while not stop.is_set() and (step := self._next()) is not None:
            del self.waiting[step.id]
            self.walker.tell(step, None)
            if self.under_way == self.threads:  # else one has ended its step, and takes this one
                threading.Thread(target=self._work, name="step", daemon=True).start()
                self.threads += 1
            self.begun.put(step)
            self._count(step, 1)  # once it runs: what is counted is waited for
        if stop.is_set():
            self._skip_rest("stopped before it began")

    def _next(self) -> Step | None:
        """Takes the first step that may begin now out of those that are ready."""
        firsts = (self._first(host) for host in self.ready if not self._full(host))
        position = min((each for each in firsts if each is not None), default=None)
        if position is None:
            return None
        step = self.plan.steps[position]
        self.ready[step.host].remove(position)
        if not self.ready[step.host]:
            del self.ready[step.host]
        return step

    def _first(self, host: str) -> int | None:
        return next((each for each in self.ready[host] if self._free(self.plan.steps[each])), None)

    def _full(self, host: str) -> bool:
        limits = self.walker.limits
        return self.running[host] >= limits.host or self.under_way >= limits.total

    def _free(self, step: Step) -> bool:
        """Whether there is room in all that the step takes a place in besides its host."""
        return all(self.taken[place] < most for place, most in places(step, self.walker.limits))

    def _count(self, step: Step, change: int) -> None:
        self.running[step.host] += change
        self.under_way += change
        for place, _ in places(step, self.walker.limits):
            self.taken[place] += change

    def _skip_rest(self, why: str) -> None:
        rest = [self.plan.steps[position] for position in self.waiting.values()]
        self.waiting.clear()
        self.ready.clear()
        for step in rest:
            self._note(Outcome(step=step, status=Status.SKIPPED, error=why))

    def _note(self, outcome: Outcome) -> None:
        """Keeps what became of a step, and what that means for those that wait for it, and for theirs in turn."""
        fresh = deque((outcome,))
        while fresh:
            outcome = fresh.popleft()
            step = outcome.step
            self.outcomes[step.id] = outcome
            self.walker.tell(step, outcome)
            for each in (each for each in self.then[step.id] if each.id in self.waiting):
                self.needs[each.id] -= 1
                if outcome.status not in GOOD:
                    del self.waiting[each.id]
                    error = f"needs `{step.what}` of {step.ref}, which {_ENDED[outcome.status]}"
                    fresh.append(Outcome(step=each, status=Status.SKIPPED, error=error))
                elif not self.needs[each.id]:
                    bisect.insort(self.ready[each.host], self.waiting[each.id])

    def _work(self) -> None:
        """One step after the other: starting a thread for each costs as much as a call."""
        while (step := self.begun.get()) is not None:
            threading.current_thread().name = f"step {step.ref}"
            try:
                self.ended.put((step, attempt(step, self.walker)))
            except BaseException as error:
                self.ended.put((step, error))


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
