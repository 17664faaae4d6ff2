"""The same for several hosts at once. Called by lab.py and status.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def for_each(work: Callable[[str], T], names: Sequence[str]) -> list[T]:
    """Do `work` for all names; the first error is raised when all have ended."""
    with ThreadPoolExecutor(max_workers=max(1, min(len(names), 8))) as pool:
        return [future.result() for future in [pool.submit(work, name) for name in names]]
