"""`gitvirt migrate TARGET… [--to HOST]`: moves VMs by hand; running ones go on running, others are redefined there.

The scheduler's choice is shown first, then the way. The first Ctrl-C lets moves under way end and begins no new one;
the second leaves: what goes peer-to-peer goes on at the hosts, and the next pass knows. Exit codes: 0 all moved, 3
some are held, 4 some failed, 1 none done or an error.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import completion
from reconciler.cli.context import RepoOption, YesOption, confirm
from reconciler.cli.deeds.common import (
    AllOption,
    ForOption,
    LabelOption,
    ReasonOption,
    Session,
    VmTargets,
    Which,
    session,
)
from reconciler.cli.exits import Exit, of_apply
from reconciler.errors import UsageError
from specs.structs import replace

if TYPE_CHECKING:
    from reconciler.operations.migrate import Asked
    from reconciler.plan.plan import Plan
    from specs.resource import Ref

_PATIENCE = 60.0  # seconds in which a daemon's pass ends, as a rule
ToOption = Annotated[
    str,
    typer.Option(
        "--to",
        metavar="HOST",
        help="This host; else the one that placement finds best.",
        autocompletion=completion.hosts,
    ),
]
HoldOption = Annotated[
    bool, typer.Option("--hold", help="Placement leaves them there, until --clear, or until Git changes their hosts.")
]
ClearOption = Annotated[bool, typer.Option("--clear", help="Take a --hold back; nothing is moved now.")]
CancelOption = Annotated[bool, typer.Option("--cancel", help="End migrations that are under way; VMs stay.")]


def migrate(
    targets: VmTargets = None,
    labels: LabelOption = None,
    everything: AllOption = False,
    to: ToOption = "",
    hold: HoldOption = False,
    clear: ClearOption = False,
    cancel: CancelOption = False,
    yes: YesOption = False,
    reason: ReasonOption = "",
    duration: ForOption = "",
    repo: RepoOption = None,
) -> Exit:
    """Move VMs to another host: running ones without a stop, others by definition. Nothing else of them is changed.

    With --hold they stay there whatever placement would rather have; else the next pass may move them again.
    """
    if sum((clear, cancel, bool(to or hold))) > 1:
        raise UsageError("--clear and --cancel stand alone")
    if duration and not hold:
        raise UsageError("--for says how long --hold lasts; give both")
    which = Which.of(targets, labels, everything)
    with session(repo, reason, duration) as here:
        refs = here.vms(which)
        if clear or cancel:
            return _at_once(refs, here, clear)
        from reconciler.operations.migrate import Asked

        asked = Asked(to=_host(to, here), hold=hold)
        return _moved(refs, here, asked, yes or not (which.all or which.labels))


def _turn(plan: Plan, here: Session) -> AbstractContextManager[None]:
    """The writer's lock while definitions move: nobody must start one where it leaves, in that very moment.

    Running VMs are guarded by libvirt, one job at a time; they may take hours, in which the daemon has work to do.
    """
    from reconciler import lock
    from reconciler.plan.plan import RelocateVm

    if not any(isinstance(each.call, RelocateVm) for each in plan.steps):
        return nullcontext()
    return lock.writer(here.app.settings.state_folder, plan.repository, "migrate", patience=_PATIENCE)


def _at_once(refs: tuple[Ref, ...], here: Session, clear: bool) -> Exit:
    from reconciler.operations import migrate as deeds

    return here.do(refs, deeds.clear if clear else deeds.cancel)


def _host(to: str, here: Session) -> str:
    """The name of the declared host that is meant."""
    from reconciler.cli.targets import resolve

    if not to:
        return ""
    (ref,) = resolve([to], here.catalog.resources, ("Host",))
    return ref.name


def _moved(refs: tuple[Ref, ...], here: Session, asked: Asked, yes: bool) -> Exit:
    """Shows the moves, asks where many are meant, and makes them."""
    from reconciler.apply.outcome import GOOD, Status
    from reconciler.apply.text import Progress, summary
    from reconciler.cli.interrupt import interruptible
    from reconciler.cli.plan import Format, shown
    from reconciler.operations.migrate import plan

    looked = replace(here.scene.looked, plan=plan(refs, here.scene, asked))
    print(shown(looked, here.app, Format.text), end="", flush=True)
    held = int(looked.plan.anything_held)
    if looked.plan.empty:
        return of_apply(done=0, failed=0, held=held)
    if not confirm(f"\nDo these {len(looked.plan.steps)} steps?", yes):
        print("Nothing was done.")
        return Exit.ERROR
    progress = Progress(len(looked.plan.steps))
    with _turn(looked.plan, here), interruptible(here.app):
        run = here.app.act(looked, progress.tell, progress.moved)
    print("\n".join(summary(run)))
    failed = run.count(Status.FAILED, Status.UNKNOWN, Status.STALE, Status.SKIPPED)
    return of_apply(done=run.count(*GOOD), failed=failed, held=held)
