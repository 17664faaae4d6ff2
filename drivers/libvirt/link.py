"""One libvirt connection: opened under a watchdog, kept alive, closed when no call runs on it any more.

libvirt has no connect timeout, so open() runs in a thread of its own that is left behind when it takes too long. A
connection must not be closed while a call runs on it (libvirt would use freed memory), so a link that is retired
closes when its last call ends. Used by connect.py only.
"""

from __future__ import annotations

import contextlib
import queue
import threading
from collections.abc import Callable
from typing import TypeVar

import libvirt

from drivers.errors import DriverError, Unreachable
from drivers.libvirt import loop
from drivers.libvirt.errors import is_code, translate

T = TypeVar("T")

CONNECT_WAIT = 8.0  # seconds
KEEPALIVE = (2, 3)  # seconds between probes, probes: a silent peer is given up after about 8 s

CLOSE_REASONS = {0: "error", 1: "the host closed it", 2: "keepalive timeout", 3: "closed by us"}


class Link:
    """One connection. `lost` is called once, from libvirt's loop thread, when the peer goes away."""

    def __init__(self, connection: libvirt.virConnect, lost: Callable[[], None] | None) -> None:
        self.connection = connection
        self.version = 0  # the daemon's, once somebody asked; a daemon that is replaced ends the connection
        self.leases = 0
        self.retired = False
        self.reason = ""
        self.closing: threading.Thread | None = None
        self._before_close: list[Callable[[], None]] = []
        self._running = 0
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._lost = lost
        if lost is not None:
            with contextlib.suppress(libvirt.libvirtError):  # the test driver has none
                connection.registerCloseCallback(_closed, self)

    def in_turn(self, function: Callable[[], T]) -> Callable[[], T]:
        """The function, for a transport that does not bear several calls at once."""

        def waiting() -> T:
            with self._turn:
                return function()

        return waiting

    @property
    def usable(self) -> bool:
        """Whether new calls may run on it; asks nothing of the host."""
        with self._lock:
            if self.retired or self.reason:
                return False
            try:
                return bool(self.connection.isAlive())
            except libvirt.libvirtError:
                return False

    def before_close(self, action: Callable[[], None]) -> None:
        """What to do while the connection still is one: events hold on to it until they are deregistered."""
        self._before_close.append(action)

    def begin(self) -> None:
        """A call starts."""
        with self._lock:
            self._running += 1

    def end(self) -> None:
        """A call ended, however late."""
        with self._lock:
            self._running -= 1
        self._close_if_done()

    def retire(self) -> None:
        """No new calls; closed as soon as none is running. Handles that live on keep it open until they go."""
        self.retired = True
        self._close_if_done()

    def mark_lost(self, reason: int) -> None:
        """From the close callback."""
        self.reason = CLOSE_REASONS.get(reason, "closed")
        if self._lost is not None:
            self._lost()

    def _close_if_done(self) -> None:
        """Closing speaks to the host, which may not answer: in a thread of its own."""
        with self._lock:
            if not self.retired or self._running or self.connection is None:
                return
            connection, self.connection = self.connection, None
        self.closing = threading.Thread(target=self._close, args=(connection,), name="libvirt-close", daemon=True)
        self.closing.start()

    def _close(self, connection: libvirt.virConnect) -> None:
        for action in self._before_close:
            action()
        self._before_close.clear()
        if self._lost is not None:
            with contextlib.suppress(libvirt.libvirtError):
                connection.unregisterCloseCallback()
        with contextlib.suppress(libvirt.libvirtError):
            connection.close()


def _closed(connection: libvirt.virConnect, reason: int, link: Link) -> None:
    link.mark_lost(reason)


def open_link(host: str, uri: str, lost: Callable[[], None] | None, wait: float = CONNECT_WAIT) -> Link:
    """Opens `uri` within `wait` seconds. Raises Unreachable or Denied."""
    loop.start()
    answers: queue.SimpleQueue[libvirt.virConnect | BaseException] = queue.SimpleQueue()
    given_up = threading.Event()

    def attempt() -> None:
        try:
            connection = libvirt.open(uri)
        except BaseException as error:  # carried to the waiting thread
            answers.put(error)
            return
        if given_up.is_set():
            connection.close()
            return
        answers.put(connection)

    threading.Thread(target=attempt, name=f"libvirt-open-{host}", daemon=True).start()
    try:
        answer = answers.get(timeout=wait)
    except queue.Empty:
        given_up.set()
        raise Unreachable(host, "connect", f"no connection within {wait:g} s") from None
    if isinstance(answer, libvirt.libvirtError):
        raise _refusal(host, answer) from answer
    if isinstance(answer, BaseException):
        raise answer
    _keep_alive(host, answer)
    return Link(answer, lost)


def _refusal(host: str, error: libvirt.libvirtError) -> DriverError:
    """Whatever keeps a connection from opening makes the host unreachable, unless it is a matter of trust."""
    found = translate(error, host, "connect")
    return found if found.retry == "never" else Unreachable(host, "connect", found.detail)


def _keep_alive(host: str, connection: libvirt.virConnect) -> None:
    try:
        connection.setKeepAlive(*KEEPALIVE)
    except libvirt.libvirtError as error:
        if not is_code(error, "NO_SUPPORT"):  # the test driver
            raise Unreachable(host, "connect", str(error)) from error
