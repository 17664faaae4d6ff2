"""`gitvirt set TARGET PATH=VALUE …`: changes values in the YAML of objects, and nothing else in the files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli import completion
from reconciler.cli.context import Place, RepoOption, load, repository_at
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.edit import Change


def set_values(
    arguments: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET|PATH=VALUE",
            help="vm/web memory=4GiB disks[root].size=40GiB",
            autocompletion=completion.objects,
        ),
    ],
    repo: RepoOption = None,
    no_plan: Annotated[bool, typer.Option("--no-plan", help="Do not look at hosts and show the plan.")] = False,
) -> None:
    """Change values in the YAML of objects, keeping comments and layout, and show the plan; nothing is applied.

    Paths are written as in a plan: memory, cpu.count, disks[root].size, metadata.labels.tier. A key that is not there
    is added, `null` takes a default away. If the repository would not be valid, nothing is written.
    """
    place = repository_at(None, repo)
    changes = make(place, arguments)
    for each in changes:
        print(f"{each.file}  {each.path}: {_shown(each.before)} → {_shown(each.after)}")
    if not changes:
        print("Nothing to change: the values are written so already.")
    if not no_plan:
        _show_plan(repository_at(None, repo))


def _show_plan(place: Place) -> None:
    """What these edits, and all else that is due, would do. A catalog without hosts has no plan to show."""
    from reconciler.cli.passes import Asked, application, load_revision, look
    from reconciler.cli.plan import Format, shown

    with application(place) as app:
        revision = load_revision(app, place, None)
        if revision.catalog.of("Host"):
            print()
            print(shown(look(app, revision, Asked()), app, Format.text), end="")


def make(place: Place, arguments: list[str]) -> tuple[Change, ...]:
    """Does what the arguments say; the changes that were written."""
    from reconciler.cli.targets import resolve
    from reconciler.edit import change_values
    from reconciler.edit.path import assignment
    from specs.errors import LoadFailed

    targets = [each for each in arguments if "=" not in each]
    assignments = [assignment(each) for each in arguments if "=" in each]
    if not targets or not assignments:
        raise UsageError("name what to change and how: gitvirt set vm/web memory=4GiB")
    if place.repository.bare:
        raise UsageError(f"{place.repository.root} is a bare repository, it has no files to edit; use a clone of it")
    catalog = load(place)
    refs = resolve(targets, [catalog.repository.ref, *catalog.resources])
    wanted = {ref: assignments for ref in refs}
    try:
        return change_values(place.repository.tree(), place.repository.root, place.folder, catalog, wanted)
    except LoadFailed as failed:
        raise UsageError(f"nothing was written, since the repository would not be valid:\n{failed}") from failed


def _shown(value: Any) -> str:
    from specs.fields import Secret
    from specs.render import scalar

    if value is None:
        return "(not set)"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_shown(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_shown, value)) + "]"
    return repr(value) if isinstance(value, Secret) else scalar(value)
