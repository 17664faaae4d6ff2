"""Wish, Move and Home: what movers ask for and what becomes of it. Pure values.

A mover (moving/movers/) looks at one pass and yields wishes: this VM shall leave its host, or stay. Made
into moves by reconciler/place/moving/moves.py, which finds the target; shown and carried out by reconciler/plan.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Literal

from drivers.mark import Mark
from reconciler.desired.wanted import WantedVm
from reconciler.diff.change import Held
from reconciler.diff.context import Context
from reconciler.diff.holding import owned
from reconciler.observe.observed import Found
from reconciler.place.choose import Placement, Room
from specs.resource import Location
from specs.structs import Struct


class Wish(Struct, frozen=True, kw_only=True):
    """A mover's word about a VM, by name. `why` says it in the plan ("kvm1 goes into maintenance").

    `kind`: `migrate` (running VMs migrate, others are relocated), `hold` (it ought to go and must not: held, with
    `why`), `stay` (where it is, whatever other movers wish: held only if one of those that `must` wants it away).
    `to`: the only host that will do, "" for any; `among`: the only hosts that will do, () for any. `during`: "drain"
    makes hard rules between VMs yield. `must`: false for what is only better (balance), which is dropped in silence if
    it cannot be. `where`: the YAML that causes it.
    """

    vm: str
    why: str
    to: str = ""
    among: tuple[str, ...] = ()
    during: Literal["", "drain"] = ""
    kind: Literal["migrate", "hold", "stay"] = "migrate"
    must: bool = True
    where: Location | None = None


class Move(Struct, frozen=True, kw_only=True):
    """A VM that leaves its host, or should: then `held` says why it stays.

    `target` is "" for a VM that has nowhere to go. `running`: it is migrated, else relocated. `yields`: rules between
    VMs that it breaks during a drain, in words. `placement`: why that host, and why no other.
    """

    vm: str
    source: str
    target: str
    why: str
    mover: str
    running: bool
    yields: tuple[str, ...] = ()
    placement: Placement | None = None
    held: Held | None = None
    where: Location | None = None


class Home(Struct, frozen=True, kw_only=True):
    """A declared VM of ours that exists on exactly one host."""

    wanted: WantedVm
    found: Found
    mark: Mark

    @property
    def host(self) -> str:
        """Where it is."""
        return self.found.host


Mover = Callable[[Context, Room], Iterator[Wish]]


def homes(context: Context) -> Iterator[Home]:
    """The VMs that movers may speak of: declared, ours, on one host, out of the trash, in order of name."""
    for name in sorted(context.wanted.vms):
        if (home := home_of(context.wanted.vms[name], context)) is not None:
            yield home


def home_of(wanted: WantedVm, context: Context) -> Home | None:
    """Where a declared VM is; None if it is nowhere, in doubt, or in the trash."""
    there = owned(wanted.ref, context)
    if len(there) != 1:
        return None
    mark = there[0].vm.mark
    return None if mark is None or mark.trashed else Home(wanted=wanted, found=there[0], mark=mark)
