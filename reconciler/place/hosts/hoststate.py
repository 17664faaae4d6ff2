"""Host states: what may be expected of each declared host now, in oVirt's words and with its reason.

| state | means |
|---|---|
| up | VMs may be put there |
| preparing for maintenance | maintenance is asked for, and VMs still run there |
| maintenance | nothing runs there, and nothing is put there |
| non-operational | it answers, but lacks something that its cluster needs: nothing new is put there |
| connecting | it did not answer, for less than its time of grace (the daemon only) |
| non-responsive | it does not answer; what it holds is unknown |
| down | an operator declared it lost, for good and after proof |

Pure. `states` is called once by placement for a plan, and by the faces. A further reason to be non-operational is one
function and one line in CHECKS.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum

from drivers.mark import Override
from drivers.seen import SeenHost, Unseen
from reconciler.diff.context import Context
from reconciler.diff.power import active
from reconciler.place.hosts import clusters
from reconciler.place.hosts.required import missing_on
from specs.resource import Ref
from specs.structs import Struct

MAINTENANCE = "maintenance"
POWER = "power"
UPGRADE = "upgrade"
LOST = "lost"
"""Kinds of overrides of hosts and clusters."""

GRACE = 60
"""Seconds that a host which does not answer is `connecting`."""


class State(StrEnum):
    """See the table above."""

    UP = "up"
    PREPARING = "preparing for maintenance"
    MAINTENANCE = "maintenance"
    NON_OPERATIONAL = "non-operational"
    CONNECTING = "connecting"
    NON_RESPONSIVE = "non-responsive"
    DOWN = "down"


class HostState(Struct, frozen=True, kw_only=True):
    """A host's state and why it is so ("" for `up`)."""

    state: State
    why: str = ""

    @property
    def up(self) -> bool:
        """Whether VMs may be put there."""
        return self.state is State.UP

    def __str__(self) -> str:
        return f"{self.state}: {self.why}" if self.why else str(self.state)


Check = Callable[[str, SeenHost, Context], str]
"""(host, as it was read, context) → why it is non-operational, "" if that is not a reason."""


def states(context: Context) -> dict[str, HostState]:
    """The state of every declared host, in order of name."""
    return {name: state(name, context) for name in sorted(context.wanted.hosts)}


def state(name: str, context: Context) -> HostState:
    """The state of one declared host."""
    seen = context.observed.hosts.get(name)
    if not isinstance(seen, SeenHost):
        return _unread(seen, name, context)
    if asked := maintenance(name, context):
        running = sorted(each.name for each in seen.vms if each.running)
        if running:
            return HostState(state=State.PREPARING, why=f"{asked}; still running there: {_few(running)}")
        return HostState(state=State.MAINTENANCE, why=asked)
    why = next((text for check in CHECKS if (text := check(name, seen, context))), "")
    return HostState(state=State.NON_OPERATIONAL, why=why) if why else HostState(state=State.UP)


def _unread(seen: Unseen | None, name: str, context: Context) -> HostState:
    if seen is None:
        return HostState(state=State.NON_RESPONSIVE, why="it was not looked at")
    if seen.lost:
        return HostState(state=State.DOWN, why=seen.reason)
    if seen.twin:
        return HostState(state=State.NON_OPERATIONAL, why=seen.reason)
    since = context.silent.get(name)
    if since is not None and not seen.denied and context.now - since < GRACE:
        return HostState(state=State.CONNECTING, why=seen.reason)
    return HostState(state=State.NON_RESPONSIVE, why=seen.reason)


def maintenance(name: str, context: Context) -> str:
    """Who asks for the host's maintenance, in words; "" if nobody does.

    Git's `true` counts whatever was done by hand; what was switched on by hand counts where Git does not say so.
    """
    wanted = context.wanted.hosts.get(name)
    if wanted is not None and wanted.leaving:
        return wanted.leaving
    if wanted is not None and wanted.maintenance:
        return f"declared at {wanted.location}"
    override = by_hand(Ref("Host", name), MAINTENANCE, context)
    if override is None:
        return ""
    why = f" ({override.reason})" if override.reason else ""
    return f"asked for by {override.author or 'an operator'}{why}"


def by_hand(ref: Ref, kind: str, context: Context) -> Override | None:
    """The override of that kind on a host or a cluster, if it still counts."""
    for each in context.overrides.get(str(ref), ()):
        if each.kind == kind and active(each, context.now):
            return each
    return None


def _storage(name: str, seen: SeenHost, context: Context) -> str:
    """A storage domain that cannot be used there, and that gitvirt cannot simply start."""
    for pool in context.wanted.pools.values():
        if name not in pool.hosts:
            continue
        found = context.observed.pool_at(name, pool.path) or context.observed.pool(name, pool.name)
        if found is not None and found.problem:
            return f"storage domain {pool.name} cannot be read: {found.problem}"
        if found is not None and pool.external and not found.active:
            return f"storage domain {pool.name} is not active, and it is not gitvirt's to start"
    return ""


def _networks(name: str, seen: SeenHost, context: Context) -> str:
    """A required network that the host lacks."""
    return missing_on(name, seen, context.wanted, context.observed)


CHECKS: tuple[Check, ...] = (_storage, _networks, clusters.unfit)


def _few(names: list[str], most: int = 4) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def upgrading(cluster: str, context: Context) -> str:
    """Who upgrades that cluster's hosts one by one now, in words; "" if nobody does: then nothing is balanced there."""
    override = by_hand(Ref("Cluster", cluster), UPGRADE, context)
    return f"its hosts are being upgraded by {override.author or 'an operator'}" if override else ""
