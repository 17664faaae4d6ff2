"""Reads all declared hosts at once; a host that cannot be read is data too.

Called by reconciler/cycle.py. In: a driver per declared host. Out: Observed. One thread per host, since each reading
is mostly waiting; the drivers keep their own limits on calls.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.base import Host
from drivers.errors import Denied, DriverError
from drivers.seen import SeenHost, Unseen
from reconciler.observe.atonce import at_once
from reconciler.observe.observed import Observed
from specs.structs import replace


def collect(hosts: Mapping[str, Host], repository: str, now: int) -> Observed:
    """Every host, read completely or not at all; `repository` is the id whose marks are ours."""
    readings = _readings(hosts)
    return Observed(hosts=_one_each(readings), taken=now, repository=repository)


def _readings(hosts: Mapping[str, Host]) -> dict[str, SeenHost | Unseen]:
    return at_once(lambda name: _read(name, hosts[name]), hosts)


def _read(name: str, host: Host) -> SeenHost | Unseen:
    try:
        return replace(host.reader.read(), name=name)
    except DriverError as error:
        return Unseen(name=name, reason=error.detail, denied=isinstance(error, Denied))


def _one_each(readings: dict[str, SeenHost | Unseen]) -> dict[str, SeenHost | Unseen]:
    """Two declared hosts with one libvirt uuid are one host under two names: neither may be worked with."""
    names: dict[str, list[str]] = {}
    for name, reading in readings.items():
        if isinstance(reading, SeenHost):
            names.setdefault(reading.uuid, []).append(name)
    found = dict(readings)
    for uuid, same in names.items():
        for name in same if len(same) > 1 else ():
            others = ", ".join(each for each in same if each != name)
            text = f"it is the same libvirt host as {others} (uuid {uuid}); remove one of them, or give it its own uuid"
            found[name] = Unseen(name=name, reason=text, twin=True)
    return found
