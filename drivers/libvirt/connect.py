"""Connections to one host, and calls on them with a deadline.

libvirtd executes five requests of one connection at a time, so reads, changes and long jobs have connections of
their own; those for changes and long jobs open when needed:

    with connections.changes() as conn:
        domain = connections.call("define vm/web", conn.defineXMLFlags, xml, flags)

`call` uses the connection that the calling thread took with the innermost `with`; `gather` runs many calls of one
kind side by side on it, or one by one where libvirt's client does not bear that (access.py). Calls run on our own
daemon threads (calls.py) within the budget of the process and of the host. A call past its deadline is abandoned and
its connection given up: Unknown for changes and long jobs, Unreachable for reads. A libvirtError becomes a
drivers.errors one here. Used by every module of this driver.
"""

from __future__ import annotations

import atexit
import contextlib
import itertools
import queue
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Any, Literal, TypeVar

import libvirt

from drivers.errors import DriverError, Unknown, Unreachable
from drivers.libvirt import access, loop
from drivers.libvirt.calls import WORKERS, Workers
from drivers.libvirt.errors import translate
from drivers.libvirt.link import CONNECT_WAIT, Link, open_link

T = TypeVar("T")
Item = TypeVar("Item")
Purpose = Literal["reads", "changes", "long"]

HOST_LIMIT = 40  # calls under way on one host
PIPELINE = 16  # of them for one `gather`
BATCH = (
    8  # answers that come together where calls go one by one: each hand-over to the caller costs a switch of threads
)
CLOSE_WAIT = 1.0  # seconds for saying good-bye to the host
DEADLINES: dict[Purpose, float] = {"reads": 20.0, "changes": 90.0, "long": 3600.0}
"""Seconds. libvirt itself gives up on a domain's lock after 30: a change must outlive that to learn the reason."""
SHARING: dict[Purpose, int] = {"reads": 1_000_000, "changes": 3, "long": 1}
"""Leases that share one connection; where calls go one by one on it, only those for reads share."""
IDLE: dict[Purpose, int] = {"reads": 1, "changes": 8, "long": 3}
"""Connections that stay open between uses; opening one takes up to half a second."""


class Lease:
    """The use of one connection by one thread, and the calls on it."""

    def __init__(self, owner: Connections, link: Link, purpose: Purpose) -> None:
        self._owner, self._link, self.purpose = owner, link, purpose

    @property
    def connection(self) -> libvirt.virConnect:
        """The connection itself."""
        if self._link.connection is None:
            raise Unreachable(self._owner.host, "connect", "the connection was closed")
        return self._link.connection

    def call(self, operation: str, function: Callable[..., T], *args: Any, deadline: float | None = None) -> T:
        """Runs one call (any function of libvirt's, or of ours that calls libvirt) on a thread of its own."""
        limit = deadline or DEADLINES[self.purpose]
        future = self._start(operation, limit, lambda: function(*args))
        try:
            return future.result(limit)
        except libvirt.libvirtError as error:
            raise translate(error, self._owner.host, operation) from error
        except TimeoutError:
            if future.done():
                raise
            raise self._late(operation, limit) from None

    def gather(
        self, operation: str, function: Callable[[Item], T], items: Sequence[Item], deadline: float | None = None
    ) -> list[T | DriverError]:
        """`function` of every item, many at once, results in order; a failed or late one gives its error instead."""
        results: list[T | DriverError] = [None] * len(items)  # type: ignore[list-item]
        for position, answer in self.answers(operation, function, items, deadline):
            results[position] = answer
        return results

    def answers(
        self, operation: str, function: Callable[[Item], T], items: Sequence[Item], deadline: float | None = None
    ) -> Iterator[tuple[int, T | DriverError]]:
        """As `gather`, but (position, answer) as each comes: the caller works on it while the next is under way."""
        limit = deadline or DEADLINES[self.purpose]
        until = time.monotonic() + limit
        came: queue.SimpleQueue[list[tuple[int, T | DriverError]] | BaseException] = queue.SimpleQueue()
        size = BATCH if self._owner.pipeline == 1 else 1
        starts = itertools.count(0, size)  # next() on it is atomic

        def pump() -> None:
            for start in starts:
                batch = range(start, min(start + size, len(items)))
                if not batch:
                    return
                came.put([(each, self._outcome(operation, function, items[each])) for each in batch])

        def ended(future: Future[None]) -> None:
            if (error := future.exception()) is not None:  # closed meanwhile, or a mistake of ours
                came.put(error)

        for number in range(min(len(items), self._owner.pipeline)):
            future = self._owner.submit(self._link, pump) if number else self._start(operation, limit, pump)
            if future is None:
                break  # the host is busy with other calls: fewer side by side
            future.add_done_callback(ended)
        yield from self._as_they_come(came, len(items), (operation, limit, until))

    def _as_they_come(
        self, came: queue.SimpleQueue[Any], count: int, term: tuple[str, float, float]
    ) -> Iterator[tuple[int, Any]]:
        """What comes until the end of the term (operation, seconds, when); after it, an error for each other one."""
        operation, limit, until = term
        missing = set(range(count))
        while missing:
            try:
                answer = came.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                late = self._late(operation, limit)
                yield from ((position, late) for position in sorted(missing))
                return
            if isinstance(answer, BaseException):
                raise answer
            missing.difference_update(position for position, _ in answer)
            yield from answer

    def _outcome(self, operation: str, function: Callable[[Item], T], item: Item) -> T | DriverError:
        loop.forget_error()
        try:
            return function(item)
        except libvirt.libvirtError as error:
            loop.complete(error)
            found = translate(error, self._owner.host, operation)
            found.__cause__ = error
            return found
        except DriverError as error:
            return error

    def lent(self, function: Callable[[libvirt.virConnect], T]) -> Callable[[], T]:
        """For a call of another host's connection that uses this one too: it is not closed until that ends."""

        def using() -> T:
            self._link.begin()
            try:
                return function(self.connection)
            finally:
                self._link.end()

        return using

    def before_close(self, action: Callable[[], None]) -> None:
        """See `Connections.before_close`."""
        self._link.before_close(action)

    def release(self) -> None:
        """Gives the connection back."""
        self._owner.give_back(self._link)

    def _start(self, operation: str, limit: float, function: Callable[[], T]) -> Future[T]:
        future = self._owner.submit(self._link, function, limit)
        if future is None:
            detail = f"{HOST_LIMIT} earlier calls to this host still hang"
            raise Unreachable(self._owner.host, operation, detail)
        return future

    def _late(self, operation: str, limit: float) -> DriverError:
        self._owner.abandon(self._link)
        kind = Unreachable if self.purpose == "reads" else Unknown
        return kind(self._owner.host, operation, f"no answer within {limit:g} s")


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
        self._opening: dict[Purpose, threading.Lock] = {purpose: threading.Lock() for purpose in DEADLINES}
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
                elif link.leases < (SHARING[purpose] if self._side_by_side or purpose == "reads" else 1):
                    link.leases += 1
                    return link
        return None

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
