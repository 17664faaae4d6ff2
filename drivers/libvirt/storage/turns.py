"""Turns on a pool: many that only add volumes at once, or one that does anything else.

libvirt builds several volumes of a pool side by side, but cannot refresh the pool meanwhile; what looks first and acts
then must not be disturbed either. Whoever wants to be alone goes before those that come later. Used by volumes.py.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator


class Turns:
    """The turns on one pool, by name. Thread-safe; not to be nested."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._adding: Counter[str] = Counter()
        self._alone: set[str] = set()
        self._want_alone: Counter[str] = Counter()

    @contextlib.contextmanager
    def adding(self, pool: str, patience: float) -> Iterator[bool]:
        """Together with others that add; False if it is not one's turn within `patience` seconds."""
        with self._changed:
            mine = self._wait(patience, lambda: pool not in self._alone and not self._want_alone[pool])
            self._adding[pool] += mine
        try:
            yield mine
        finally:
            with self._changed:
                self._adding[pool] -= mine
                self._changed.notify_all()

    @contextlib.contextmanager
    def alone(self, pool: str, patience: float) -> Iterator[bool]:
        """With nobody else; False if it is not one's turn within `patience` seconds."""
        with self._changed:
            self._want_alone[pool] += 1
            try:
                mine = self._wait(patience, lambda: pool not in self._alone and not self._adding[pool])
            finally:
                self._want_alone[pool] -= 1
                self._changed.notify_all()
            if mine:
                self._alone.add(pool)
        try:
            yield mine
        finally:
            if mine:
                with self._changed:
                    self._alone.remove(pool)
                    self._changed.notify_all()

    def _wait(self, patience: float, free: Callable[[], bool]) -> bool:
        until = time.monotonic() + patience
        while not free():
            left = until - time.monotonic()
            if left <= 0:
                return False
            self._changed.wait(left)
        return True
