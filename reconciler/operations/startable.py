"""What stands against starting a VM where it is. Pure; called before every start by operations/power.py.

The host would refuse most of this by itself, in its own words and half-way; a VM or a disk that may be running
somewhere else it would not know of.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator

from reconciler.diff import outage
from reconciler.diff.context import Context
from reconciler.diff.power import moved_away
from reconciler.operations.scene import Target
from reconciler.place.choose import refusal
from reconciler.place.hosts.hoststate import maintenance
from reconciler.place.moving.movers.start import HARD
from reconciler.place.room import furnish
from specs.attachment import is_network
from specs.fields import entries
from specs.structs import Struct, replace

_LISTS = {"disks": "disk", "cdroms": "drive"}


class Obstacle(Struct, frozen=True, kw_only=True):
    """One reason against it, with what to do. `risk`: it can be taken by --force."""

    text: str
    risk: bool = False


Check = Callable[[Target, Context], Iterator[Obstacle]]


def obstacles(target: Target, context: Context) -> list[Obstacle]:
    """Everything that stands against a start, what cannot be forced first."""
    found = [each for check in CHECKS for each in check(target, context)]
    return sorted(found, key=lambda each: each.risk)


def _elsewhere(target: Target, context: Context) -> Iterator[Obstacle]:
    for each in context.observed.by_uuid.get(target.vm.uuid, ()):
        if each.host != target.where:
            yield Obstacle(text=f"{each.host} has a VM of the same uuid ({each.vm.power}); undefine the wrong one")


def _unseen(target: Target, context: Context) -> Iterator[Obstacle]:
    for name, host in context.observed.unseen.items():
        yield Obstacle(text=f"{name} was not read ({host.reason}), and may run it too", risk=True)


def _moved_away(target: Target, context: Context) -> Iterator[Obstacle]:
    if moved_away(target.vm):
        yield Obstacle(text="libvirt moved it to another host, where it may run", risk=True)


def _maintenance(target: Target, context: Context) -> Iterator[Obstacle]:
    if why := maintenance(target.where, context):
        yield Obstacle(text=f"{target.where} is in maintenance ({why})", risk=True)


def _declared_elsewhere(target: Target, context: Context) -> Iterator[Obstacle]:
    """Its `hosts:` and hard affinity rules, as a plan minds them; the room is furnished only where there are any."""
    name, wanted = target.ref.name, target.wanted
    ruled = any(name in each.vms for each in context.wanted.affinity.values())
    if wanted is None or (target.where in wanted.hosts and not ruled):
        return
    room = furnish(context, networks={}, storage={})
    if room.where.get(name) != target.where:
        return
    room.take(replace(room.leave(name), running=True), target.where)
    if why := refusal(name, room, HARD):
        yield Obstacle(text=f"it must not run on {target.where}: {why}; `gitvirt apply` moves it if it can", risk=True)


def _powered_down(target: Target, context: Context) -> Iterator[Obstacle]:
    if target.wanted is not None and (why := outage.powered_down(target.wanted, context)):
        yield Obstacle(text=f"{why}; `gitvirt cluster start {target.wanted.cluster}`")


def _unfinished(target: Target, context: Context) -> Iterator[Obstacle]:
    for key, device in sorted(target.mark.devices.items()):
        if device.pending:
            yield Obstacle(text=f"{key} was not completely made; `gitvirt apply` makes it")


def _files(target: Target, context: Context) -> Iterator[Obstacle]:
    """Disks, media, and what they are overlays of, as far as they lie in pools of the host."""
    for list_name, word in _LISTS.items():
        for name, device in entries(target.vm.config, list_name).items():
            source = device.get("source")
            if isinstance(source, str) and source and (why := _absent(source, target.where, context)):
                yield Obstacle(text=f"{word} {name}: {why}")


def _absent(path: str, host: str, context: Context) -> str:
    """Why the image at that path cannot be opened; "" if it can, or nobody can tell."""
    looked: set[str] = set()
    while path and path not in looked:
        looked.add(path)
        pool = context.observed.pool_at(host, posixpath.dirname(path))
        if pool is None:
            return ""
        if not pool.active:
            return f"pool {pool.name} is not active on {host}; `gitvirt apply` starts it"
        if pool.problem:
            return f"pool {pool.name} on {host} cannot be read: {pool.problem}"
        found = context.observed.volume_at(host, path)
        if found is None:
            return f"{path} is not there"
        path = found.volume.backing
    return ""


def _networks(target: Target, context: Context) -> Iterator[Obstacle]:
    for name, nic in entries(target.vm.config, "nics").items():
        network = str(nic.get("network", ""))
        if not is_network(network):
            continue
        seen = context.observed.network(target.where, network)
        if seen is None or not seen.active:
            what = "is not active" if seen else "does not exist"
            yield Obstacle(text=f"nic {name}: network {network} {what} on {target.where}; `gitvirt apply` brings it up")


def _in_use(target: Target, context: Context) -> Iterator[Obstacle]:
    """A disk that another VM writes to: on this host, or on any that shares the storage."""
    shared = [pool.path.rstrip("/") + "/" for pool in context.wanted.pools.values() if pool.shared]
    ours = {
        str(disk.get("source")): name
        for name, disk in entries(target.vm.config, "disks").items()
        if disk.get("source") and not disk.get("readOnly")
    }
    for each in context.observed.vms():
        if each.vm.live is None or (each.vm.uuid == target.vm.uuid and each.host == target.where):
            continue
        for disk in entries(each.vm.live, "disks").values():
            path = str(disk.get("source"))
            near = each.host == target.where or path.startswith(tuple(shared))
            if path in ours and near:
                yield Obstacle(text=f"disk {ours[path]} is in use by vm/{each.vm.name} on {each.host}")


CHECKS: tuple[Check, ...] = (
    _elsewhere,
    _unfinished,
    _files,
    _networks,
    _in_use,
    _powered_down,
    _unseen,
    _moved_away,
    _maintenance,
    _declared_elsewhere,
)
