"""Two samples of what every host and its running VMs use, for shares of time in between.

Called by `gitvirt top`. Statistics only: nothing of it is part of an observation. A host that does not answer is a
text; the others are sampled side by side.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from drivers.base import Host
from drivers.errors import DriverError
from drivers.node import Usage
from reconciler.observe.atonce import at_once
from specs.structs import Struct


class Sampled(Struct, frozen=True, kw_only=True):
    """One host twice, `elapsed` seconds apart."""

    first: Usage
    second: Usage
    elapsed: float


class Watch(Struct, frozen=True, kw_only=True):
    """How time passes between the samples; tests have their own."""

    now: Callable[[], float] = time.monotonic
    wait: Callable[[float], None] = time.sleep


def sample(hosts: Mapping[str, Host], seconds: float, watch: Watch | None = None) -> dict[str, Sampled | str]:
    """Every host, or why it could not be read."""
    passing = watch or Watch()
    return at_once(lambda name: _sample(hosts[name], seconds, passing), hosts)


def _sample(host: Host, seconds: float, watch: Watch) -> Sampled | str:
    try:
        first, began = host.node.usage(), watch.now()
        watch.wait(seconds)
        second = host.node.usage()
        return Sampled(first=first, second=second, elapsed=watch.now() - began)
    except DriverError as error:
        return error.detail
