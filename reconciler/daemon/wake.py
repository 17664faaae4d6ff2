"""Wake-ups: everything that makes the daemon look again. They carry no data; several that come together are one.

Events of hosts, changes of files, requests on the socket and the timer all end here. Called by reconciler/daemon/loop.
"""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

_SETTLE = 0.3  # seconds in which events that belong together arrive
_JITTER = 0.1  # share of the interval by which timers of many daemons drift apart


class Wakes:
    """Collects reasons until the loop takes them."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._reasons: set[str] = set()
        self._stopped = False

    def wake(self, reason: str) -> None:
        """Asks for a pass."""
        with self._changed:
            self._reasons.add(reason)
            self._changed.notify_all()

    def stop(self) -> None:
        """Ends the loop after the pass under way."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    @property
    def stopped(self) -> bool:
        """True once `stop` was called."""
        return self._stopped

    def wait(self, seconds: float) -> frozenset[str]:
        """The reasons that came within `seconds`; empty if none did. What follows at once is taken along."""
        with self._changed:
            self._changed.wait_for(lambda: self._reasons or self._stopped, timeout=seconds)
        if self._reasons and not self._stopped:
            time.sleep(_SETTLE)
        with self._changed:
            found, self._reasons = frozenset(self._reasons), set()
        return found


def jittered(interval: float) -> float:
    """The interval, a little longer or shorter each time."""
    return interval * random.uniform(1 - _JITTER, 1 + _JITTER)


def watch_folder(folder: Path, wakes: Wakes, stop: threading.Event) -> None:
    """Wakes on every change below a folder, from a daemon thread of its own, until `stop`."""

    def run() -> None:
        from watchfiles import watch

        for _ in watch(folder, stop_event=stop, debounce=200, raise_interrupt=False):
            wakes.wake("files changed")

    threading.Thread(target=run, name="watch folder", daemon=True).start()
