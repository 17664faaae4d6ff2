"""The doorbell: a local socket on which `gitvirt sync` wakes the daemon and waits for the pass that follows.

One line of JSON each way: {"ask": "sync" | "status"} → the pass's summary. Only the socket's owner can connect (0600).
Called by reconciler/daemon/loop (server) and the command `sync` (client).
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

Answer = Callable[[dict[str, Any]], dict[str, Any]]
_LONGEST = 64 * 1024


class Doorbell:
    """The daemon's end. `answer` is called on a thread per visitor and may block."""

    def __init__(self, path: Path, answer: Answer) -> None:
        self.path, self._answer = path, answer
        path.unlink(missing_ok=True)
        self._server = socket.socket(socket.AF_UNIX)
        before = os.umask(0o177)
        try:
            with _nearby(path) as short:
                self._server.bind(short)
        finally:
            os.umask(before)
        self._server.listen(16)
        threading.Thread(target=self._serve, name="doorbell", daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                visitor, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._attend, args=(visitor,), daemon=True).start()

    def _attend(self, visitor: socket.socket) -> None:
        with visitor, contextlib.suppress(OSError, ValueError):
            visitor.settimeout(10)
            asked = json.loads(_line(visitor))
            visitor.settimeout(None)
            visitor.sendall(json.dumps(self._answer(asked), default=str).encode() + b"\n")

    def close(self) -> None:
        """No more visitors."""
        with contextlib.suppress(OSError):
            self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self.path.unlink(missing_ok=True)


def ring(path: str, ask: dict[str, Any], timeout: float | None) -> dict[str, Any]:
    """Asks the daemon; OSError if it does not answer in time."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(timeout)
        with _nearby(Path(path)) as short:
            line.connect(short)
        line.sendall(json.dumps(ask).encode() + b"\n")
        text = _line(line)
    if not text:
        raise ConnectionError("the daemon hung up")
    answer: dict[str, Any] = json.loads(text)
    return answer


@contextlib.contextmanager
def _nearby(path: Path) -> Iterator[str]:
    """The path by way of its open folder: a socket's may have 107 bytes only, and a state directory lies anywhere."""
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)


def _line(line: socket.socket) -> bytes:
    data = b""
    while not data.endswith(b"\n") and len(data) < _LONGEST:
        chunk = line.recv(4096)
        if not chunk:
            break
        data += chunk
    return data
