"""libvirt's event loop: process-global, registered before the first connection, run in one daemon thread.

Keepalive, close callbacks, events and streams all depend on it. `start` is called by connect.py before it opens
anything; at exit the loop is stopped before the interpreter goes away, since a callback into a dying interpreter
crashes. Callbacks run in the loop's thread and may only set flags and fill queues.
"""

from __future__ import annotations

import atexit
import contextlib
import threading
import time

import libvirt

from drivers.libvirt import handles

STOP_WAIT = 2.0  # seconds
PAUSE = 0.005  # seconds
"""Between two rounds. Every call on a connection touches the loop's set of sockets and would wake its thread, twice;

while it pauses nothing wakes it. An event is that much later, and 1000 calls are 50 to 80 ms of CPU cheaper."""

_lock = threading.Lock()
_thread: threading.Thread | None = None
_stopping = threading.Event()


def start() -> None:
    """Registers and runs the loop; calling it again does nothing."""
    global _thread
    with _lock:
        if _thread is not None:
            return
        libvirt.virEventRegisterDefaultImpl()
        libvirt.registerErrorHandler(_silent, None)  # libvirt would print every error to stderr
        handles.guard()
        _thread = threading.Thread(target=_run, name="libvirt-events", daemon=True)
        _thread.start()
        atexit.register(stop)


def stop() -> None:
    """Ends the loop's thread. For the end of the process: libvirt cannot register a second loop."""
    if _thread is None or _stopping.is_set():
        return
    _stopping.set()
    libvirt.virEventAddTimeout(0, _wake, None)  # the loop sits in poll() until something happens
    _thread.join(STOP_WAIT)
    handles.leave()


def running() -> bool:
    """Whether events can arrive."""
    return _thread is not None and _thread.is_alive() and not _stopping.is_set()


def _run() -> None:
    while not _stopping.is_set():
        with contextlib.suppress(libvirt.libvirtError):  # one failed poll must not end keepalive for every host
            libvirt.virEventRunDefaultImpl()
        time.sleep(PAUSE)


def _wake(timer: int, opaque: object) -> None:
    libvirt.virEventRemoveTimeout(timer)


def _silent(context: object, error: tuple[object, ...]) -> None:
    """Whoever made the call gets the error as an exception."""
