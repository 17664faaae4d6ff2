"""Addresses of running guests, asked for in parallel and for a short time: an agent that hangs must delay nobody.

Called by the commands that show addresses. In: the hosts' drivers, and which VMs. Out: UUID → addresses, agent's
first; a VM that did not answer in time, or whose host does not, is not in it.
"""

from __future__ import annotations

import contextlib
import queue
import threading
import time
from collections.abc import Iterable, Mapping

from drivers.base import Host
from drivers.errors import DriverError
from drivers.seen import Address, Power
from reconciler.observe.observed import Found

DEADLINE = 6.0  # seconds; libvirt gives up on an agent that does not greet after 5, and asks for leases then
_AT_ONCE = 32


def addresses(
    hosts: Mapping[str, Host], machines: Iterable[Found], deadline: float = DEADLINE
) -> dict[str, tuple[Address, ...]]:
    """What the guests that run are reached by."""
    todo: queue.SimpleQueue[Found] = queue.SimpleQueue()
    asked = [each for each in machines if each.vm.power is Power.RUNNING and each.host in hosts]
    for each in asked:
        todo.put(each)
    answers: queue.SimpleQueue[tuple[str, tuple[Address, ...] | None]] = queue.SimpleQueue()
    for number in range(min(len(asked), _AT_ONCE)):
        threading.Thread(target=_work, args=(todo, answers, hosts), name=f"addresses {number}", daemon=True).start()
    found: dict[str, tuple[Address, ...]] = {}
    end = time.monotonic() + deadline
    with contextlib.suppress(queue.Empty):
        for _ in asked:
            uuid, told = answers.get(timeout=max(0.0, end - time.monotonic()))
            if told is not None:
                found[uuid] = told
    return found


def _work(
    todo: queue.SimpleQueue[Found],
    answers: queue.SimpleQueue[tuple[str, tuple[Address, ...] | None]],
    hosts: Mapping[str, Host],
) -> None:
    with contextlib.suppress(queue.Empty):
        while True:
            each = todo.get_nowait()
            try:
                answers.put((each.vm.uuid, hosts[each.host].reader.addresses(each.vm.uuid)))
            except DriverError:
                answers.put((each.vm.uuid, None))
