"""The daemon: the same pass again and again, on a commit, on an event of a host, on a request, and on a timer.

It keeps nothing that matters: killed at any moment, it starts again and observes. A revision that does not load is not
taken and the last good one stays wanted; one that loads stays wanted even when steps fail. Called by the command
`daemon`; every outcome is one structured log line.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

import structlog

from drivers.base import Host
from drivers.errors import DriverError
from reconciler import cycle, lock
from reconciler.app import App
from reconciler.apply.outcome import GOOD, Outcome, Status
from reconciler.daemon.allowed import allowed_by
from reconciler.daemon.follow import Source
from reconciler.daemon.hoststates import HostStates
from reconciler.daemon.loads import Loads
from reconciler.daemon.taken import Taken, lost, same
from reconciler.daemon.wake import Wakes, jittered
from reconciler.desired.resolve import resolve
from reconciler.errors import LockedError, ReconcilerError
from reconciler.plan.backoff import Backoff, without
from reconciler.plan.plan import Plan, Step
from specs.catalog import Catalog
from specs.errors import LoadFailed, SpecError
from specs.structs import Struct, field, replace

log = structlog.get_logger()

_WORLD = (DriverError, SpecError, OSError)
"""What the source, the hosts and this machine may raise: no reason to end."""
_LOCKED_OUT = 5.0  # seconds until a pass is tried again that another writer kept off


Key = tuple[str, ...]
"""What a log line that tells a state is about: its event, the object, and why, without the figures of the moment."""


class Passed(Struct):
    """The last pass, as `gitvirt sync` and `status` hear of it."""

    number: int = 0
    revision: str = ""
    done: int = 0
    failed: int = 0
    held: int = 0
    problem: str = ""
    text: list[str] = field(default_factory=list)


class Daemon:
    """One repository, followed. `run` returns after `stop`."""

    def __init__(self, source: Source, app: App, interval: float, taken: Taken) -> None:
        self.source, self.app, self.interval, self.taken = source, app, interval, taken
        self.wakes = Wakes()
        self.backoff = Backoff()
        self.loads = Loads()
        self.states = HostStates()
        self.last = Passed()
        self._wanted: cycle.Revision | None = None
        self._seen_revision, self._unread = "", False
        self._watched: dict[str, Host] = {}
        self._kept_back: frozenset[Key] = frozenset()
        self._begun = 0
        self._forget = self._locked_out = False
        self._away = 0.0
        self._finished = threading.Condition()

    def begin_with(self, catalog: Catalog, revision: str) -> None:
        """What is wanted until the source gives something newer that loads."""
        self._wanted = self.app.revision(catalog, revision)

    def stop(self) -> None:
        """Lets running steps end, begins no new one, and ends the loop."""
        self.app.stop.set()
        self.wakes.stop()

    def run(self) -> None:
        """Passes until stopped."""
        log.info("daemon.started", source=self.source.label, interval=self.interval)
        due, reasons = time.monotonic(), frozenset({"start"})
        while not self.wakes.stopped:
            if reasons or time.monotonic() >= due or self._moved():
                self._pass(reasons or frozenset({"timer"}))
                due = time.monotonic() + self._pause()
            wait = min(due - time.monotonic(), self.source.pause)
            reasons = self.wakes.wait(max(0.0, wait))
        log.info("daemon.stopped")

    def _pause(self) -> float:
        """Until the next pass nobody asks for: the timer, the end of a back-off, or soon after another writer."""
        waiting = self.backoff.next_due(int(time.time()))
        soon = _LOCKED_OUT if self._locked_out else float("inf")
        return min(jittered(self.interval), soon, waiting + 1 if waiting is not None else float("inf"))

    def _moved(self) -> bool:
        """True if the source has another revision than the one last looked at."""
        revision = self._poll()
        return revision is not None and revision != self._seen_revision

    def _poll(self) -> str | None:
        """The source's revision; None if it cannot be had. Then it is left alone for its pause: passes wait for it."""
        if time.monotonic() < self._away:
            return None
        try:
            return self.source.poll()
        except _WORLD as error:
            log.warning("source.unreachable", source=self.source.label, error=str(error))
            self._away = time.monotonic() + self.source.pause
            return None

    def _pass(self, reasons: frozenset[str]) -> None:
        with self._finished:
            self._begun += 1
            forget, self._forget = self._forget, False
        if forget:
            self.backoff.forget()
        passed, self._locked_out = Passed(number=self._begun), False
        if "sync" in reasons:
            self._away = 0.0
        try:
            self._take()
            if self._wanted is None:
                passed.problem = "no revision could be loaded yet"
            else:
                self._reconcile(self._wanted, passed, reasons)
        except (ReconcilerError, *_WORLD) as error:
            passed.problem, self._locked_out = str(error), isinstance(error, LockedError)
            log.error("pass.failed", error=str(error), kind=type(error).__name__)
        with self._finished:
            self.last = passed
            self._finished.notify_all()

    def _take(self) -> None:
        """Takes the newest revision if it loads; else the last good one stays wanted."""
        revision = self._poll()
        if revision is None or (revision == self._seen_revision and not self._unread):
            return
        self._seen_revision, self._unread = revision, False
        try:
            self._load(revision)
        except LoadFailed as failed:
            self._refused(revision, *map(str, failed.findings))
        except (ReconcilerError, *_WORLD) as error:
            self._unread = True  # what it lacks may come: a secret, space on the disk
            self._refused(revision, str(error))

    def _refused(self, revision: str, *findings: str) -> None:
        kept = self._wanted
        log.error("revision.refused", revision=revision, stays=kept.name if kept else "", findings=list(findings))
        if kept is not None:
            self._wanted = self.app.revision(kept.catalog, kept.name)  # its files may have given way to the other's

    def _load(self, revision: str) -> None:
        """Takes that revision, if all that it refers to can be read."""
        catalog, repository, folder = self.source.load(revision)
        if self._wanted is not None and (why := _not_taken(self._wanted.catalog, catalog)):
            self._refused(revision, why)
            return
        self.app.repository, self.app.folder = repository, folder
        found = self.app.revision(catalog, revision)
        resolve(found.catalog, found.name, found.sources)
        self._wanted = found
        self.taken.note(revision)
        commit = repository.read_commit(revision)
        by = {"author": commit.author, "summary": commit.summary} if commit else {}
        log.info("revision.taken", revision=revision, objects=len(catalog.resources), **by)

    def _reconcile(self, revision: cycle.Revision, passed: Passed, reasons: frozenset[str]) -> None:
        started = time.monotonic()
        allowed = allowed_by(self.app.repository, revision.name)
        with contextlib.ExitStack() as stack:
            stack.enter_context(lock.writer(self.app.settings.state_folder, _identity(revision), "daemon"))
            looked = cycle.look(revision, self._outside(), allowed)
            self._watch(looked)
            self._tell_hosts(looked)
            plan = without(looked.plan, self.backoff.blocked(looked.plan, int(time.time())))
            self._tell_plan(plan, reasons)
            run = self.app.act(replace(looked, plan=plan), self._tell_step)
        passed.revision = revision.name
        passed.done, passed.held = run.count(*GOOD), sum(each.held is not None for each in plan.changes)
        passed.failed = len(plan.steps) - passed.done
        passed.text = [
            f"{each.step.ref} {each.step.what}: {each.error}" for each in run.outcomes.values() if each.error
        ]
        log.info(
            "pass.done", revision=revision.name, why=sorted(reasons), done=passed.done, failed=passed.failed,
            held=passed.held, unseen=sorted(looked.context.observed.unseen),
            seconds=round(time.monotonic() - started, 3),
        )  # fmt: skip

    def _outside(self) -> cycle.Outside:
        """The world, with what only a process that stays knows of it."""
        return replace(
            self.app.outside(),
            measured=self.loads.measured,
            silent=self.states.silent,
            backoff=self.backoff.reluctant,
        )

    def _tell_hosts(self, looked: cycle.Pass) -> None:
        """Each host's state, when it changes."""
        journal = self.app.journal(looked.context.wanted.repository)
        for turn in self.states.turns(looked.context):
            (log.info if turn.now.up else log.warning)("host.state", **turn.facts)
            journal.note("host.state", ref=f"host/{turn.host}", host=turn.host, what=turn.what, why=turn.now.why)

    def _watch(self, looked: cycle.Pass) -> None:
        """Listens to every host of the revision, and no longer to those that went."""
        for name in set(self._watched) - set(looked.hosts):
            self._watched.pop(name).close()
        for name, host in looked.hosts.items():
            if self._watched.get(name) is not host:
                self._watched[name] = host
                host.watch(lambda where, ref: self.wakes.wake(f"event of {where}"))

    def _tell_plan(self, plan: Plan, reasons: frozenset[str]) -> None:
        """What is kept back is told when that begins or its reason changes, not in every pass."""
        found = dict(_kept_back(plan))
        for key, facts in found.items():
            if key not in self._kept_back:
                log.warning(key[0], **facts)
        self._kept_back = frozenset(found)
        if plan.steps:
            log.info("plan", steps=len(plan.steps), digest=plan.digest, why=sorted(reasons))

    def _tell_step(self, step: Step, outcome: Outcome | None) -> None:
        if outcome is None:
            return
        facts: dict[str, Any] = {
            "ref": str(step.ref), "host": step.host, "what": step.what, "seconds": round(outcome.seconds, 3),
        }  # fmt: skip
        if outcome.status in GOOD:
            if outcome.notes:  # the guest did not follow: asking it at every pass would not help
                self.backoff.failed(step, "; ".join(outcome.notes), int(time.time()), permanent=False)
            else:
                self.backoff.succeeded(step)
            log.info(f"step.{outcome.status}", **facts, **({"notes": outcome.notes} if outcome.notes else {}))
            return
        if outcome.status in (Status.FAILED, Status.UNKNOWN):
            self.backoff.failed(step, outcome.error, int(time.time()), outcome.permanent)
        elif outcome.status is Status.STALE:
            self.backoff.surprised(step, outcome.error, int(time.time()))
        log.warning(f"step.{outcome.status}", **facts, error=outcome.error)

    def answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        """For the doorbell: `sync` waits for a pass that begins after the ring; `now`: it forgets all back-off."""
        if asked.get("ask") == "sync":
            with self._finished:
                first = self._begun + 1  # a pass under way began before the ring, and may have looked already
                self._forget = self._forget or bool(asked.get("now"))  # what fails in that one as well
                self.wakes.wake("sync")
                self._finished.wait_for(lambda: self.last.number >= first or self.wakes.stopped)
        last = self.last
        return {
            "revision": last.revision, "done": last.done, "failed": last.failed, "held": last.held,
            "problem": last.problem, "text": last.text,
        }  # fmt: skip


def _identity(revision: cycle.Revision) -> str:
    return str(revision.catalog.repository.spec.id)


def _not_taken(before: Catalog, catalog: Catalog) -> str:
    """A revision that loses all objects of a kind, or becomes another repository, is a mistake until it is proven."""
    if not same(before, catalog):
        return "the repository's id changed; start the daemon anew for another repository"
    return lost(before, catalog)


def _kept_back(plan: Plan) -> Iterator[tuple[Key, dict[str, str]]]:
    """What the plan does not do, and what it warns of."""
    for change in plan.changes:
        ref = str(change.ref)
        if change.held:
            facts = {"ref": ref, "host": change.host, "verb": str(change.verb), "why": str(change.held)}
            yield ("change.held", ref, change.verb, change.held.reason), facts
        for each in change.fields:
            if each.held:
                facts = {"ref": ref, "field": each.path, "why": str(each.held)}
                yield ("field.held", ref, each.path, each.held.reason), facts
    for warned in plan.warnings:
        yield ("plan.warning", warned.text), {"text": warned.text}
