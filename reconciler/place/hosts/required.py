"""Required networks, and what roles ask: which hosts lack one, and the address that migrations to a host go to.

Pure. `missing_required` is asked for the state of hosts (a host that lacks one is non-operational, as in oVirt);
`migration_address` by what moves VMs. What gitvirt can make by itself is not missing: the same pass makes it.
"""

from __future__ import annotations

from drivers.seen import SeenHost
from reconciler.desired.wanted import Wanted, WantedNetwork
from reconciler.observe.observed import Observed
from reconciler.place.hosts import bridges

_ALWAYS = frozenset(("management",))
"""Roles whose network every host must have, whatever it declares."""


def missing_required(wanted: Wanted, observed: Observed) -> dict[str, str]:
    """Host → why it cannot do its work: a required network that it lacks and that gitvirt cannot make."""
    found: dict[str, str] = {}
    for name, host in observed.seen.items():
        if why := missing_on(name, host, wanted, observed):
            found[name] = why
    return found


def missing_on(name: str, host: SeenHost, wanted: Wanted, observed: Observed) -> str:
    """Why that host cannot do its work, "" if no required network is missing there."""
    for network in wanted.networks.values():
        asked = name in network.hosts and (network.required or _ALWAYS.intersection(network.roles))
        if asked and (why := _missing(network, host, observed)):
            return f"required network {network.name}: {why}"
    return ""


def _missing(network: WantedNetwork, host: SeenHost, observed: Observed) -> str:
    if why := bridges.lacking(network, host) or bridges.cut_off(network, host):
        return why
    seen = observed.network(host.name, network.name)
    if network.external:
        if seen is None:
            return f"the external network does not exist on {host.name}"
        return "" if seen.active else f"the external network is not active on {host.name}"
    if seen is not None and observed.owned_mark(seen.uuid, seen.mark) is None:
        return f"{host.name} has a network of this name that gitvirt does not own"
    return ""


def migration_address(wanted: Wanted, host: str, observed: Observed | None = None) -> str:
    """The host's address on its cluster's network of migrations, "" where libvirt shall choose.

    The declared one, else the only one that the host's bridge is known to have.
    """
    network = role_network(wanted, host, "migration")
    if network is None:
        return ""
    if host in network.addresses:
        return network.addresses[host]
    seen = observed.seen.get(host) if observed is not None else None
    link = seen.links.get(bridges.bridge_of(network, seen)) if seen is not None else None
    return next(iter(link.addresses)) if link is not None and len(link.addresses) == 1 else ""


def role_network(wanted: Wanted, host: str, role: str) -> WantedNetwork | None:
    """The network of that role on a host."""
    return next((each for each in wanted.networks.values() if host in each.hosts and role in each.roles), None)
