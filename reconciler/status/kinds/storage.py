"""Storage domains and images as objects. Pure. Sizes in bytes; of a local domain those of each host, and their sum."""

from __future__ import annotations

from typing import Any

from reconciler.desired.identity import ready_marker
from reconciler.desired.wanted import WantedImage, WantedPool
from reconciler.diff.pools import pool_on
from reconciler.observe import backing
from reconciler.status import conditions
from reconciler.status.conditions import Condition, truth
from reconciler.status.kinds.places import ready, state_of
from reconciler.status.situation import Situation
from reconciler.status.values import held, pending, sparse
from specs.render import spec_data
from specs.resource import Resource


def domains(situation: Situation) -> list[dict[str, Any]]:
    """Every declared storage domain."""
    return [_domain(each, situation) for each in situation.catalog.of("StorageDomain")]


def _domain(resource: Resource, situation: Situation) -> dict[str, Any]:
    wanted = situation.context.wanted.pools[resource.name]
    places = [_pool(host, wanted, situation) for host in wanted.hosts]
    active = [each for each in places if each["state"] == "active"]
    counted = active[:1] if wanted.shared else active
    figures = {key: sum(each[key] for each in counted) for key in ("capacity", "available", "volumes") if active}
    status = {"state": state_of(places), **figures, "hosts": places}
    return _object(resource, status, ready(places, situation), situation) | {
        "metadata": sparse(name=resource.name, labels=dict(resource.metadata.labels), uid=wanted.uuid)
    }


def _object(resource: Resource, status: dict[str, Any], first: Condition, situation: Situation) -> dict[str, Any]:
    changes = situation.changes.get(resource.ref, ())
    found = [first, conditions.in_sync(changes), conditions.kept_back(changes)]
    found.append(conditions.on_hold(resource.ref, "", situation))
    status = {"conditions": [each.data() for each in found], **status}
    status |= sparse(pending=pending(changes), held=held(changes))
    metadata = sparse(name=resource.name, labels=dict(resource.metadata.labels))
    return {"metadata": metadata, "spec": spec_data(resource), "status": status}


def _pool(host: str, wanted: WantedPool, situation: Situation) -> dict[str, Any]:
    if host not in situation.context.observed.seen:
        return {"name": host, "state": "unknown"}
    pool = pool_on(situation.context, wanted, host)
    if pool is None:
        return {"name": host, "state": "absent"}
    state = "problem" if pool.problem else "active" if pool.active else "inactive"
    return {
        "name": host,
        "state": state,
        **sparse(problem=pool.problem, pool=pool.name),
        "autostart": pool.autostart,
        "capacity": pool.capacity,
        "available": pool.available,
        "volumes": len(pool.volumes),
    }


def images(situation: Situation) -> list[dict[str, Any]]:
    """Every declared image."""
    users = backing.users(situation.context.observed)
    return [_image(each, users, situation) for each in situation.catalog.of("Image")]


def _image(resource: Resource, users: dict[str, set[str]], situation: Situation) -> dict[str, Any]:
    wanted = situation.context.wanted.images[resource.name]
    pool = situation.context.wanted.pools.get(wanted.pool)
    places = [_image_on(host, wanted, pool, situation) for host in pool.hosts] if pool else []
    state = _state(places)
    path = f"{pool.path.rstrip('/')}/{wanted.volume}" if pool and wanted.volume else ""
    volume: dict[str, Any] = next((each for each in places if "size" in each), {})
    status: dict[str, Any] = {
        "state": state,
        **sparse(storageDomain=wanted.pool, volume=wanted.volume, format=wanted.format, path=path),
        **{key: volume[key] for key in ("size", "allocation") if key in volume},
        "usedBy": len(users.get(path, ())),
        "fileHere": wanted.source in situation.context.present,
        "hosts": places,
    }
    first = Condition(
        type="Ready", status="Unknown" if state == "unknown" else truth(state == "ready"), reason=state.capitalize()
    )
    return _object(resource, status, first, situation)


def _image_on(host: str, wanted: WantedImage, pool: WantedPool, situation: Situation) -> dict[str, Any]:
    if host not in situation.context.observed.seen:
        return {"name": host, "state": "unknown"}
    seen = pool_on(situation.context, pool, host)
    volume = seen.volumes.get(wanted.volume) if seen else None
    if seen is None or volume is None:
        return {"name": host, "state": "absent"}
    complete = wanted.external or ready_marker(wanted.volume) in seen.volumes
    state = "ready" if complete else "incomplete"
    return {"name": host, "state": state, "size": volume.capacity, "allocation": volume.allocation}


def _state(places: list[dict[str, Any]]) -> str:
    """The best of its hosts: one that has it is enough (of a local domain the others get it when they need it)."""
    states = [each["state"] for each in places]
    return next((each for each in ("ready", "incomplete", "unknown") if each in states), "absent")
