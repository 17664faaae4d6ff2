"""Asks how far migrations are of which two hosts show signs, whoever began them.

A source shows nothing of a migration in what is read of it until its guest is stopped for the last bytes; so it is
asked, but only for VMs of which another host holds a shell. Called by reconciler/cycle.py after the hosts were read;
changes nothing. In: the observation and the hosts. Out: uuid → Flight, for the Context.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.base import Host
from drivers.errors import DriverError
from reconciler.observe.atonce import at_once
from reconciler.observe.observed import Flight, Observed, between


def flights(observed: Observed, hosts: Mapping[str, Host]) -> dict[str, Flight]:
    """Every VM that is between two hosts. A source that cannot be asked is taken to be at it."""
    signs = {each.vm.uuid for each in observed.vms() if each.vm.migrating}
    found = {uuid: between(observed.by_uuid[uuid]) for uuid in sorted(signs)}
    told = at_once(lambda uuid: _ask(uuid, found[uuid], hosts), found)
    return {uuid: told[uuid] for uuid in found}


def _ask(uuid: str, flight: Flight, hosts: Mapping[str, Host]) -> Flight:
    if flight.source not in hosts:
        return flight
    try:
        progress = hosts[flight.source].migrations.progress(uuid)
    except DriverError:
        return flight
    return Flight(source=flight.source, target=flight.target, progress=progress, asked=True)
