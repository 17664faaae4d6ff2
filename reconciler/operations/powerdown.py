"""A cluster's power-down, and its way back, in order of what matters: `gitvirt cluster stop | start`.

VMs go down gracefully by priority, those that are not highly available first and the highest priority last; they come
back the other way round, those alone that ran before. Hosts, networks and storage are left as they are. How far it came
is an override of the cluster (reconciler/diff/outage.py reads it), so a daemon obeys, and the same command goes on.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from reconciler.diff import outage
from reconciler.diff.context import Context
from reconciler.diff.power import OUTAGE
from reconciler.operations.campaign import Campaign, Settled
from reconciler.operations.scene import Declined
from reconciler.place.hosts.hoststate import POWER, by_hand
from reconciler.place.moving.wish import Home, homes
from specs.resource import Ref


def members(cluster: str, context: Context) -> list[Home]:
    """The cluster's VMs that exist."""
    return [home for home in homes(context) if home.wanted.cluster == cluster]


def down(cluster: str, campaign: Campaign) -> dict[str, str]:
    """Stops all VMs, level by level; returns what still runs, or may, with why. Higher levels run on then.

    Hosts that cannot be read hold nothing up: what can be reached goes down, and they are named.
    """
    for level in _levels(cluster, campaign.look().context):
        _note(cluster, "stopped", str(level), campaign)
        campaign.tell(f"cluster/{cluster}: stopping VMs {_words(level)}")
        running = partial(_running, cluster, level)
        settled = campaign.passes(running)
        left = running(settled.context)
        if left or campaign.interrupted:
            return _why(left, settled)
    _note(cluster, "stopped", "", campaign)
    return _unseen(cluster, campaign.look().context)


def _unseen(cluster: str, context: Context) -> dict[str, str]:
    return {
        f"host/{name}": f"what runs there is unknown ({unseen.reason})"
        for name, unseen in context.observed.unseen.items()
        if name in context.wanted.hosts and context.wanted.hosts[name].cluster == cluster
    }


def up(cluster: str, campaign: Campaign, *, go_on: bool = False) -> dict[str, str]:
    """Starts what ran before, level by level; returns what is still off. Lower levels wait for it, unless `go_on`."""
    context = campaign.look().context
    if by_hand(Ref("Cluster", cluster), POWER, context) is None:
        raise Declined("was not powered down")
    late: dict[str, str] = {}
    for level in reversed(_levels(cluster, context)):
        _note(cluster, "starting", str(level), campaign)
        campaign.tell(f"cluster/{cluster}: starting VMs {_words(level)}")
        waiting = partial(_waiting, cluster, level)
        settled = campaign.passes(waiting)
        late |= _why(waiting(settled.context), settled)
        if campaign.interrupted or (late and not go_on):
            return late
    campaign.overrides.drop(f"cluster/{cluster}", POWER)
    return late


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
