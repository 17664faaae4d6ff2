"""Watching a host: libvirt's events become wake-ups that carry no data.

Callbacks run in libvirt's loop thread and only put the ref of what changed into a queue; one daemon thread per host
takes them out, calls `wake`, and keeps the connection: when it is lost, everybody is told to look again (""), it is
opened anew with growing, jittered pauses, and everybody is told once more, since what happened in between is unknown.
libvirt reports no event for many changes (autostart, changes of the next boot's definition, volumes): a timer of the
caller's must look at everything now and then. A pool's refresh is left out on purpose: reading a host refreshes its
pools, so that every reading would cause the next, or two watchers would wake each other for ever.
"""

from __future__ import annotations

import contextlib
import queue
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import libvirt

from drivers.base import WakeUp
from drivers.errors import DriverError
from drivers.libvirt.connect import Connections

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds
CALM = 60.0  # seconds between checks of a silent connection

DOMAIN_EVENTS = (
    "LIFECYCLE",
    "REBOOT",
    "IO_ERROR",
    "TRAY_CHANGE",
    "DEVICE_ADDED",
    "DEVICE_REMOVED",
    "DEVICE_REMOVAL_FAILED",
    "AGENT_LIFECYCLE",
    "METADATA_CHANGE",
    "BLOCK_JOB_2",
    "TUNABLE",
    "PMSUSPEND",
    "PMWAKEUP",
    "BALLOON_CHANGE",
    "NIC_MAC_CHANGE",
)
"""By name, since an older binding lacks the newest; each is registered by itself, since a daemon may refuse one."""


class _Lost:
    """In the queue: the connection went away."""


class _Stop:
    """In the queue: the end."""


class Watch:
    """The watch over one host."""

    def __init__(self, connections: Connections, wake: WakeUp) -> None:
        self._connections, self._wake = connections, wake
        self._queue: queue.SimpleQueue[str | type[_Lost] | type[_Stop]] = queue.SimpleQueue()
        self._stopped = threading.Event()
        self._registered: Any = None
        self._undo: list[Callable[[], object]] = []

    def start(self) -> None:
        """Starts the thread; the first connection is made there."""
        self._connections.on_lost = lambda: self._queue.put(_Lost)
        threading.Thread(target=self._run, name=f"libvirt-watch-{self._connections.host}", daemon=True).start()

    def stop(self) -> None:
        """No wake-up after this returns but one that is under way."""
        self._stopped.set()
        self._queue.put(_Stop)
        self._connections.on_lost = lambda: None

    def _run(self) -> None:
        again = False
        while not self._stopped.is_set():
            if not self._connect():
                return
            if again:
                self._tell("")
            self._pass_on()
            if not self._stopped.is_set():
                self._tell("")
            again = True
        self._unregister()

    def _connect(self) -> bool:
        """True when events arrive; False if the watch was stopped before that."""
        pause = FIRST_PAUSE
        while not self._stopped.is_set():
            try:
                with self._connections.reads() as conn:
                    if conn is not self._registered:
                        self._unregister()
                        self._connections.call("watch", self._register, conn)
                        self._connections.before_close(self._unregister)
                        self._registered = conn
                return True
            except DriverError:
                self._stopped.wait(pause * random.uniform(0.5, 1.5))
                pause = min(2 * pause, LONGEST_PAUSE)
        return False

    def _pass_on(self) -> None:
        """Wakes for each event until the connection is lost or the watch stopped."""
        while True:
            try:
                item = self._queue.get(timeout=CALM)
            except queue.Empty:
                if self._still_there():
                    continue
                return
            if not isinstance(item, str):
                return
            self._tell(item)

    def _still_there(self) -> bool:
        """Whether the connection that carries our events is the one in use and alive."""
        try:
            with self._connections.reads() as conn:
                if self._registered is not conn:
                    return False
                self._connections.call("watch", conn.getLibVersion, deadline=10.0)
                return True
        except DriverError:
            return False

    def _tell(self, ref: str) -> None:
        if not self._stopped.is_set():
            self._wake(self._connections.host, ref)

    def _register(self, conn: libvirt.virConnect) -> None:
        for register, deregister, number, callback in self._wanted(conn):
            try:
                identity = register(None, number, callback, None)
            except libvirt.libvirtError:
                continue  # this daemon does not know this event
            self._undo.append(lambda deregister=deregister, identity=identity: deregister(identity))  # type: ignore[misc]

    def _wanted(self, conn: libvirt.virConnect) -> Iterator[tuple[Any, Any, int, Any]]:
        for name in DOMAIN_EVENTS:
            if (number := getattr(libvirt, f"VIR_DOMAIN_EVENT_ID_{name}", None)) is not None:
                yield conn.domainEventRegisterAny, conn.domainEventDeregisterAny, number, self._on("vm")
        for name in ("LIFECYCLE", "METADATA_CHANGE"):
            if (number := getattr(libvirt, f"VIR_NETWORK_EVENT_ID_{name}", None)) is not None:
                yield conn.networkEventRegisterAny, conn.networkEventDeregisterAny, number, self._on("network")
        number = libvirt.VIR_STORAGE_POOL_EVENT_ID_LIFECYCLE
        yield conn.storagePoolEventRegisterAny, conn.storagePoolEventDeregisterAny, number, self._on("pool")

    def _on(self, kind: str) -> Callable[..., None]:
        """A callback: (connection, object, …) of any event."""

        def happened(_: object, thing: Any, *__: object) -> None:
            self._queue.put(f"{kind}/{thing.name()}")  # the name is in the handle: no call is made

        return happened

    def _unregister(self) -> None:
        """Events hold on to their connection; a dead one refuses, and lets go anyway."""
        undo, self._undo = self._undo, []
        self._registered = None
        for each in undo:
            with contextlib.suppress(libvirt.libvirtError):
                each()
