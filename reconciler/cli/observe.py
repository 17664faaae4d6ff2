"""`gitvirt observe`: what all hosts report, for `plan --observed` on a machine without access to them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from reconciler.cli.context import RepoArgument, RepoOption, repository_at
from reconciler.cli.exits import Exit
from reconciler.cli.passes import Asked, application, load_revision, look
from reconciler.errors import UsageError


def observe(
    repo: RepoArgument = None,
    repo_option: RepoOption = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Where to write it; stdout by default.")
    ] = None,
    sign: Annotated[
        Path | None,
        typer.Option("--sign", metavar="KEY", help="Sign it with this SSH key; the signature goes to FILE.sig."),
    ] = None,
) -> Exit:
    """Read all hosts and write down what they report, secrets left out. Exit 3 if a host could not be read."""
    if sign is not None and output is None:
        raise UsageError("--sign needs -o FILE: the signature is a file beside it")
    from reconciler.key import load as load_key
    from reconciler.observe import recorded

    place = repository_at(repo, repo_option)
    with application(place) as app:
        looked = look(app, load_revision(app, place, None), Asked())
        observed = looked.context.observed
        key = load_key(app.settings.state_folder)
        if output is None:
            recorded.write(observed, key, sys.stdout.write)
        else:
            recorded.save(output, observed, key, sign)
    for name, host in observed.unseen.items():
        print(f"host/{name} was not read: {host.reason}", file=sys.stderr)
    return Exit.HELD if observed.unseen else Exit.OK
