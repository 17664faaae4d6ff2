"""Asks hosts for their devices, where a VM leaves it to gitvirt which of them it gets.

Called by reconciler/cycle.py: it is a call for each device, so nobody asks who does not need to know. A host that
cannot tell has no devices to give.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from drivers.base import Host
from drivers.errors import DriverError
from drivers.node import NodeDevice
from reconciler.observe.atonce import at_once
from reconciler.observe.observed import Observed
from specs.structs import replace


def with_devices(observed: Observed, hosts: Mapping[str, Host], names: Collection[str]) -> Observed:
    """The same, with the devices of those of the named hosts that were read."""
    asked = {name: hosts[name] for name in sorted(names) if name in observed.seen and name in hosts}
    if not asked:
        return observed
    devices = at_once(lambda name: _devices(asked[name]), asked)
    seen = {name: replace(observed.seen[name], devices=found) for name, found in devices.items()}
    return replace(observed, hosts={**observed.hosts, **seen})


def _devices(host: Host) -> tuple[NodeDevice, ...]:
    try:
        return host.node.devices()
    except DriverError:
        return ()
