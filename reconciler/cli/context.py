"""What commands have in common: where the repository is, the shared options, questions, and loading.

A verb about a repository takes `repo: RepoArgument = None, repo_option: RepoOption = None` and calls
`place = repository_at(repo, repo_option)`; then `catalog = load(place)`. Called by the command modules.
"""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import completion
from reconciler.errors import UsageError
from specs.structs import Struct

if TYPE_CHECKING:
    from drivers.git import Repository
    from specs.catalog import Catalog

ROOT_FILE = "gitvirt.yaml"


class Output(StrEnum):
    """`-o`: what a command prints."""

    text = "text"
    wide = "wide"
    json = "json"
    yaml = "yaml"
    name = "name"


_WHERE = "Folder with gitvirt.yaml; here or above by default."
RepoArgument = Annotated[Path | None, typer.Argument(metavar="REPO", help=_WHERE, show_default=False)]
RepoOption = Annotated[
    Path | None,
    typer.Option("--repo", metavar="DIR", envvar="GITVIRT_REPO", help=_WHERE, show_default=False),
]
OutputOption = Annotated[Output, typer.Option("-o", "--output", help="What to print.")]
YesOption = Annotated[bool, typer.Option("-y", "--yes", help="Do not ask.")]
Targets = Annotated[
    list[str],
    typer.Argument(metavar="TARGET...", help="NAME, or KIND/NAME such as vm/web.", autocompletion=completion.objects),
]
Target = Annotated[
    str, typer.Argument(metavar="TARGET", help="NAME, or KIND/NAME such as vm/web.", autocompletion=completion.objects)
]


class Place(Struct, frozen=True, kw_only=True):
    """A repository and the folder in it that has gitvirt.yaml, as a path from the repository's root (`.` for it)."""

    repository: Repository
    folder: str

    @property
    def path(self) -> Path:
        """That folder on disk."""
        return self.repository.root / self.folder


def folder_of(argument: Path | None, option: Path | None) -> Path:
    """The folder that the user means. Without a word: the nearest one with gitvirt.yaml, from here upwards."""
    if argument is not None and option is not None and argument.resolve() != option.resolve():
        raise UsageError(f"REPO is {argument} and --repo is {option}; give one of them")
    named = argument if argument is not None else option
    if named is not None:
        return named.parent if named.name == ROOT_FILE and named.is_file() else named
    here = Path.cwd()
    return next((each for each in (here, *here.parents) if (each / ROOT_FILE).is_file()), here)


def repository_at(argument: Path | None, option: Path | None = None) -> Place:
    """Opens the repository; errors of drivers.git if it cannot be."""
    from drivers.git import open_repository

    repository = open_repository(folder_of(argument, option))
    return Place(repository=repository, folder=repository.prefix or ".")


def load(place: Place, revision: str | None = None) -> Catalog:
    """The catalog of the files as they lie there, or of a revision; warnings go to stderr. Raises LoadFailed."""
    from specs.load import load as load_tree

    catalog = load_tree(place.repository.tree(revision), place.folder)
    for each in catalog.warnings:
        print(each, file=sys.stderr)
    return catalog


def confirm(question: str, yes: bool) -> bool:
    """Asks on the terminal; without one, `--yes` must have been given."""
    if yes:
        return True
    if not sys.stdin.isatty():
        raise UsageError("there is no terminal to ask on; add --yes to go on without a question")
    sys.stdout.flush()
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    answer = sys.stdin.readline()
    if not answer:
        print(file=sys.stderr)
    return answer.strip().lower() in ("y", "yes")
