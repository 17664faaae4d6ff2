"""`gitvirt host lost NAME`: says that a host will not come back, so that its VMs may be made or started elsewhere."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import completion
from reconciler.cli.context import RepoOption, YesOption, repository_at
from reconciler.cli.exits import Exit
from reconciler.cli.passes import Asked, application, load_revision, look
from reconciler.errors import UsageError
from specs.resource import Ref

if TYPE_CHECKING:
    from reconciler.app import App
    from reconciler.cycle import Revision

app = typer.Typer(no_args_is_help=True, help="Hosts by hand.")


@app.callback()
def host() -> None:
    """Hosts by hand."""


@app.command()
def lost(
    name: Annotated[
        str,
        typer.Argument(
            metavar="HOST", help="A host that does not answer, declared or removed.", autocompletion=completion.hosts
        ),
    ],
    yes: YesOption = False,
    checked: Annotated[
        bool, typer.Option("--i-checked", help="With --yes: I made sure that nothing runs on it any more.")
    ] = False,
    repo: RepoOption = None,
) -> Exit:
    """Say that a host will not come back. What it held counts as gone: it may be made anew elsewhere.

    If the host still runs, its VMs may then run twice and damage their disks. Cut its power first. A declared host is
    `down` from then on; when it answers again it counts again.
    """
    if yes and not checked:
        raise UsageError("--yes alone is not enough here; add --i-checked if nothing runs on that host any more")
    name = name.removeprefix("host/")
    place = repository_at(None, repo)
    with application(place) as app:
        revision = load_revision(app, place, None)
        register = app.outside().register(str(revision.catalog.repository.spec.id))
        entry = register.known().get(name)
        declared = revision.catalog.get("Host", name)
        if entry is None and declared is None:
            known = ", ".join(sorted(register.known())) or "none"
            raise UsageError(f"no host/{name} is declared or remembered here; remembered: {known}")
        same = declared is not None and (entry is None or declared.spec.uri == entry["uri"])
        if same or declared is None:
            refuse_if_it_answers(name, app, revision)
        _say(name, entry, str(declared.spec.uri) if declared else "")
        if not (yes or _typed(name)):
            print("Nothing was done.")
            return Exit.ERROR
        if same:
            _note(name, app, revision)
        register.forget(name)
        print(f"host/{name} is {'down' if same else 'forgotten'}; `gitvirt plan` shows what follows")
    return Exit.OK


def refuse_if_it_answers(name: str, app: App, revision: Revision) -> None:
    """UsageError if the host can be read: also one that was removed while it held VMs, under the URI that it had."""
    context = look(app, revision, Asked()).context
    if name not in context.observed.seen:
        return
    if context.wanted.hosts[name].leaving:
        fix = "it is being emptied, and forgotten then; `gitvirt plan` shows what is in the way"
    else:
        fix = f"to take it out of use: `gitvirt maintenance {name} on`"
    raise UsageError(f"host/{name} answers, so it is not lost; {fix}")


def _say(name: str, entry: dict[str, object] | None, uri: str) -> None:
    held = f"VMs when it was seen last: {entry['vms']}" if entry else "it was never seen from here"
    print(
        f"host/{name} ({entry['uri'] if entry else uri}); {held}.\nWhat it holds will count as gone, and may be made "
        "or started elsewhere. If it still runs, its VMs run twice and damage their disks: cut its power."
    )


def _note(name: str, app: App, revision: Revision) -> None:
    """A declared host stays declared, and is down until it answers."""
    from reconciler.journal import author
    from reconciler.operations.scene import By
    from reconciler.place.hosts.hoststate import LOST

    repository = str(revision.catalog.repository.spec.id)
    by = By(author=author(), since=app.outside().now())
    app.overrides(repository).put(f"host/{name}", by.override(LOST, "lost"))
    app.journal(repository).deed(Ref("Host", name), True, "declared lost", by=by)


def _typed(name: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on; add --yes --i-checked to go on without a question")
    sys.stdout.flush()
    print("Type the host's name to go on: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == name
