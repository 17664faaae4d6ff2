"""Looks again where hosts were read at different moments and a VM may have moved from one to the other in between.

Such a VM seems to be on both hosts, or on none. Called by reconciler/cycle.py; changes nothing. In: the observation or
the plan's steps, and the hosts. Out: the observation put right; or whether everything has to be read anew.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers.base import Host
from drivers.errors import DriverError
from drivers.seen import SeenHost, SeenVm
from reconciler.observe.atonce import at_once
from reconciler.observe.observed import Observed
from reconciler.plan.plan import DefineVm, Step
from specs.structs import replace

Place = tuple[str, str]  # host, uuid


def sure(observed: Observed, hosts: Mapping[str, Host]) -> Observed:
    """The observation, in which VMs that seem to be on several hosts were read from these once more."""
    twice = [found for found in observed.by_uuid.values() if len(found) > 1]
    places = {(each.host, each.vm.uuid): each.vm for found in twice for each in found if each.host in hosts}
    if not places:
        return observed
    now = at_once(lambda place: _read(hosts[place[0]], place[1], places[place]), places)
    moved = {place for place, vm in now.items() if vm is None or vm != places[place]}
    if not moved:
        return observed
    fresh = {name: _with(observed.seen[name], now) for name in {host for host, _ in moved}}
    return replace(observed, hosts={**observed.hosts, **fresh})


def _read(host: Host, uuid: str, before: SeenVm) -> SeenVm | None:
    """The VM as it is now; as it was read before where the host does not answer."""
    try:
        return host.reader.vm(uuid)
    except DriverError:
        return before


def _with(seen: SeenHost, now: Mapping[Place, SeenVm | None]) -> SeenHost:
    read = (now.get((seen.name, each.uuid), each) for each in seen.vms)
    return replace(seen, vms=tuple(each for each in read if each is not None))


def overlooked(steps: Iterable[Step], hosts: Mapping[str, Host]) -> bool:
    """Whether a VM that the plan makes is there after all.

    Asked only for those of which no disk is made: a disk that exists already tells of all others (`HoldsData`).
    """
    made = (each.call.vm for each in steps if isinstance(each.call, DefineVm))
    new = [vm.uuid for vm in made if not any(device.made for device in vm.mark.devices.values())]
    places = [(name, uuid) for uuid in new for name in hosts]
    return any(at_once(lambda place: _has(hosts[place[0]], place[1]), places).values())


def _has(host: Host, uuid: str) -> bool:
    try:
        return host.reader.vm(uuid) is not None
    except DriverError:
        return False  # the step itself will meet it, and tell
