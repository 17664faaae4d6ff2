"""Ctrl-C for commands that change hosts: the first lets running steps end, the second leaves at once."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reconciler.app import App


@contextmanager
def interruptible(app: App) -> Iterator[None]:
    """First Ctrl-C (or SIGTERM): waits end, running steps end, nothing new is begun. Second: leave at once."""
    if threading.current_thread() is not threading.main_thread():
        yield  # signals reach the main thread only
        return

    def asked(number: int, frame: object) -> None:
        if app.stop.is_set():
            raise KeyboardInterrupt
        app.stop.set()
        print("\nStopping: what runs is let end, nothing new is begun. Ctrl-C again leaves at once.", file=sys.stderr)

    before = {each: signal.signal(each, asked) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
