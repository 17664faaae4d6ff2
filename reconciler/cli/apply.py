"""`gitvirt apply`: shows the plan, asks, and makes it true; or a saved plan, if it is still what would be done.

Exit codes: 0 all done or nothing to do, 3 done but something is held, 4 some steps failed or are unknown, 1 none done
or an error. The first Ctrl-C lets running steps end and begins no new one; the second leaves at once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.context import Place, RepoArgument, RepoOption, YesOption, confirm, repository_at
from reconciler.cli.exits import Exit, of_apply
from reconciler.cli.interrupt import interruptible
from reconciler.cli.passes import Asked, application, load_revision, look
from reconciler.cli.plan import AllowOption, ForceOption, Format, RevOption, TargetOption, data, shown

if TYPE_CHECKING:
    from reconciler.app import App
    from reconciler.apply.outcome import Run
    from reconciler.apply.text import Progress
    from reconciler.cycle import Pass, Revision

TakeOverOption = Annotated[
    bool, typer.Option("--take-over", help="Apply although a daemon takes care of this repository.")
]


def apply(
    repo: RepoArgument = None,
    repo_option: RepoOption = None,
    target: TargetOption = None,
    allow: AllowOption = None,
    force_revision: ForceOption = False,
    rev: RevOption = None,
    yes: YesOption = False,
    take_over: TakeOverOption = False,
) -> Exit:
    """Make the plan true, after showing it and asking. REPO may be a plan file of `gitvirt plan --out`."""
    if repo is not None and repo.is_file() and repo.name != "gitvirt.yaml":
        return _saved(repo, repository_at(None, repo_option), yes, take_over)
    asked = Asked.of(target, allow, force_revision, rev)
    place = repository_at(repo, repo_option)
    with application(place) as app:
        revision = load_revision(app, place, rev)
        return carry_out(lambda: look(app, revision, asked), app, _identity(revision), yes=yes, take_over=take_over)


def carry_out(see: Callable[[], Pass], app: App, repository: str, *, yes: bool, take_over: bool = False) -> Exit:
    """Shows a plan, asks, and makes it true under the writer's lock, if it is still what would be done.

    Who is not asked has the lock from before the look on, so that nothing moves between the two.
    """
    from reconciler import lock

    state = app.settings.state_folder
    with ExitStack() as stack:
        if locked := yes and (take_over or lock.daemon(state, repository) is None):
            stack.enter_context(lock.writer(state, repository, "apply"))
        looked = see()
        print(shown(looked, app, Format.text), end="", flush=True)
        if looked.plan.empty:
            return of_apply(done=0, failed=0, held=int(looked.plan.anything_held))
        if not take_over:
            lock.refuse_beside_daemon(state, repository)
        if not confirm(f"\nDo these {len(looked.plan.steps)} steps?", yes):
            print("Nothing was done.")
            return Exit.ERROR
        if not locked:
            stack.enter_context(lock.writer(state, repository, "apply"))
            looked = _again(looked, see(), app)
        stack.enter_context(interruptible(app))
        progress = _progress(len(looked.plan.steps))
        return _ended(app.act(looked, progress.tell, progress.moved))


def _again(before: Pass, now: Pass, app: App) -> Pass:
    """The second look: while the plan was shown somebody else may have made a part of it true, and elsewhere."""
    from reconciler.errors import UsageError
    from reconciler.plan.faces.saved import moved

    if now.plan.digest != before.plan.digest:
        told = "\n".join(f"  {each}" for each in moved(data(before, app, Asked()), now.plan))
        raise UsageError(f"nothing was done, since this plan is not what would be done now:\n{told}\nApply again.")
    return now


def _saved(file: Path, place: Place, yes: bool, take_over: bool) -> Exit:
    from reconciler.errors import UsageError
    from reconciler.plan.faces.saved import moved, read

    saved = read(file)
    asked = Asked.saved(saved["options"])
    with application(place) as app:
        revision = load_revision(app, place, asked.rev or _commit(saved))

        def see() -> Pass:
            looked = look(app, revision, asked)
            if told := moved(saved, looked.plan):
                lines = "\n".join(f"  {each}" for each in told)
                raise UsageError(
                    f"{file}: this plan is not what would be done now:\n{lines}\nMake a new one with `gitvirt plan`."
                )
            return looked

        return carry_out(see, app, _identity(revision), yes=yes, take_over=take_over)


def _identity(revision: Revision) -> str:
    return str(revision.catalog.repository.spec.id)


def _commit(saved: dict[str, Any]) -> str | None:
    """The commit that the plan was made for; None for a dirty tree, which has to be as it was."""
    revision = str(saved["revision"])
    return None if "+" in revision or revision.startswith("folder-") else revision


def _progress(total: int) -> Progress:
    """Prints a line when a step ends, and how far long work came."""
    from reconciler.apply.text import Progress

    return Progress(total)


def _ended(run: Run) -> Exit:
    """Prints how it ended; the exit code."""
    from reconciler.apply.outcome import GOOD, Status
    from reconciler.apply.text import summary

    print("\n".join(summary(run)))
    failed = run.count(Status.FAILED, Status.UNKNOWN, Status.STALE, Status.SKIPPED)
    return of_apply(done=run.count(*GOOD), failed=failed, held=int(run.plan.anything_held))
