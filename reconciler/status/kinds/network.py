"""Networks as objects: declared once, there on each host. Pure."""

from __future__ import annotations

from typing import Any

from reconciler.desired.wanted import WantedNetwork
from reconciler.diff.networks import users
from reconciler.place.hosts import bridges
from reconciler.status import conditions
from reconciler.status.kinds.places import ready, state_of
from reconciler.status.situation import Situation
from reconciler.status.values import held, pending, sparse
from specs.render import spec_data
from specs.resource import Resource


def networks(situation: Situation) -> list[dict[str, Any]]:
    """Every declared network."""
    return [_network(each, situation) for each in situation.catalog.of("Network")]


def _network(resource: Resource, situation: Situation) -> dict[str, Any]:
    wanted = situation.context.wanted.networks[resource.name]
    changes = situation.changes.get(resource.ref, ())
    places = [_on(host, wanted, situation) for host in wanted.hosts]
    found = [ready(places, situation), conditions.in_sync(changes), conditions.kept_back(changes)]
    found += [conditions.drifted(changes), conditions.on_hold(resource.ref, "", situation)]
    status = {
        "state": state_of(places),
        "conditions": [each.data() for each in found],
        "hosts": places,
        **sparse(pending=pending(changes), held=held(changes)),
    }
    metadata = sparse(name=resource.name, labels=dict(resource.metadata.labels), uid=wanted.uuid)
    return {"metadata": metadata, "spec": spec_data(resource), "status": status}


def _on(host: str, wanted: WantedNetwork, situation: Situation) -> dict[str, Any]:
    seen = situation.context.observed.seen.get(host)
    if seen is None:
        return {"name": host, "state": "unknown"}
    network = situation.context.observed.network(host, wanted.name)
    if network is None:
        return {"name": host, "state": "absent"}
    fields = network.live if network.live is not None else network.config
    relied = bridges.relied(wanted, seen)
    return {
        "name": host,
        "state": "active" if network.active else "inactive",
        "autostart": network.autostart,
        **sparse(bridge=fields.get("bridge"), subnet=fields.get("subnet"), address=fields.get("address")),
        **sparse(vlan=fields.get("vlan"), vlanBy=relied or None, own=wanted.addresses.get(host)),
        **sparse(lacking=bridges.lacking(wanted, seen) or bridges.cut_off(wanted, seen) or None),
        "vms": users(seen, wanted.name),
        **sparse(generation=network.mark.generation if network.mark else None),
    }
