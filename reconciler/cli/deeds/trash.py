"""`gitvirt undelete vm/NAME`: out of the trash; `gitvirt release REF`: out of gitvirt's hands."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli import completion
from reconciler.cli.context import RepoOption, YesOption, confirm
from reconciler.cli.deeds.common import VM, ForOption, ReasonOption, Which, names, session
from reconciler.cli.exits import Exit

_WHAT = "NAME, or KIND/NAME such as vm/web."
Trashed = Annotated[list[str], typer.Argument(metavar="TARGET", help=_WHAT)]  # what is not declared cannot be completed
Several = Annotated[list[str], typer.Argument(metavar="TARGET", help=_WHAT, autocompletion=completion.objects)]


def undelete(targets: Trashed, reason: ReasonOption = "", duration: ForOption = "", repo: RepoOption = None) -> Exit:
    """Take VMs out of the trash that are no longer declared; they are put on hold, so that they stay."""
    from reconciler.operations import trash

    with session(repo, reason, duration) as here:
        return here.do(here.vms(Which(targets=targets)), trash.undelete)


def release(targets: Several, yes: YesOption = False, repo: RepoOption = None) -> Exit:
    """Take gitvirt's mark off VMs or networks: they stay as they are and are never changed or deleted again."""
    from reconciler.cli.targets import resolve
    from reconciler.operations import trash

    with session(repo) as here:
        refs = resolve(targets, here.known, (VM, "Network"))
        question = (
            f"Release {names(refs)}? gitvirt forgets what it knows of them (which disks are its own, what was declared)"
            " and leaves them alone for good."
        )
        if not confirm(question, yes):
            print("Nothing was done.")
            return Exit.ERROR
        return here.do(refs, trash.release)
