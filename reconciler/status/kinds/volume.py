"""Volumes of ours, and what lies in the trash, as objects. Pure. Sizes in bytes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from drivers.seen import SeenPool, SeenVolume
from reconciler.desired.identity import is_marker, ready_marker, trashed_since
from reconciler.diff.pools import pool_on
from reconciler.observe import backing
from reconciler.status.situation import Machine, Situation
from reconciler.status.values import sparse, time
from specs.structs import Struct, field


class _Volume(Struct, kw_only=True):
    """A volume in a storage domain (or, where no declared domain has it, a pool), on all hosts that show it."""

    domain: str
    volume: SeenVolume
    hosts: list[str] = field(default_factory=list)
    ready: bool = False
    trashed: int = 0


def volumes(situation: Situation) -> list[dict[str, Any]]:
    """Every volume that gitvirt made for this repository: disks, seeds; and the images of its domains."""
    users = backing.users(situation.context.observed)
    return [_object(each, users) for each in _ours(situation)]


def _object(each: _Volume, users: dict[str, set[str]]) -> dict[str, Any]:
    used = sorted(users.get(each.volume.path, ()))
    state = "trashed" if each.trashed else "in use" if used else "unused"
    status = {
        "state": state,
        **sparse(trashed=time(each.trashed)),
        "capacity": each.volume.capacity,
        "allocation": each.volume.allocation,
        **sparse(
            format=each.volume.format, path=each.volume.path, backing=each.volume.backing, usedBy=used,
            storageDomain=each.domain, hosts=each.hosts,
        ),
        "ready": each.ready,
    }  # fmt: skip
    return {"metadata": {"name": each.volume.name}, "spec": {}, "status": status}


def _ours(situation: Situation) -> list[_Volume]:
    prefix = f"gv-{situation.context.wanted.repository[:8]}-"
    ours = (prefix, "gv-img-", "gv-seed-")
    found: dict[tuple[str, str, str], _Volume] = {}
    for domain, host, pool, shared in _pools(situation):
        trash = {marker[0]: marker[1] for name in pool.volumes if (marker := trashed_since(name))}
        for name, volume in pool.volumes.items():
            if not name.startswith(ours) or is_marker(name):
                continue
            key = (domain, "" if shared else host, name)
            each = found.setdefault(key, _Volume(domain=domain, volume=volume))
            each.hosts.append(host)
            each.ready = each.ready or ready_marker(name) in pool.volumes
            each.trashed = each.trashed or trash.get(name, 0)
    return [found[key] for key in sorted(found)]


def _pools(situation: Situation) -> Iterator[tuple[str, str, SeenPool, bool]]:
    """(storage domain, host, pool, whether all hosts see the same) of every pool that serves a declared domain."""
    for wanted in situation.context.wanted.pools.values():
        for host in wanted.hosts:
            pool = pool_on(situation.context, wanted, host)
            if pool is not None:
                yield wanted.name, host, pool, wanted.shared


def trash(situation: Situation) -> list[dict[str, Any]]:
    """What can still be brought back: VMs with their disks, then disks that were removed from VMs."""
    by_name = {(each.domain, each.volume.name): each for each in _ours(situation) if each.trashed}
    found = [_machine(each, by_name, situation) for each in situation.trashed]
    told = {(each["domain"], each["volume"]) for item in found for each in item["status"]["disks"]}
    removed = _removed(situation)
    for key, volume in by_name.items():
        if key not in told:
            found.append(_disk(volume, removed.get(key, ("", "")), situation))
    return found


def _machine(machine: Machine, trashed: dict[tuple[str, str], _Volume], situation: Situation) -> dict[str, Any]:
    mark = machine.mark
    assert mark is not None
    names = {key: device.volume for key, device in mark.devices.items() if key.startswith("disk/") and device.made}
    names |= mark.trash
    disks: list[dict[str, Any]] = []
    for key, text in sorted(names.items()):
        domain, _, volume = text.partition("/")
        seen = trashed.get((domain, volume))
        size = {"allocation": seen.volume.allocation, "capacity": seen.volume.capacity} if seen else {}
        disks.append({"name": key.partition("/")[2], "domain": domain, "volume": volume, **size})
    until = mark.trashed + situation.context.wanted.trash_keep
    status = sparse(
        ref=str(machine.ref), host=machine.host, since=time(mark.trashed), until=time(until), revision=mark.revision
    )
    space = sum(each["allocation"] for each in disks if "allocation" in each)
    metadata = sparse(name=machine.ref.name, uid=machine.vm.uuid if machine.vm else "")
    return {"metadata": metadata, "spec": {}, "status": {**status, "disks": disks, "space": space}}


def _removed(situation: Situation) -> dict[tuple[str, str], tuple[str, str]]:
    """(domain, volume) → (ref, disk) of the disks that were removed from VMs which are still there."""
    found = {}
    for machine in situation.machines:
        for key, text in (machine.mark.trash if machine.mark else {}).items():
            domain, _, volume = text.partition("/")
            found[domain, volume] = (str(machine.ref), key.partition("/")[2])
    return found


def _disk(each: _Volume, owner: tuple[str, str], situation: Situation) -> dict[str, Any]:
    ref, disk = owner
    until = each.trashed + situation.context.wanted.trash_keep
    volume = {
        "name": disk, "domain": each.domain, "volume": each.volume.name,
        "allocation": each.volume.allocation, "capacity": each.volume.capacity,
    }  # fmt: skip
    status = {
        "ref": ref or f"volume/{each.domain}/{each.volume.name}",
        "since": time(each.trashed),
        "until": time(until),
    }
    return {
        "metadata": {"name": each.volume.name},
        "spec": {},
        "status": {**status, "disks": [volume], "space": each.volume.allocation},
    }
