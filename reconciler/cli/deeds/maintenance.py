"""`gitvirt maintenance HOST on | off`: empties a host so that it can be worked on; and uses it again.

`on` shows first what becomes of each VM, how long it takes, and whether the cluster could lose one more host then.
Exit codes: 0 in maintenance (or used again), 3 something has to stay there, 4 something failed or is not done yet.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import completion
from reconciler.cli.context import RepoOption, YesOption, confirm
from reconciler.cli.deeds.campaign import campaign, ended, told
from reconciler.cli.deeds.common import ForOption, ReasonOption, Session, session
from reconciler.cli.exits import Exit

if TYPE_CHECKING:
    from reconciler.operations.campaign import Campaign, Settled
    from reconciler.operations.maintenance import Leaving, Outlook
    from specs.resource import Ref

HOST = "Host"
_GOES_ON = "the next pass goes on, or `off` takes it back"


class Switch(StrEnum):
    """Which way."""

    on = "on"
    off = "off"


HostArgument = Annotated[
    str, typer.Argument(metavar="HOST", help="NAME or host/NAME.", show_default=False, autocompletion=completion.hosts)
]
SwitchArgument = Annotated[Switch, typer.Argument(metavar="on|off", help="Empty it, or use it again.")]


def maintenance(
    host: HostArgument,
    switch: SwitchArgument,
    reason: ReasonOption = "",
    duration: ForOption = "",
    yes: YesOption = False,
    repo: RepoOption = None,
) -> Exit:
    """Empty a host: its VMs move, stop or stay as their onHostMaintenance says, nothing is put there; or use it again.

    It counts on this machine's gitvirt until `off`, or until --for is over. `maintenance: true` in Git counts always.
    """
    from reconciler.cli.targets import resolve

    with session(repo, reason, duration) as here:
        (ref,) = resolve([host], here.catalog.resources, (HOST,))
        if switch is Switch.on:
            return _on(ref, here, yes)
        with campaign(here) as mine:
            return _off(ref, here, mine)


def _on(ref: Ref, here: Session, yes: bool) -> Exit:
    from reconciler.operations.maintenance import begin, outlook
    from reconciler.place.hosts.hoststate import maintenance as asked_for
    from reconciler.place.hosts.hoststate import state

    looked = here.scene.looked
    found = outlook(ref.name, looked, here.scene.by)
    already = asked_for(ref.name, looked.context)
    print(f"{ref}  {state(ref.name, looked.context)}\nIn maintenance:")
    if ref.name in looked.context.observed.seen:
        _show(found)
    else:
        print("it cannot be read, so what it holds is unknown and stays there; nothing is put there when it is back")
    if not confirm(f"\n{'Go on with' if already else 'Begin'} the maintenance of {ref}?", yes):
        print("Nothing was done.")
        return Exit.ERROR
    with campaign(here) as mine:
        begin(ref.name, mine)
        here.app.journal(looked.plan.repository).deed(ref, True, "maintenance asked for", by=here.scene.by)
        return drained(ref, here, mine)


def drained(ref: Ref, here: Session, mine: Campaign) -> Exit:
    """Empties it, and says how that ended."""
    from reconciler.operations.maintenance import drain
    from reconciler.place.hosts.hoststate import State, state

    settled = drain(ref.name, mine)
    found = state(ref.name, settled.context)
    if found.state is State.MAINTENANCE and not settled.looked.plan.steps:
        return ended(ref, here, True, "is in maintenance")
    if mine.interrupted:
        return ended(ref, here, False, f"interrupted; it is {found}; {_GOES_ON}")
    left = _left(settled)
    stands = "in maintenance, and not empty" if found.state is State.MAINTENANCE else str(found)
    ended(ref, here, False, f"is {stands}" + (f"; {told(left)}" if left else "") + f"; {_GOES_ON}")
    return Exit.INCOMPLETE if settled.failed else Exit.HELD


def _left(settled: Settled) -> dict[str, str]:
    """What holds the maintenance up, by ref."""
    found = dict(settled.failed)
    for change in settled.looked.plan.changes:
        for each in (change.held, *(field.held for field in change.fields)):
            if each is not None:
                found.setdefault(str(change.ref), each.text)
    return found


def _off(ref: Ref, here: Session, mine: Campaign) -> Exit:
    from reconciler.operations.maintenance import end, sleeping, wake
    from reconciler.operations.scene import Declined

    try:
        text = end(ref.name, mine, here.scene.looked.context)
    except Declined as why:
        ended(ref, here, False, str(why))
        return Exit.ERROR
    settled = wake(ref.name, mine)
    left = sleeping(ref.name, settled.context)
    if left:
        reasons = {f"vm/{name}": _left(settled).get(f"vm/{name}", "not started yet") for name in left}
        return ended(ref, here, False, f"{text}, but {told(reasons)}")
    return ended(ref, here, True, text)


def _show(found: Outlook) -> None:
    """A line per VM, and the sums."""
    from reconciler.apply.text import seconds
    from reconciler.cli.table import Column, show
    from reconciler.plan.faces import words

    rows = [[f"vm/{each.vm}", _words(each), each.why] for each in found.leaving]
    if rows:
        show((Column("VM"), Column("BECOMES"), Column("WHY")), rows)
    else:
        print("no VM of ours is there")
    moves = sum(each.how == "migrates" for each in found.leaving)
    if moves:
        print(f"{words.count(moves, 'migration')}, about {seconds(float(found.seconds))} altogether")
    if found.foreign:
        print(f"not declared here, so left alone, and in the way of the maintenance: {', '.join(found.foreign)}")
    print(f"{'N+1' if found.spare.enough else 'No N+1'}: {found.spare.text}")


def _words(each: Leaving) -> str:
    from reconciler.apply.text import seconds
    from specs.units import format_size

    if each.how == "migrates":
        size = format_size(each.memory >> 20 << 20)
        return f"migrates to {each.target}, {size} in about {seconds(float(each.seconds))}"
    return f"{each.how} to {each.target}" if each.target else each.how
