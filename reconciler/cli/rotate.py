"""`gitvirt rotate-key`: a new key for the digests of secrets in marks; only marks are rewritten, no VM is touched.

Run it again if it was interrupted or a host was away: it goes on where it was. Exit codes as of `apply`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.apply import TakeOverOption
from reconciler.cli.context import RepoArgument, RepoOption, YesOption, confirm, repository_at
from reconciler.cli.exits import Exit
from reconciler.cli.interrupt import interruptible
from reconciler.cli.passes import Asked, application, load_revision, look
from specs.structs import replace

if TYPE_CHECKING:
    from pathlib import Path

    from reconciler.app import App
    from reconciler.cycle import Pass, Revision

ForgetOption = Annotated[
    bool, typer.Option("--forget", help="Forget the former key, although some marks may still need it.")
]


def rotate_key(
    repo: RepoArgument = None,
    repo_option: RepoOption = None,
    forget: ForgetOption = False,
    yes: YesOption = False,
    take_over: TakeOverOption = False,
) -> Exit:
    """Make a new key for the digests of secrets, and rewrite the marks that have some."""
    from reconciler import key, lock

    place = repository_at(repo, repo_option)
    with application(place) as app:
        state = app.settings.state_folder
        revision = load_revision(app, place, None)
        repository = str(revision.catalog.repository.spec.id)
        if not take_over:
            lock.refuse_beside_daemon(state, repository)
        going_on = bool(key.keys(state).former)
        question = "Go on with the rotation that was begun?" if going_on else "Make a new key, and rewrite the marks?"
        if not confirm(question, yes):
            print("Nothing was done.")
            return Exit.ERROR
        with lock.writer(state, repository, "rotate-key"), lock.writer(state, "key", "rotate-key"):
            key.rotate(state)
            looked, good = _rewrite(app, revision)
            return _ended(state, looked, good, forget)


def _rewrite(app: App, revision: Revision) -> tuple[Pass, bool]:
    """Rewrites the marks; whether each step was good."""
    from reconciler.operations import rekey

    looked = look(app, revision, Asked())
    plan = rekey.plan(looked.context)
    with interruptible(app):
        run = app.act(replace(looked, plan=plan), lambda step, outcome: None)
    for outcome in run.outcomes.values():
        why = f": {outcome.error}" if outcome.error else ""
        print(f"{outcome.status:<9} {outcome.step.ref} on {outcome.step.host}{why}")
    return looked, run.good


def _ended(state: Path, looked: Pass, good: bool, forget: bool) -> Exit:
    from reconciler import key

    unseen = sorted(looked.context.observed.unseen)
    now = key.keys(state)
    if good and not unseen:
        now = key.finished(state, looked.plan.repository)
    waiting = sorted(_repositories(state) - {*now.done})
    if forget or (good and not unseen and not waiting):
        key.forget(state)
        print("The key is rotated; the former one is forgotten.")
        return Exit.OK if good else Exit.INCOMPLETE
    print("The former key is kept:")
    for host in unseen:
        print(f"  {host} was not read; run `gitvirt rotate-key` again when it is there")
    if not good:
        print("  some marks were not rewritten; run `gitvirt rotate-key` again")
    for other in waiting if good and not unseen else ():
        print(f"  repository {other} has marks of this machine too; run `gitvirt rotate-key` there")
    return Exit.OK if good and not unseen else Exit.INCOMPLETE


def _repositories(state: Path) -> set[str]:
    """The repositories that were ever applied from this machine: each left its lock."""
    return {each.name.removeprefix("lock-") for each in state.glob("lock-*")} - {"key"}
