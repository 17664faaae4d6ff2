"""`gitvirt explain`: why an object is as it is; or what a field means (`vm.spec.disks.size`)."""

from __future__ import annotations

from typing import Annotated

import typer

from reconciler.cli import completion
from reconciler.cli.context import RepoOption
from reconciler.cli.exits import Exit
from reconciler.cli.sight import ObservedOption, known, sight, tell_unseen


def explain(
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET|FIELD",
            help="NAME or KIND/NAME; or KIND, or a field: vm.spec.disks.size.",
            autocompletion=completion.objects,
        ),
    ],
    repo: RepoOption = None,
    observed: ObservedOption = None,
) -> Exit:
    """Tell why a VM is where it is, who says each of its values, and why changes wait.

    With a kind or a field instead: what it means, its type and unit, and when a change of it takes effect; offline.
    """
    from reconciler.cli import sections
    from reconciler.status import fielddocs

    if fielddocs.is_field(target):
        sections.show(fielddocs.explain(target))
        return Exit.OK
    from reconciler.cli.targets import resolve
    from reconciler.status.explanation import explain as explained

    with sight(repo, observed) as seen:
        ref = resolve([target], known(seen.situation))[0]
        tell_unseen(seen.situation)
        sections.show(explained(ref, seen.situation))
    return Exit.OK
