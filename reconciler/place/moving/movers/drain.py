"""Mover `drain`: VMs leave a host that goes into maintenance. Pure.

As each VM's `onHostMaintenance` says: `migrate` moves it, and hard rules between VMs yield to that (those of groups
that say `duringMaintenance: hold` do not, and rules about hosts never); `stop` shuts it down
(reconciler/diff/outage.py), and moves it then; `hold` leaves it, which holds the maintenance up. VMs that are off move
where they can, so that they can be started elsewhere; those that nobody wants to run stay in silence otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.diff import outage
from reconciler.diff.context import Context
from reconciler.place.choose import Room
from reconciler.place.hosts.hoststate import maintenance
from reconciler.place.moving.wish import Home, Wish, homes


def wishes(context: Context, room: Room) -> Iterator[Wish]:
    """Every VM on a host that is to be emptied: those that matter most first, then the large ones."""
    asked = {name for name in context.wanted.hosts if maintenance(name, context)}
    leaving = [home for home in homes(context) if home.host in asked] if asked else []
    for home in sorted(leaving, key=_order):
        wish = _wish(home, context)
        if wish is not None:
            yield wish


def _order(home: Home) -> tuple[bool, int, int, str]:
    live = home.found.vm.live or {}
    memory = live.get("memory")
    size = memory if isinstance(memory, int) else 0
    return (not home.found.vm.running, -home.wanted.ha_priority, -size, home.wanted.name)


def _wish(home: Home, context: Context) -> Wish | None:
    name, policy = home.wanted.name, home.wanted.on_host_maintenance
    host = context.wanted.hosts[home.host]
    where = host.location if host.maintenance else None
    why = f"{home.host} {'leaves the repository' if host.leaving else 'goes into maintenance'}"
    if home.found.vm.running:
        if policy == "hold":
            said = home.wanted.origin.get("onHostMaintenance", where)
            return Wish(vm=name, why=f"{why}; it says onHostMaintenance: hold", kind="hold", where=said)
        if outage.outage(home.wanted, home.host, context):
            return None  # it is being stopped
        return Wish(vm=name, why=why, during="drain", where=where)
    if policy == "hold":
        return None
    return Wish(vm=name, why=why, during="drain", must=_shall_run(home, context), where=where)


def _shall_run(home: Home, context: Context) -> bool:
    """Whether somebody waits for it to be started."""
    change = outage.state_change(home.wanted, home.found, home.mark, context)
    return change is not None and change.after == "running"
