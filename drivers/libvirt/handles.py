"""When libvirt's handles (connections, domains, pools, volumes …) are freed: never while an error is on its way.

libvirt keeps the error of a failed call for its thread until the next call there, and freeing a handle is a call.
libvirt-python frees a handle when Python drops it, and Python's garbage collection drops handles on any thread at any
moment: also between the failure and the exception that asks for the reason, or while that copies it. Such an exception
knows no code, or code 0 and the text None, and nobody can tell a missing VM from a call that failed.

So a handle that is dropped on a thread with an error waits for the end of a call, where calls.py calls `free`. `guard`
and `leave` are called by loop.py, before anything is opened and when the process ends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import libvirt

Finalizer = Callable[[object], None]

_waiting: deque[tuple[Finalizer, object]] = deque()


def guard() -> None:
    """From now on no handle that Python drops takes an error with it. Called once."""
    for kind in _kinds():
        kind.__del__ = _guarded(kind.__del__)


def free() -> None:
    """Frees what waited. Only where nobody wants this thread's error any more, nor waits for this thread."""
    while _waiting:
        try:
            finalizer, handle = _waiting.popleft()
        except IndexError:  # another thread took it
            return
        finalizer(handle)


def leave() -> None:
    """From now on handles that Python drops are not freed.

    At the end of the process they must not speak to their hosts: without the loop there is no keepalive, and a silent
    host would hold the process for ever. The kernel closes their sockets.
    """
    for kind in _kinds():
        kind.__del__ = _nothing


def _kinds() -> Iterator[Any]:
    return (kind for kind in vars(libvirt).values() if isinstance(kind, type) and "__del__" in vars(kind))


def _guarded(finalizer: Finalizer) -> Finalizer:
    def dropped(handle: object) -> None:
        if libvirt.virGetLastErrorCode():
            _waiting.append((finalizer, handle))
        else:
            finalizer(handle)

    return dropped


def _nothing(handle: object) -> None:
    """In place of a finalizer."""
