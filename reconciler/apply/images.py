"""An image into a pool: whatever an earlier try left goes, the bytes go up, and only then the marker says `ready`.

Called by dispatch.py, on a worker's thread. Where the bytes come from is the business of `Open` (reconciler/images.py).
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from typing import Protocol

from drivers.base import Host, NewVolume
from drivers.errors import Conflict, DriverError, Refused
from reconciler.desired.identity import keeper_marker, ready_marker, trashed_since
from reconciler.plan import plan

Told = Callable[[str, int, int], None]
"""(`fetch`, `unpack`, `convert`, `upload`; bytes done; bytes in all, 0 if unknown): hears of progress, often."""


class Source(Protocol):
    """The content of the volume that shall be: `size` bytes. `chunks` raises Refused if they prove to be others."""

    @property
    def size(self) -> int: ...
    def chunks(self) -> Iterator[bytes]: ...


Open = Callable[[plan.UploadImage, Told], AbstractContextManager[Source]]
"""Fetches, verifies and converts, as far as it takes; raises drivers.errors."""


def upload(call: plan.UploadImage, host: Host, open_image: Open, told: Told) -> tuple[str, ...] | None:
    """Makes the image there, complete and marked; None if it was."""
    ready = ready_marker(call.volume)
    if {call.volume, ready} <= host.volumes.names(call.pool, refresh=True):
        return None
    with open_image(call, told) as source:
        there = host.volumes.names(call.pool, refresh=True)  # a fetch takes its time: somebody else may have been here
        if {call.volume, ready} <= there:
            return None
        keeper = keeper_marker(call.volume, call.repository)
        mark(host, call.pool, keeper)
        for name in there:
            if name in (call.volume, ready) or ((found := trashed_since(name)) and found[0] == call.volume):
                host.volumes.delete(call.pool, name)
        try:
            host.volumes.upload(call.pool, call.volume, _counted(source, told), source.size)
        except Refused:
            for name in (call.volume, keeper):
                with contextlib.suppress(DriverError):
                    host.volumes.delete(call.pool, name)
            raise
    mark(host, call.pool, ready)
    return ()


def _counted(source: Source, told: Told) -> Iterator[bytes]:
    done = 0
    for chunk in source.chunks():
        yield chunk
        done += len(chunk)
        told("upload", done, source.size)


def keep(call: plan.KeepImage, host: Host) -> tuple[str, ...] | None:
    """Makes or removes our marker; None if that was so. Conflict if the image went meanwhile."""
    there = host.volumes.names(call.pool, refresh=True)
    marker = keeper_marker(call.volume, call.repository)
    if (marker in there) == call.keep:
        return None
    if not call.keep:
        host.volumes.delete(call.pool, marker)
        return ()
    if call.volume not in there:
        raise Conflict(host.name, "keep image", f"{call.volume} is not there any more")
    mark(host, call.pool, marker)
    return ()


def mark(host: Host, pool: str, name: str) -> None:
    """Makes a marker volume."""
    with contextlib.suppress(Conflict):  # another host made it: that is what we wanted
        host.volumes.create(NewVolume(pool=pool, name=name, capacity=0, format="raw"))
