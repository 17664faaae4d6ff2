"""Connections to one host, and calls on them with a deadline.

libvirtd executes five requests of one connection at a time, so reads, changes and long jobs have connections of
their own; those for changes and long jobs open when needed:

    with connections.changes() as conn:
        domain = connections.call("define vm/web", conn.defineXMLFlags, xml, flags)

`call` and `gather` use the connection that the calling thread took with the innermost `with`: see lease.py. Calls run
on our own daemon threads (calls.py) within the budget of the process and of the host. Used by every module of this
driver.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

import libvirt

from drivers.errors import DriverError, Unreachable
from drivers.libvirt import access, loop
from drivers.libvirt.calls import WORKERS, Workers
from drivers.libvirt.lease import DEADLINES, HOST_LIMIT, Purpose
from drivers.libvirt.lease import Lease as Lease
from drivers.libvirt.link import CONNECT_WAIT, Link, open_link

T = TypeVar("T")
Item = TypeVar("Item")

PIPELINE = 16  # calls of one `gather` that are under way at once
CLOSE_WAIT = 1.0  # seconds for saying good-bye to the host
SHARING: dict[Purpose, int] = {"reads": 1_000_000, "changes": 3, "long": 1}
"""Leases that share one connection; where calls go one by one on it, only those for reads share."""
IDLE: dict[Purpose, int] = {"reads": 1, "changes": 8, "long": 3}
"""Connections that stay open between uses; opening one takes up to half a second."""
OPENING = 4
"""Connections that open at once where each use has its own; sshd begins to turn guests away at ten."""


class Connections:
    """All connections to one host. Thread-safe. `on_lost` (set by watch.py) hears when reads lose theirs."""

    def __init__(
        self, host: str, where: access.Access, *, workers: Workers = WORKERS, connect_wait: float = CONNECT_WAIT
    ) -> None:
        self.host = host
        self.on_lost: Callable[[], None] = _nothing
        self._where, self._workers, self._connect_wait = where, workers, connect_wait
        self._side_by_side = access.is_side_by_side(where, libvirt.getVersion())
        self._lock = threading.Lock()
        self._opening = {
            purpose: threading.Semaphore(1 if self._sharing(purpose) > 1 else OPENING) for purpose in DEADLINES
        }
        self._links: dict[Purpose, list[Link]] = {purpose: [] for purpose in DEADLINES}
        self._failure: tuple[float, DriverError] | None = None
        self._places = threading.BoundedSemaphore(HOST_LIMIT)
        self._pending: set[Future[Any]] = set()
        self._leases = threading.local()
        self._closed = False
        loop.start()
        _register(self)

    @property
    def where(self) -> str:
        """The URI, as it was declared."""
        return self._where.uri

    @property
    def pipeline(self) -> int:
        """How many calls of one `gather` are under way at once."""
        return PIPELINE if self._side_by_side else 1

    @contextlib.contextmanager
    def reads(self) -> Iterator[libvirt.virConnect]:
        """The shared connection for quick reads; it also carries the events."""
        yield from self._within("reads")

    @contextlib.contextmanager
    def changes(self) -> Iterator[libvirt.virConnect]:
        """A connection for calls that change something and may wait for a guest or a lock."""
        yield from self._within("changes")

    @contextlib.contextmanager
    def long(self) -> Iterator[libvirt.virConnect]:
        """A connection for oneself: copies, transfers, whatever may hang on storage."""
        yield from self._within("long")

    def call(self, operation: str, function: Callable[..., T], *args: Any, deadline: float | None = None) -> T:
        """See `Lease.call`; on the connection of the innermost `with` of this thread."""
        return self._current().call(operation, function, *args, deadline=deadline)

    def version(self, operation: str) -> int:
        """See `Lease.version`."""
        return self._current().version(operation)

    def gather(
        self, operation: str, function: Callable[[Item], T], items: Sequence[Item], deadline: float | None = None
    ) -> list[T | DriverError]:
        """See `Lease.gather`."""
        return self._current().gather(operation, function, items, deadline)

    def answers(
        self, operation: str, function: Callable[[Item], T], items: Sequence[Item], deadline: float | None = None
    ) -> Iterator[tuple[int, T | DriverError]]:
        """See `Lease.answers`."""
        return self._current().answers(operation, function, items, deadline)

    def lease(self, purpose: Purpose) -> Lease:
        """A connection to be released by the caller, for work that does not fit a `with` (streams)."""
        asked = time.monotonic()
        with self._opening[purpose]:
            link = self._usable(purpose)
            if link is None:
                self._share_failure(asked)
                link = self._open(purpose)
        return Lease(self, link, purpose)

    def close(self) -> None:
        """Lets go of every connection; calls under way end as Unreachable for those who wait."""
        with self._lock:
            self._closed = True
            links = [link for each in self._links.values() for link in each]
            pending = list(self._pending)
            for each in self._links.values():
                each.clear()
        for future in pending:
            with contextlib.suppress(Exception):  # settled in this moment
                future.set_exception(Unreachable(self.host, "connect", "the connections were closed"))
        for link in links:
            link.retire()
        until = time.monotonic() + CLOSE_WAIT
        for link in links:
            if link.closing is not None:
                link.closing.join(max(0.0, until - time.monotonic()))

    def before_close(self, action: Callable[[], None]) -> None:
        """Does something right before the connection of the innermost `with` closes (deregister events)."""
        self._current().before_close(action)

    def submit(self, link: Link, function: Callable[[], T], patience: float = 0) -> Future[T] | None:
        """For Lease: starts a call, or None if the host has no free place within `patience` seconds."""
        if not self._places.acquire(timeout=patience):
            return None
        link.begin()
        if not self._side_by_side:
            function = link.in_turn(function)

        def after() -> None:
            self._places.release()
            link.end()

        future = self._workers.submit(function, after)
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        return future

    def abandon(self, link: Link) -> None:
        """For Lease: a call on the link hangs; nobody shall start another on it."""
        with self._lock:
            lost_reads = link in self._links["reads"]
            self._forget(link)
        link.retire()
        if lost_reads:
            self.on_lost()

    def give_back(self, link: Link) -> None:
        """For Lease: the end of a use."""
        with self._lock:
            link.leases -= 1
            spare = link.leases == 0 and not self._keeps(link)
            if spare:
                self._forget(link)
        if spare:
            link.retire()

    def _within(self, purpose: Purpose) -> Iterator[libvirt.virConnect]:
        lease = self.lease(purpose)
        stack: list[Lease] = self._leases.__dict__.setdefault("stack", [])
        stack.append(lease)
        try:
            yield lease.connection
        finally:
            stack.pop()
            lease.release()

    def _current(self) -> Lease:
        stack: list[Lease] = self._leases.__dict__.get("stack", [])
        assert stack, "call() outside of reads(), changes() or long()"
        return stack[-1]

    def _usable(self, purpose: Purpose) -> Link | None:
        with self._lock:
            for link in list(self._links[purpose]):
                if not link.usable:
                    self._forget(link)
                    link.retire()
                elif link.leases < self._sharing(purpose):
                    link.leases += 1
                    return link
        return None

    def _sharing(self, purpose: Purpose) -> int:
        """How many uses share a connection."""
        return SHARING[purpose] if self._side_by_side or purpose == "reads" else 1

    def _open(self, purpose: Purpose) -> Link:
        if self._closed:
            raise Unreachable(self.host, "connect", "the connections were closed")
        lost = self._lost if purpose == "reads" else None
        try:
            uri = access.uri(self.host, self._where)
            link = open_link(self.host, uri, lost, self._connect_wait)
        except DriverError as error:
            self._failure = (time.monotonic(), error)
            raise
        with self._lock:
            link.leases += 1
            self._links[purpose].append(link)
        return link

    def _share_failure(self, asked: float) -> None:
        """Those who waited while another's attempt failed fail with it, or a dead host costs each its own wait."""
        if self._failure and self._failure[0] >= asked:
            error = self._failure[1]
            raise type(error)(error.host, error.operation, error.detail)

    def _keeps(self, link: Link) -> bool:
        """Whether an unused link stays open for the next use."""
        return any(link in links[: IDLE[purpose]] for purpose, links in self._links.items())

    def _forget(self, link: Link) -> None:
        for links in self._links.values():
            if link in links:
                links.remove(link)

    def _lost(self) -> None:
        self.on_lost()


def _nothing() -> None:
    """Nobody listens."""


_all: weakref.WeakSet[Connections] = weakref.WeakSet()
_exits = False


def _register(connections: Connections) -> None:
    global _exits
    _all.add(connections)
    if not _exits:
        _exits = True
        atexit.register(_close_all)  # after loop.start registered its own: this one runs first


def _close_all() -> None:
    for each in list(_all):
        each.close()
