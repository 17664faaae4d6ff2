"""`gitvirt validate`: all that is wrong with a repository's YAML, at once; no host is contacted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli.context import Output, OutputOption, RepoArgument, RepoOption, repository_at
from reconciler.cli.exits import Exit
from reconciler.cli.terminal import paint, wants_colour

if TYPE_CHECKING:
    from specs.catalog import Catalog
    from specs.errors import Finding


def validate(
    repo: RepoArgument = None,
    repo_option: RepoOption = None,
    output: OutputOption = Output.text,
    revision: Annotated[
        str | None, typer.Option("--rev", metavar="REV", help="A commit, branch or tag instead of the files here.")
    ] = None,
) -> Exit:
    """Check all YAML of a repository; no host is contacted.

    Every error is told at once, as file:line:column. Exits 1 if there is one, 0 if not, also with warnings.
    """
    from specs.errors import LoadFailed
    from specs.load import load

    place = repository_at(repo, repo_option)
    catalog: Catalog | None = None
    try:
        catalog = load(place.repository.tree(revision), place.folder)
        findings: Sequence[Finding] = catalog.warnings
    except LoadFailed as failed:
        findings = failed.findings
    if output in (Output.json, Output.yaml):
        from reconciler.cli.documents import show

        show(_document(catalog, findings), output)
    else:
        _print(catalog, findings)
    return Exit.ERROR if catalog is None else Exit.OK


def _document(catalog: Catalog | None, findings: Sequence[Finding]) -> dict[str, Any]:
    return {
        "valid": catalog is not None,
        "objects": len(catalog.resources) if catalog else None,
        "findings": [
            {
                "severity": each.severity,
                "file": each.where.file,
                "line": each.where.line,
                "column": each.where.column,
                "path": each.path,
                "what": each.what,
                "why": each.why,
                "fix": each.fix,
            }
            for each in findings
        ],
    }


def _print(catalog: Catalog | None, findings: Sequence[Finding]) -> None:
    colour = wants_colour(sys.stderr)
    for each in findings:
        print(paint(str(each), "red" if each.severity == "error" else "yellow", colour), file=sys.stderr)
    errors = sum(each.severity == "error" for each in findings)
    warnings = len(findings) - errors
    if catalog is None:
        print(f"\n{_count(errors, 'error')}, {_count(warnings, 'warning')}", file=sys.stderr)
        return
    kinds = [f"{len(found)} {kind}" for kind in _kinds(catalog) if (found := _written(catalog, kind))]
    extra = f", {_count(warnings, 'warning')}" if warnings else ""
    print(f"{catalog.repository.name} is valid{extra}: {', '.join(kinds) or 'nothing declared yet'}")


def _kinds(catalog: Catalog) -> list[str]:
    return list(dict.fromkeys(ref.kind for ref in catalog.resources))


def _written(catalog: Catalog, kind: str) -> list[Any]:
    return [each for each in catalog.of(kind) if not each.implied]


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
