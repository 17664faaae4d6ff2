"""Limits: how many steps may be under way at once, and what else than its host a step takes a place in.

Called by walk.py. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.plan.plan import CreateVolume, MigrateVm, Step, UploadImage
from specs.structs import Struct

Place = tuple[str, ...]
"""What is shared and can be full: ("leaving", HOST), ("storage", STORAGE DOMAIN) …"""


class Limits(Struct, frozen=True, kw_only=True):
    """Steps at once on one host and in all; of those, how many fill one storage domain, from whatever hosts."""

    host: int = 8
    total: int = 64
    storage: int = 2


def places(step: Step, limits: Limits) -> Iterator[tuple[Place, int]]:
    """What a step takes a place in, and how many there are of each.

    While a host copies within a pool libvirt does nothing else there, so a second copy would only wait, in a place of
    its host's.
    """
    call = step.call
    if isinstance(call, MigrateVm):
        yield ("leaving", step.host), call.concurrent
        yield ("coming", call.target), call.concurrent
    elif isinstance(call, UploadImage):
        yield ("storage", call.pool), limits.storage
    elif isinstance(call, CreateVolume) and call.volume.copy_of:
        yield ("storage", call.volume.pool), limits.storage
        yield ("copy", step.host, call.volume.pool), 1
