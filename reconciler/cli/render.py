"""`gitvirt render`: what is declared in the end, with the origin of each value; offline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli import completion
from reconciler.cli.context import Output, OutputOption, RepoOption, load, repository_at

if TYPE_CHECKING:
    from specs.catalog import Catalog
    from specs.resource import Ref


def render(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="TARGET", help="NAME or KIND/NAME; everything by default.", autocompletion=completion.objects
        ),
    ] = None,
    repo: RepoOption = None,
    output: OutputOption = Output.text,
    revision: Annotated[
        str | None, typer.Option("--rev", metavar="REV", help="A commit, branch or tag instead of the files here.")
    ] = None,
) -> None:
    """Show what is declared in the end, and where each value comes from.

    Defaults are laid under each object and shorthands written out. The text is YAML that loads again.
    """
    catalog = load(repository_at(None, repo), revision)
    ref = _ref(target, catalog)
    if output is Output.name:
        print(*([ref] if ref else catalog.resources), sep="\n")
        return
    from specs import render as rendering

    text = rendering.render(catalog, ref)
    if output in (Output.json, Output.yaml):
        from reconciler.cli.documents import listing, show

        documents = _plain(text)
        show(documents[0] if ref else listing(documents), output)
    else:
        print(text, end="")


def _ref(target: str | None, catalog: Catalog) -> Ref | None:
    if target is None:
        return None
    from reconciler.cli.targets import resolve

    return resolve([target], [catalog.repository.ref, *catalog.resources])[0]


def _plain(text: str) -> list[Any]:
    from specs.merge import bare
    from specs.yaml import parse

    return [bare(each) for each in parse("rendered", text.encode()).documents]
