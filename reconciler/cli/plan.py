"""`gitvirt plan`: what would be done, and what is kept back. Writes to no host.

Exit codes: 0 nothing to do, 2 something to do, 3 only held changes, 1 an error.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.context import RepoArgument, RepoOption, repository_at
from reconciler.cli.exits import Exit, of_plan
from reconciler.cli.passes import Asked, Recorded, application, load_revision, look
from reconciler.errors import UsageError
from specs.structs import replace

if TYPE_CHECKING:
    from reconciler.app import App
    from reconciler.cycle import Pass
    from reconciler.diff.change import Change
    from reconciler.plan.plan import Plan
    from specs.resource import Ref


class Format(StrEnum):
    """`-o` of plan."""

    text = "text"
    json = "json"
    markdown = "markdown"


TargetOption = Annotated[
    list[str] | None, typer.Option("--target", metavar="REF", help="Only this object and what it needs; repeatable.")
]
AllowOption = Annotated[
    list[str] | None,
    typer.Option("--allow", metavar="WHAT", help="deletions=N, or a REF whose held change is meant; repeatable."),
]
ForceOption = Annotated[
    bool, typer.Option("--force-revision", help="Change objects that a revision changed which ours lacks.")
]
RevOption = Annotated[
    str | None, typer.Option("--rev", metavar="REV", help="This commit instead of the files as they lie.")
]
BaseOption = Annotated[
    str | None,
    typer.Option("--base", metavar="REV", help="Tell apart what is due anyway, without what came since REV."),
]
ObservedOption = Annotated[
    Path | None, typer.Option("--observed", metavar="FILE", help="Plan for what `gitvirt observe -o FILE` saw.")
]
SignersOption = Annotated[
    Path | None,
    typer.Option("--signers", metavar="FILE", help="Whose signature --observed must have: ssh's allowed signers."),
]
MaxAgeOption = Annotated[
    str | None, typer.Option("--max-age", metavar="TIME", help="How old --observed may be: 30m, 2h, 1d.")
]
OutOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Save the plan for `gitvirt apply FILE`.")
]


def plan(
    repo: RepoArgument = None,
    repo_option: RepoOption = None,
    target: TargetOption = None,
    allow: AllowOption = None,
    force_revision: ForceOption = False,
    rev: RevOption = None,
    base: BaseOption = None,
    observed: ObservedOption = None,
    signers: SignersOption = None,
    max_age: MaxAgeOption = None,
    output: Annotated[Format, typer.Option("-o", "--output", help="What to print.")] = Format.text,
    out: OutOption = None,
) -> Exit:
    """Show what `apply` would do: every change with its effect, and what is held back and why."""
    asked = Asked.of(target, allow, force_revision, rev)
    source = recorded_at(observed, signers, max_age)
    place = repository_at(repo, repo_option)
    with application(place) as app:
        looked = look(app, load_revision(app, place, rev), asked, source)
        if base is not None:
            looked = replace(looked, plan=against(looked, app, load_revision(app, place, base)))
        print(shown(looked, app, output, asked), end="")
        if out is not None:
            from reconciler.plan.faces.saved import write

            write(out, data(looked, app, asked))
        return of_plan(steps=len(looked.plan.steps), held=int(looked.plan.anything_held))


def recorded_at(observed: Path | None, signers: Path | None, max_age: str | None) -> Recorded | None:
    """Where the observation is, and what it has to be like; UsageError for what makes no sense."""
    from specs.errors import BadValue
    from specs.units import parse_duration

    if observed is None and (signers is not None or max_age is not None):
        raise UsageError("--signers and --max-age are about an observation in a file; add --observed FILE")
    try:
        seconds = None if max_age is None else parse_duration(max_age)
    except BadValue as error:
        raise UsageError(f"--max-age: {error}") from error
    return None if observed is None else Recorded(file=observed, signers=signers, max_age=seconds)


def against(looked: Pass, app: App, base: object) -> Plan:
    """The plan, with the refs marked whose changes the base revision causes just the same."""
    from reconciler import cycle
    from reconciler.desired.resolve import resolve

    assert isinstance(base, cycle.Revision)
    wanted = resolve(base.catalog, base.name, base.sources)
    allowed = replace(looked.context.allowed, targets=frozenset())  # they may be newer than the base
    _, due = cycle.think(wanted, looked.context.observed, base, app.outside(), allowed)
    before = {_what(each): each for each in due.changes}
    anyway = frozenset(
        (str(each.ref), each.host)
        for each in looked.plan.changes
        if (same := before.get(_what(each))) is not None
        and same.verb == each.verb
        and [(field.path, field.after) for field in same.fields] == [(field.path, field.after) for field in each.fields]
    )
    return replace(looked.plan, base=base.name, anyway=anyway)


def _what(change: Change) -> tuple[Ref, str]:
    """What a change is about. Where a new VM is put depends on what else is new: that makes it no other change."""
    return change.ref, "" if change.ref.kind == "VirtualMachine" else change.host


def shown(looked: Pass, app: App, output: Format, asked: Asked | None = None) -> str:
    """The plan as it is printed."""
    if output is Format.json:
        import json

        return json.dumps(data(looked, app, asked or Asked()), indent=2, ensure_ascii=False) + "\n"
    if output is Format.markdown:
        from reconciler.plan.faces.markdown import markdown

        return markdown(looked.plan)
    from reconciler.cli.terminal import wants_colour, width
    from reconciler.plan.faces.text import text

    return text(looked.plan, width(sys.stdout), wants_colour(sys.stdout)) + "\n"


def data(looked: Pass, app: App, asked: Asked) -> dict[str, object]:
    """The plan as JSON, `gitvirt.plan/v1`."""
    from reconciler.plan.faces.data import to_data

    return to_data(looked.plan, app.digest, options=asked.data())
