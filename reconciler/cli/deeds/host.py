"""`gitvirt host lost NAME`: says that a host will not come back, so that its VMs may be made or started elsewhere."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from reconciler.cli.context import RepoOption, YesOption, repository_at
from reconciler.cli.exits import Exit
from reconciler.cli.passes import application, load_revision
from reconciler.errors import UsageError

app = typer.Typer(no_args_is_help=True, help="Hosts by hand.")


@app.callback()
def host() -> None:
    """Hosts by hand."""


@app.command()
def lost(
    name: Annotated[str, typer.Argument(metavar="HOST", help="A host that was removed from the repository.")],
    yes: YesOption = False,
    checked: Annotated[
        bool, typer.Option("--i-checked", help="With --yes: I made sure that nothing runs on it any more.")
    ] = False,
    repo: RepoOption = None,
) -> Exit:
    """Forget a removed host that was never seen empty. What it held counts as gone: it may be made anew elsewhere.

    If the host still runs, its VMs may then run twice and damage their disks. Cut its power first.
    """
    if yes and not checked:
        raise UsageError("--yes alone is not enough here; add --i-checked if nothing runs on that host any more")
    name = name.removeprefix("host/")
    place = repository_at(None, repo)
    with application(place) as app:
        catalog = load_revision(app, place, None).catalog
        register = app.outside().register(str(catalog.repository.spec.id))
        entry = register.known().get(name)
        if entry is None:
            known = ", ".join(sorted(register.known())) or "none"
            raise UsageError(f"no host/{name} is remembered here, so nothing waits for it; remembered: {known}")
        declared = catalog.get("Host", name)
        if declared is not None and declared.spec.uri == entry["uri"]:
            raise UsageError(
                f"host/{name} is declared ({declared.location}), so it counts as long as it does not answer; "
                "remove it from the repository first"
            )
        print(
            f"host/{name} ({entry['uri']}) held {entry['vms']} VMs when it was seen last. They will count as gone, and "
            "may be made or started elsewhere.\nIf it still runs, they run twice and damage their disks: cut its power."
        )
        if not (yes or _typed(name)):
            print("Nothing was done.")
            return Exit.ERROR
        register.forget(name)
        print(f"host/{name} is forgotten; `gitvirt plan` shows what follows")
    return Exit.OK


def _typed(name: str) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on; add --yes --i-checked to go on without a question")
    sys.stdout.flush()
    print("Type the host's name to go on: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == name
