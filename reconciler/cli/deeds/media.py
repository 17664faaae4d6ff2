"""`gitvirt cdrom insert VM [DRIVE] IMAGE`, `gitvirt cdrom eject VM [DRIVE]`, `gitvirt cdrom seed VM`: media by hand."""

from __future__ import annotations

from functools import partial
from typing import Annotated

import typer

from reconciler.cli import completion
from reconciler.cli.context import RepoOption
from reconciler.cli.deeds.common import ForOption, ReasonOption, Which, session
from reconciler.cli.exits import Exit
from reconciler.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="Media of CD-ROM drives by hand.")

Words = Annotated[
    list[str],
    typer.Argument(
        metavar="DRIVE|IMAGE", help="The drive, if there are several, and the image.", autocompletion=completion.images
    ),
]
Vm = Annotated[str, typer.Argument(metavar="VM", help="NAME or vm/NAME.", autocompletion=completion.machines)]


@app.command()
def insert(vm: Vm, words: Words, reason: ReasonOption = "", duration: ForOption = "", repo: RepoOption = None) -> Exit:
    """Put an image of the repository into a drive, now and for the next boot. Stays until Git names another one."""
    from reconciler.operations import media

    if len(words) > 2:
        raise UsageError("write: gitvirt cdrom insert VM [DRIVE] IMAGE")
    drive, image = ("", words[0]) if len(words) == 1 else (words[0], words[1])
    with session(repo, reason, duration) as here:
        refs = here.vms(Which(targets=(vm,)))
        return here.do(refs, partial(media.insert, drive=drive, image=image.removeprefix("image/")))


@app.command()
def eject(
    vm: Vm,
    drive: Annotated[str, typer.Argument(metavar="DRIVE", help="The drive, if there are several.")] = "",
    reason: ReasonOption = "",
    duration: ForOption = "",
    repo: RepoOption = None,
) -> Exit:
    """Take the medium out of a drive, now and for the next boot; a tray that the guest locked is opened by force."""
    from reconciler.operations import media

    with session(repo, reason, duration) as here:
        return here.do(here.vms(Which(targets=(vm,))), partial(media.eject, drive=drive))


@app.command()
def seed(vm: Vm, repo: RepoOption = None) -> Exit:
    """Write what the first boot is told as it is declared now, and put it into its drive; the guest is left alone."""
    from reconciler.operations.reseed import reseed

    with session(repo, "", "") as here:
        return here.do(here.vms(Which(targets=(vm,))), reseed)
