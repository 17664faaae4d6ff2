"""Does many things of one kind at once: each mostly waits for a host, and the drivers keep their own limits on calls.

Daemon threads of our own: those of a thread pool would keep the process alive behind a host that hangs. Used for
readings, questions about addresses, and deeds to many VMs.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_THREADS = 64


def at_once(ask: Callable[[Item], Answer], items: Iterable[Item]) -> dict[Item, Answer]:
    """The answer for each item, in the order of the items. Raises what a question raises."""
    order = list(items)
    found = dict(as_answered(ask, order))
    return {item: found[item] for item in order}


def as_answered(
    ask: Callable[[Item], Answer], items: Sequence[Item], patience: float | None = None
) -> Iterator[tuple[Item, Answer]]:
    """(item, answer) as they come, for `patience` seconds; what has not come then is left out. Raises as `ask` does."""
    todo: queue.SimpleQueue[Item] = queue.SimpleQueue()
    for item in items:
        todo.put(item)
    done: queue.SimpleQueue[tuple[Item, Answer] | BaseException] = queue.SimpleQueue()

    def work() -> None:
        while True:
            try:
                item = todo.get_nowait()
            except queue.Empty:
                return
            try:
                done.put((item, ask(item)))
            except BaseException as error:  # raised where the answers are awaited
                done.put(error)

    for number in range(min(len(items), _THREADS)):
        threading.Thread(target=work, name=f"at once {number}", daemon=True).start()
    end = None if patience is None else time.monotonic() + patience
    for _ in items:
        try:
            answer = done.get(timeout=None if end is None else max(0.0, end - time.monotonic()))
        except queue.Empty:
            return
        if isinstance(answer, BaseException):
            raise answer
        yield answer
