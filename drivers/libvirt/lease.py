"""The use of one connection by one thread, and the calls on it, each with a deadline.

`gather` runs many calls of one kind side by side, or one by one where libvirt's client does not bear that (access.py).
A call past its deadline is abandoned and its connection given up: Unknown for changes and long jobs, Unreachable for
reads. A libvirtError becomes a drivers.errors one here. Handed out by connect.py, which owns the connections.
"""

from __future__ import annotations

import itertools
import queue
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import libvirt

from drivers.errors import DriverError, Unknown, Unreachable
from drivers.libvirt.errors import translate
from drivers.libvirt.link import Link

if TYPE_CHECKING:
    from drivers.libvirt.connect import Connections

T = TypeVar("T")
Item = TypeVar("Item")
Purpose = Literal["reads", "changes", "long"]

HOST_LIMIT = 40  # calls under way on one host
BATCH = 8
"""Answers that come together where calls go one by one: each hand-over to the caller costs a switch of threads."""
DEADLINES: dict[Purpose, float] = {"reads": 20.0, "changes": 90.0, "long": 3600.0}
"""Seconds. libvirt itself gives up on a domain's lock after 30: a change must outlive that to learn the reason."""


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

    def version(self, operation: str) -> int:
        """The libvirt daemon's version, as libvirt counts (9.0.0 is 9000000); asked once on a connection."""
        if not self._link.version:
            self._link.version = self.call(operation, self.connection.getLibVersion)
        return self._link.version

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
        libvirt.virResetLastError()  # as before each call: see calls.py
        try:
            return function(item)
        except libvirt.libvirtError as error:
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
