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
        libvirt.registerErrorHandler(_note, None)  # libvirt would print every error to stderr
        _thread = threading.Thread(target=_run, name="libvirt-events", daemon=True)
        _thread.start()
        atexit.register(stop)


def stop() -> None:
    """Ends the loop's thread. For the end of the process: libvirt cannot register a second loop.

    Handles that are still about must not speak to their hosts when the interpreter frees them: without the loop
    there is no keepalive, and a silent host would hold the process for ever. The kernel closes their sockets.
    """
    if _thread is None or _stopping.is_set():
        return
    _stopping.set()
    libvirt.virEventAddTimeout(0, _wake, None)  # the loop sits in poll() until something happens
    _thread.join(STOP_WAIT)
    for kind in vars(libvirt).values():
        if isinstance(kind, type) and "__del__" in vars(kind):
            kind.__del__ = _keep  # type: ignore[attr-defined]


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


def _keep(handle: object) -> None:
    """In place of a handle's finalizer."""


def forget_error() -> None:
    """For whoever begins a call on this thread, so that nobody can take an older call's error for its own."""
    _errors.last = None
    libvirt.virResetLastError()


def complete(error: BaseException) -> None:
    """Gives an exception of libvirt-python its error record back. Call it on the thread of the failed call.

    The exception asks libvirt for the record a moment after the call failed. If Python happens to free some handle in
    that moment, the record is reset and the exception does not even know that an object is missing.
    """
    if isinstance(error, libvirt.libvirtError) and error.err is None:
        error.err = getattr(_errors, "last", None)


_errors = threading.local()


def _note(context: object, error: tuple[object, ...]) -> None:
    """Called on the thread of the failing call, before it returns."""
    _errors.last = error
