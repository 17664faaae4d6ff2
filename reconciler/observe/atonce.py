"""Asks hosts many things at once: each question mostly waits, and the drivers keep their own limits on calls.

Daemon threads of our own: those of a thread pool would keep the process alive behind a host that hangs.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")
Answer = TypeVar("Answer")

_THREADS = 64


def at_once(ask: Callable[[Item], Answer], items: Iterable[Item]) -> dict[Item, Answer]:
    """The answer for each item, in the order of the items. Raises what a question raises."""
    todo: queue.SimpleQueue[Item] = queue.SimpleQueue()
    order = list(items)
    for item in order:
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
            except BaseException as error:
                done.put(error)

    for number in range(min(len(order), _THREADS)):
        threading.Thread(target=work, name=f"observe {number}", daemon=True).start()
    found: dict[Item, Answer] = {}
    for _ in order:
        answer = done.get()
        if isinstance(answer, BaseException):
            raise answer
        found[answer[0]] = answer[1]
    return {item: found[item] for item in order}
