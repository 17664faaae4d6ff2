"""`gitvirt diff`: what is declared against what is there, field by field; changes nothing, plans nothing of its own."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import completion
from reconciler.cli.context import Output, OutputOption, RepoOption
from reconciler.cli.exits import Exit
from reconciler.cli.sight import ObservedOption, known, sight, tell_unseen
from reconciler.cli.terminal import paint, wants_colour
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.status.differences import Difference

_COLOURS = {"+": "green", "-": "red", "~": "yellow", "!": "magenta", "·": "dim"}


def diff(
    targets: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[TARGET...]", help="NAME or KIND/NAME; everything by default.", autocompletion=completion.objects
        ),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Against the machines that run, not against what their next boot gets.")
    ] = False,
    output: OutputOption = Output.text,
    repo: RepoOption = None,
    observed: ObservedOption = None,
) -> Exit:
    """Show where hosts differ from what is declared, one line a field. Exit 2 if anything does, 3 if that is unknown.

    `+` comes, `-` goes, `~` changes, `!` is held back, `·` has no effect on what exists. -o json gives the structure.
    """
    from reconciler.cli.targets import resolve
    from reconciler.status import differences

    if live and output in (Output.json, Output.yaml):
        raise UsageError("--live is for text; -o json has both, `differences` and `running`")
    with sight(repo, observed) as seen:
        refs = resolve(targets, known(seen.situation)) if targets else ()
        unseen = tell_unseen(seen.situation)
        if output in (Output.json, Output.yaml):
            from reconciler.cli.documents import listing, show

            found = differences.structural(seen.situation, refs)
            show(listing(found), output)
            return _code(bool(found), unseen)
        told = differences.differences(seen.situation, refs, live)
    if output is Output.name:
        print(*dict.fromkeys(each.ref for each in told), sep="\n", end="\n" if told else "")
    else:
        _print(told)
        if not told and not unseen:
            print("no differences")
    return _code(bool(told), unseen)


def _code(differs: bool, unseen: bool) -> Exit:
    return Exit.CHANGES if differs else Exit.HELD if unseen else Exit.OK


def _print(found: list[Difference]) -> None:
    colour = wants_colour(sys.stdout)
    for number, each in enumerate(found):
        if number:
            print()
        on = f" on {each.host}" if each.host else ""
        verb = "" if each.verb == "update" else f"  {each.verb}"
        place = f"  {each.where}" if each.where else ""
        print(paint(f"{each.ref}{on}{verb}{place}", "bold", colour))
        if each.held:
            print(paint(f"! {each.held}", "magenta", colour))
        paths = max((len(line.path) for line in each.lines), default=0)
        values = min(max((len(line.told) for line in each.lines), default=0), 48)
        for line in each.lines:
            text = f"{line.sign} {line.path:<{paths}}  {line.told:<{values}}  {line.effect}".rstrip()
            print(paint(text, _COLOURS[line.sign], colour) + (f"  {line.where}" if line.where else ""))
