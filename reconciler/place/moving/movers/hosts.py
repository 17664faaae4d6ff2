"""Mover `hosts`: a VM is on a host that its YAML, or its cluster, does not allow. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.diff.context import Context
from reconciler.place.choose import Room
from reconciler.place.moving.wish import Home, Wish, homes


def wishes(context: Context, room: Room) -> Iterator[Wish]:
    """Every VM that is where it may not be."""
    for home in homes(context):
        if home.host not in home.wanted.hosts and not context.wanted.hosts[home.host].leaving:
            where = home.wanted.origin.get("hosts", home.wanted.origin.get("cluster", home.wanted.location))
            yield Wish(vm=home.wanted.name, why=_why(home, context), where=where)


def _why(home: Home, context: Context) -> str:
    """Its cluster, if that is what rules its host out, else its `hosts:`."""
    cluster = home.wanted.cluster
    if home.host in context.wanted.hosts and context.wanted.hosts[home.host].cluster != cluster:
        return f"{home.host} is not in its cluster {cluster}"
    return f"its hosts are {', '.join(home.wanted.hosts) or 'none that is declared'}"
