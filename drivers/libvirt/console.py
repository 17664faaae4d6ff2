"""A serial console: a libvirt stream between the guest's first console and whoever calls.

The stream is non-blocking, so that `receive` waits on our own event and can be ended by `close`; libvirt's loop only
sets that event. Opened through host.py; the CLI's terminal sits on top.
"""

from __future__ import annotations

import contextlib
import threading

import libvirt

from drivers.errors import DriverError, Refused
from drivers.libvirt.connect import Connections, Lease

PIECE = 64 * 1024  # bytes
WOULD_BLOCK = -2
RETRY = 0.02  # seconds between attempts to send when the guest does not read
READABLE = libvirt.VIR_STREAM_EVENT_READABLE | libvirt.VIR_STREAM_EVENT_ERROR | libvirt.VIR_STREAM_EVENT_HANGUP


def open_console(connections: Connections, uuid: str, force: bool) -> SerialConsole:
    """Opens it. Conflict if another session has it (and not `force`), Refused without a console, Missing."""
    operation = f"console of vm {uuid}"
    lease = connections.lease("long")
    try:
        domain = lease.call(operation, lease.connection.lookupByUUIDString, uuid, deadline=20.0)
        stream = lease.call(operation, lease.connection.newStream, libvirt.VIR_STREAM_NONBLOCK)
        flags = libvirt.VIR_DOMAIN_CONSOLE_FORCE if force else 0
        lease.call(operation, domain.openConsole, None, stream, flags, deadline=20.0)
    except BaseException:
        lease.release()
        raise
    return SerialConsole(connections.host, operation, lease, stream)


class SerialConsole:
    """An open console. One thread may send while another receives; `close` ends both."""

    def __init__(self, host: str, operation: str, lease: Lease, stream: libvirt.virStream) -> None:
        self._host, self._operation, self._lease, self._stream = host, operation, lease, stream
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._closed = False
        stream.eventAddCallback(READABLE, _on_event, self._ready)

    def send(self, data: bytes) -> None:
        """To the guest, all of it."""
        while data:
            with self._lock:
                self._must_be_open()
                try:
                    sent = self._stream.send(data)
                except libvirt.libvirtError as error:
                    raise Refused(self._host, self._operation, f"the console closed: {error}") from error
            if sent == WOULD_BLOCK:
                threading.Event().wait(RETRY)
            else:
                data = data[sent:]

    def receive(self) -> bytes:
        """From the guest; b"" when the console closed."""
        while True:
            self._ready.clear()
            with self._lock:
                if self._closed:
                    return b""
                try:
                    data = self._stream.recv(PIECE)
                except libvirt.libvirtError:
                    return b""  # hung up: the guest stopped, or another session took over
                if data != WOULD_BLOCK:
                    return bytes(data)
                self._stream.eventUpdateCallback(READABLE)
            self._ready.wait()

    def close(self) -> None:
        """Ends the session; a waiting `receive` returns b""."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            with contextlib.suppress(libvirt.libvirtError):
                self._stream.eventRemoveCallback()
            stream, self._stream = self._stream, None
        self._ready.set()
        with contextlib.suppress(DriverError, libvirt.libvirtError):
            self._lease.call(self._operation, stream.finish, deadline=5.0)
        self._lease.release()

    def _must_be_open(self) -> None:
        if self._closed:
            raise Refused(self._host, self._operation, "the console is closed")


def _on_event(stream: libvirt.virStream, events: int, ready: threading.Event) -> None:
    """In libvirt's loop: quiet until somebody reads, since it would fire again at once, and wake that somebody."""
    with contextlib.suppress(libvirt.libvirtError):
        stream.eventUpdateCallback(0)
    ready.set()
