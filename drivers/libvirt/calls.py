"""The threads that calls run on: our own daemon threads, within one budget of the process.

A call into libvirt cannot be interrupted, so whoever waits for it must be able to walk away. The threads of the
standard library's pools are joined at exit and would keep the process alive; these are not. A thread that hangs
stays counted until its call returns. Used by connect.py; `aside` by the reader.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future, InvalidStateError
from typing import Generic, TypeVar

import libvirt

from drivers.libvirt import handles

T = TypeVar("T")

BUDGET = 256
"""Calls under way at once in the whole process; more wait their turn."""

IDLE = 20.0  # seconds after which a thread without work ends


class _Job(Generic[T]):
    __slots__ = ("after", "function", "future")

    def __init__(self, function: Callable[[], T], after: Callable[[], None]) -> None:
        self.function, self.after = function, after
        self.future: Future[T] = Future()

    def run(self) -> None:
        libvirt.virResetLastError()  # nobody may take an older call's error for its own
        try:
            result = self.function()
        except BaseException as error:  # reaches the waiting thread; a worker never dies of its job
            self._settle(self.future.set_exception, error)
        else:
            self._settle(self.future.set_result, result)

    def _settle(self, setter: Callable[[T], None] | Callable[[BaseException], None], value: object) -> None:
        self.after()
        with contextlib.suppress(InvalidStateError):  # the waiter has given up
            setter(value)  # type: ignore[arg-type]


class Workers:
    """Daemon threads, started when needed and at most `budget`; they end after `idle` seconds without work."""

    def __init__(self, budget: int = BUDGET, idle: float = IDLE) -> None:
        self._budget, self._idle_seconds = budget, idle
        self._jobs: queue.SimpleQueue[_Job[object]] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._threads = 0
        self._free = 0  # threads that wait for a job, minus jobs that nobody has taken yet

    def submit(self, function: Callable[[], T], after: Callable[[], None] = lambda: None) -> Future[T]:
        """Runs `function` on a thread; `after` is called there when it ended, before the future is settled."""
        job: _Job[T] = _Job(function, after)
        with self._lock:
            self._free -= 1
            start = self._free < 0 and self._threads < self._budget
            if start:
                self._threads += 1
                self._free += 1
            self._jobs.put(job)  # type: ignore[arg-type]
        if start:
            threading.Thread(target=self._work, name="libvirt-call", daemon=True).start()
        return job.future

    def _work(self) -> None:
        while True:
            try:
                job = self._jobs.get(timeout=self._idle_seconds)
            except queue.Empty:
                with self._lock:
                    if not self._jobs.empty():
                        continue
                    self._threads -= 1
                    self._free -= 1
                return
            job.run()
            del job  # its function holds libvirt handles
            handles.free()
            with self._lock:
                self._free += 1


WORKERS = Workers()
"""The process's own."""


def aside(name: str, work: Callable[[], T]) -> Future[T]:
    """Begins work that makes calls of its own, not on a worker: one that waits for other workers could starve them."""
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # reaches whoever asks for the result
            future.set_exception(error)

    threading.Thread(target=run, name=name, daemon=True).start()
    return future
