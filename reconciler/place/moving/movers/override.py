"""Mover `override`: where an operator put a VM by hand and told it to stay (`gitvirt migrate VM --hold`). Pure.

The override is in the VM's mark: `value` is the host, `field` what Git said of its hosts then. It counts until it is
cleared, until its time is over, until Git's word on its hosts changes, or until its host may not have it any more.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.mark import Mark, Override
from reconciler.desired.wanted import WantedVm
from reconciler.diff.context import Context
from reconciler.diff.power import active
from reconciler.place.choose import Room
from reconciler.place.moving.wish import Wish, homes

KIND = "migrate"


def wishes(context: Context, room: Room) -> Iterator[Wish]:
    """Every VM that an operator wants on one host."""
    for home in homes(context):
        override = placed(home.wanted, home.mark, context.now)
        if override is None:
            continue
        by = override.author or "an operator"
        told = f"{by} put it on {override.value}" + (f" ({override.reason})" if override.reason else "")
        if home.host == override.value:
            yield Wish(vm=home.wanted.name, why=told, kind="stay")
        else:
            yield Wish(vm=home.wanted.name, why=told, to=override.value)


def placed(wanted: WantedVm, mark: Mark, now: int) -> Override | None:
    """The override that places a VM, if it still counts."""
    override = mark.override(KIND)
    if override is None or not active(override, now) or override.field != declared(wanted):
        return None
    return override if override.value in wanted.hosts else None


def declared(wanted: WantedVm) -> str:
    """What Git says of a VM's hosts, as an override remembers it."""
    return ",".join(wanted.hosts)
