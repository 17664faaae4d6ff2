"""Addresses of running guests, asked for in parallel and for a short time: an agent that hangs must delay nobody.

Called by the commands that show addresses. In: the hosts' drivers, and which VMs. Out: UUID → addresses, agent's
first; a VM that did not answer in time, or whose host does not, is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers.base import Host
from drivers.errors import DriverError
from drivers.seen import Address, Power
from reconciler.observe.atonce import as_answered
from reconciler.observe.observed import Found

DEADLINE = 6.0  # seconds; libvirt gives up on an agent that does not greet after 5, and asks for leases then


def addresses(
    hosts: Mapping[str, Host], machines: Iterable[Found], deadline: float = DEADLINE
) -> dict[str, tuple[Address, ...]]:
    """What the guests that run are reached by."""
    asked = [each for each in machines if each.vm.power is Power.RUNNING and each.host in hosts]
    answers = as_answered(lambda each: _ask(each, hosts), asked, deadline)
    return {each.vm.uuid: told for each, told in answers if told is not None}


def _ask(each: Found, hosts: Mapping[str, Host]) -> tuple[Address, ...] | None:
    try:
        return hosts[each.host].reader.addresses(each.vm.uuid)
    except DriverError:
        return None
