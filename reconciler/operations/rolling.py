"""A rolling upgrade: each host of a cluster in turn is emptied, upgraded, and used again; every VM keeps running.

In: a campaign, and what is to be done at each empty host. Out: lines; Declined or Stuck where it stops. How far it came
is an override of the cluster (`value`: the hosts that are done, `field`: the one under way), so that the same command
goes on after an end half-way; the command at a host may then be given twice, a host that is done never. While it is
there nothing is balanced in that cluster (place/hosts/hoststate.py, `upgrading`). The maintenance of the host under way
is an override whose value tells it from one that an operator asked for, which is never ended here.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.mark import Override
from drivers.seen import SeenHost
from reconciler.diff.context import Context
from reconciler.errors import ReconcilerError
from reconciler.operations import maintenance
from reconciler.operations.campaign import POLL, Campaign
from reconciler.operations.scene import Declined
from reconciler.place.hosts.hoststate import MAINTENANCE, UPGRADE, State, by_hand, state
from reconciler.place.hosts.hoststate import maintenance as asked_for
from specs.resource import Ref
from specs.structs import Struct, replace

Each = Callable[[str], bool]
"""Upgrades one empty host; False if that failed. May take as long as it takes, and reboot the host."""


class Task(Struct, frozen=True, kw_only=True):
    """What is done at each host. `reboots`: it is over only when the host went down and came up again."""

    each: Each
    reboots: bool = False


_TROUBLE = (State.NON_OPERATIONAL, State.CONNECTING, State.NON_RESPONSIVE)
_PATIENCE = 60.0
"""Seconds that hosts of the cluster have to get out of trouble before the next one is begun."""


class Stuck(ReconcilerError):
    """The upgrade stopped at a host; what was done stays done, and the same command goes on."""


class Upgrade(Struct, frozen=True, kw_only=True):
    """How far it came: hosts that are done, in that order, and the one under way ("" between two)."""

    done: tuple[str, ...] = ()
    now: str = ""


def progress(cluster: str, context: Context) -> Upgrade | None:
    """The upgrade that was begun and has not ended; None if there is none."""
    override = by_hand(Ref("Cluster", cluster), UPGRADE, context)
    if override is None:
        return None
    return Upgrade(done=tuple(override.value.split(",")) if override.value else (), now=override.field)


def hosts_of(cluster: str, context: Context) -> list[str]:
    """Its hosts, in the order in which they come."""
    return sorted(name for name, host in context.wanted.hosts.items() if host.cluster == cluster)


def obstacles(cluster: str, context: Context) -> list[str]:
    """Why it cannot begin: an upgrade needs every host but one to take VMs."""
    found = []
    begun = progress(cluster, context)
    for name in hosts_of(cluster, context):
        its = state(name, context)
        ours = begun is not None and name == begun.now
        if its.state not in (State.UP, State.MAINTENANCE) and not ours:
            found.append(f"host/{name} is {its}")
    if not any(state(name, context).up for name in hosts_of(cluster, context)):
        found.append(f"no host of cluster/{cluster} is up")
    return found


def roll(cluster: str, task: Task, campaign: Campaign) -> list[str]:
    """Upgrades the hosts that are not done yet; returns all that are, in order. Stuck where it cannot go on."""
    context = campaign.look().context
    how = progress(cluster, context) or Upgrade()
    _note(cluster, how, campaign)
    if how.now in how.done:
        how = _release(cluster, how, campaign)
    for host in _order(cluster, how, context):
        _calm(cluster, how, campaign)
        how = _one(cluster, host, how, task, campaign)
    _calm(cluster, how, campaign)
    campaign.overrides.drop(f"cluster/{cluster}", UPGRADE)
    return list(how.done)


def _calm(cluster: str, how: Upgrade, campaign: Campaign) -> None:
    """Stuck if the last host, or any other, is not what it was: an upgrade that breaks hosts would break them all."""
    end = campaign.pause.now() + _PATIENCE
    while True:
        context = campaign.look().context
        found = {name: state(name, context) for name in hosts_of(cluster, context) if name != how.now}
        bad = [f"host/{name} is {its}" for name, its in found.items() if its.state in _TROUBLE]
        if not bad and not campaign.interrupted:
            return
        if campaign.interrupted or campaign.pause.now() >= end or campaign.pause.wait(POLL):
            raise Stuck(f"{'; '.join(bad) or 'interrupted'}; no other host is begun")


def _order(cluster: str, how: Upgrade, context: Context) -> list[str]:
    """The one under way first: it is empty, or nearly so."""
    left = [name for name in hosts_of(cluster, context) if name not in how.done]
    return sorted(left, key=lambda name: (name != how.now, name))


def _one(cluster: str, host: str, how: Upgrade, task: Task, campaign: Campaign) -> Upgrade:
    """Empties one host, upgrades it, and gives it back."""
    context = campaign.look().context
    mine = not asked_for(host, context) or _for_upgrade(host, context)  # what others asked for is theirs to end
    how = replace(how, now=host if mine else "")
    if mine:
        _note(cluster, how, campaign)
        campaign.overrides.put(f"host/{host}", _maintenance(cluster, campaign))
    if mine or state(host, context).state is not State.MAINTENANCE:
        _empty(cluster, host, how, campaign)
    campaign.tell(f"host/{host}: empty; upgrading it")
    before = _busy(host, campaign) if task.reboots else None
    if not task.each(host):
        raise Stuck(f"host/{host} stays in maintenance: what was to be done there failed; repair it and go on")
    _answers(host, before, campaign)
    how = replace(how, done=(*how.done, host))
    _note(cluster, how, campaign)
    how = _release(cluster, how, campaign)
    kept = asked_for(host, campaign.look().context)
    campaign.tell(f"host/{host}: upgraded, {'left in maintenance, as was asked for' if kept else 'used again'}")
    return how


def _release(cluster: str, how: Upgrade, campaign: Campaign) -> Upgrade:
    """The host under way is used again, with what was stopped for it."""
    if how.now:
        campaign.overrides.drop(f"host/{how.now}", MAINTENANCE, UPGRADE)
        maintenance.wake(how.now, campaign)
        if campaign.interrupted:
            raise Stuck(f"interrupted; host/{how.now} is used again, and what was stopped for it may be off still")
    how = replace(how, now="")
    _note(cluster, how, campaign)
    return how


def _empty(cluster: str, host: str, how: Upgrade, campaign: Campaign) -> None:
    """Drains a host in maintenance; if something has to stay there, it is used again (unless others asked for its
    maintenance), and the upgrade stops."""
    campaign.tell(f"host/{host}: being emptied")
    settled = maintenance.drain(host, campaign)
    if campaign.interrupted:
        raise Stuck(f"interrupted while host/{host} was being emptied; it stays in maintenance until this goes on")
    found = state(host, settled.context)
    if found.state is State.MAINTENANCE:
        return
    stays = [each.held.text for each in settled.looked.plan.changes if each.held]
    stays += [each.held.text for change in settled.looked.plan.changes for each in change.fields if each.held]
    why = "; ".join(dict.fromkeys([*stays, *settled.failed.values()])) or found.why
    if not how.now:
        raise Stuck(f"host/{host} stays in maintenance, as it was: it could not be emptied ({why})")
    _release(cluster, how, campaign)
    raise Stuck(f"host/{host} is used again: it could not be emptied ({why})")


def _busy(host: str, campaign: Campaign) -> int | None:
    """How long the host's CPUs have been busy since it booted, in ns; None if it cannot be read."""
    seen = campaign.look().context.observed.hosts.get(host)
    return seen.cpu_time if isinstance(seen, SeenHost) else None


def _answers(host: str, before: int | None, campaign: Campaign) -> None:
    """Waits until the host can be read again, and (with `before`) was down: it was seen so, or counts from 0 again."""
    was_down = before is None
    while True:
        now = _busy(host, campaign)
        was_down = was_down or now is None or (before is not None and now < before)
        if was_down and now is not None:
            return
        if campaign.pause.wait(POLL):
            raise Stuck(f"interrupted while host/{host} did not answer; it stays in maintenance until this goes on")


def abort(cluster: str, campaign: Campaign) -> str:
    """Ends an upgrade as far as it came: the host under way is used again. Declined if there is none."""
    how = progress(cluster, campaign.look().context)
    if how is None:
        raise Declined("is not being upgraded")
    _release(cluster, how, campaign)
    campaign.overrides.drop(f"cluster/{cluster}", UPGRADE)
    return f"is not being upgraded any more; done were {', '.join(how.done) or 'none'}"


def _for_upgrade(host: str, context: Context) -> bool:
    """Whether an upgrade, and nobody else, keeps a host in maintenance."""
    override = by_hand(Ref("Host", host), MAINTENANCE, context)
    return override is not None and override.value == UPGRADE


def _maintenance(cluster: str, campaign: Campaign) -> Override:
    asked = maintenance.asked(campaign.by)
    return replace(asked, value=UPGRADE, reason=asked.reason or f"upgrade of cluster/{cluster}", until=0)


def _note(cluster: str, how: Upgrade, campaign: Campaign) -> None:
    """Writes down how far it came."""
    told = campaign.by.override(UPGRADE, ",".join(how.done), how.now)
    campaign.overrides.put(f"cluster/{cluster}", replace(told, until=0))
