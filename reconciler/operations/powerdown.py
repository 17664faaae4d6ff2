"""A cluster's power-down, and its way back, in order of what matters: `gitvirt cluster stop | start`.

VMs go down gracefully by priority, those that are not highly available first and the highest priority last; they come
back the other way round, those alone that ran before. Hosts, networks and storage are left as they are. How far it came
is an override of the cluster (reconciler/diff/outage.py reads it), so a daemon obeys, and the same command goes on from
what is down by then: it never starts a VM in order to stop it again, nor the other way round.
"""

from __future__ import annotations

from functools import partial

from reconciler.diff import outage
from reconciler.diff.context import Context
from reconciler.diff.power import OUTAGE
from reconciler.operations.campaign import Campaign, Settled
from reconciler.operations.maintenance import strangers
from reconciler.operations.scene import Declined
from reconciler.place.hosts.hoststate import POWER, by_hand
from reconciler.place.moving.wish import Home, homes
from specs.resource import Ref
from specs.structs import replace

_HIGHEST = 100
"""The highest priority that a VM can have."""


def members(cluster: str, context: Context) -> list[Home]:
    """The cluster's VMs that exist."""
    return [home for home in homes(context) if home.wanted.cluster == cluster]


def down(cluster: str, campaign: Campaign) -> dict[str, str]:
    """Stops all VMs, level by level; returns what still runs, or may, with why. Higher levels run on then.

    Hosts that cannot be read, and VMs that are not declared, hold nothing up: what can be reached goes down, and they
    are named.
    """
    context = campaign.look().context
    reached = _reached(cluster, context)
    for level in _levels(cluster, context):
        _note(cluster, "stopped", str(max(level, reached)), campaign)
        campaign.tell(f"cluster/{cluster}: stopping VMs {_words(level)}")
        running = partial(_running, cluster, level)
        settled = campaign.passes(running)
        if campaign.interrupted:
            return _why(_running(cluster, _HIGHEST, settled.context), settled)
        if left := running(settled.context):
            return _why(left, settled)
    _note(cluster, "stopped", "", campaign)
    context = campaign.look().context
    return {**_unseen(cluster, context), **_left_alone(cluster, context)}


def _unseen(cluster: str, context: Context) -> dict[str, str]:
    return {
        f"host/{name}": f"what runs there is unknown ({unseen.reason})"
        for name, unseen in context.observed.unseen.items()
        if name in context.wanted.hosts and context.wanted.hosts[name].cluster == cluster
    }


def _left_alone(cluster: str, context: Context) -> dict[str, str]:
    hosts = (name for name, host in context.wanted.hosts.items() if host.cluster == cluster)
    return {
        f"vm/{vm.name}": f"runs on {host} and is left alone: {why}"
        for host in hosts
        for vm, why in strangers(host, context)
    }


def up(cluster: str, campaign: Campaign, *, go_on: bool = False) -> dict[str, str]:
    """Starts what ran before, level by level; returns what is still off, or may be. Lower levels wait for it, unless
    `go_on`."""
    context = campaign.look().context
    if by_hand(Ref("Cluster", cluster), POWER, context) is None:
        raise Declined("was not powered down")
    reached = _reached(cluster, context)
    late: dict[str, str] = {}
    for level in reversed(_levels(cluster, context)):
        _note(cluster, "starting", str(min(level, reached + 1)), campaign)
        campaign.tell(f"cluster/{cluster}: starting VMs {_words(level)}")
        waiting = partial(_waiting, cluster, level)
        settled = campaign.passes(waiting)
        late |= _why(waiting(settled.context), settled)
        if campaign.interrupted:
            return late | _why(_kept_off(cluster, settled.context), settled)
        if late and not go_on:
            return late
    late |= _unseen(cluster, campaign.look().context)
    if go_on or not late:
        campaign.overrides.drop(f"cluster/{cluster}", POWER)
    return late


def _reached(cluster: str, context: Context) -> int:
    """The highest priority whose VMs are kept off by now; -1 if none are."""
    override = by_hand(Ref("Cluster", cluster), POWER, context)
    if override is None:
        return -1
    level = int(override.field or _HIGHEST)
    return level if override.value == "stopped" else level - 1


def _levels(cluster: str, context: Context) -> list[int]:
    """The priorities of its VMs, the lowest first; 0 are those that are not highly available."""
    return sorted({home.wanted.ha_priority for home in members(cluster, context)})


def _running(cluster: str, level: int, context: Context) -> list[str]:
    """The VMs up to that level that are not off yet."""
    found = (home for home in members(cluster, context) if home.wanted.ha_priority <= level)
    return [home.wanted.name for home in found if home.found.vm.running]


def _waiting(cluster: str, level: int, context: Context) -> list[str]:
    """The VMs from that level on that ran before and are not up again, or whose marks do not know it yet."""
    return [
        home.wanted.name
        for home in members(cluster, context)
        if home.wanted.ha_priority >= level
        and home.mark.override(OUTAGE) is not None
        and not outage.outage(home.wanted, home.host, context)
    ]


def _kept_off(cluster: str, context: Context) -> list[str]:
    """The VMs that ran before and have to wait for those of higher priority."""
    found = (home for home in members(cluster, context) if home.mark.override(OUTAGE) is not None)
    return [home.wanted.name for home in found if outage.powered_down(home.wanted, context)]


def _why(left: list[str], settled: Settled) -> dict[str, str]:
    held = {
        change.ref.name: told.text
        for change in settled.looked.plan.changes
        for told in (change.held, *(each.held for each in change.fields))
        if told
    }
    return {f"vm/{name}": settled.failed.get(f"vm/{name}") or held.get(name) or "not done yet" for name in left}


def _words(level: int) -> str:
    return f"of priority {level}" if level else "that are not highly available"


def _note(cluster: str, value: str, level: str, campaign: Campaign) -> None:
    told = campaign.by.override(POWER, value, level)
    campaign.overrides.put(f"cluster/{cluster}", replace(told, until=0))
