"""Names for the shell's completion: those of the YAML, without a look at any host.

In: what the shell has of the command line. Out: the words that may follow; none from a repository that does not load.
Called by Typer, for the parameters that name these functions.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from specs.catalog import Catalog


def machines(ctx: typer.Context, incomplete: str) -> list[str]:
    """VMs."""
    return _refs(ctx, incomplete, ("VirtualMachine",))


def hosts(ctx: typer.Context, incomplete: str) -> list[str]:
    """Hosts."""
    return _refs(ctx, incomplete, ("Host",))


def clusters(ctx: typer.Context, incomplete: str) -> list[str]:
    """Clusters."""
    return _refs(ctx, incomplete, ("Cluster",))


def images(ctx: typer.Context, incomplete: str) -> list[str]:
    """Images."""
    return _refs(ctx, incomplete, ("Image",))


def objects(ctx: typer.Context, incomplete: str) -> list[str]:
    """Objects of any kind: `vm/web`, or by their names once that has begun."""
    return _refs(ctx, incomplete, ())


def listed(ctx: typer.Context, incomplete: str) -> list[str]:
    """What `get` takes: kinds first, then names of the kind that was given."""
    from reconciler.errors import UsageError
    from reconciler.status.objects import LISTINGS, listing

    words = ctx.params.get("what") or ()
    if not words:
        return _beginning([*(each.plural for each in LISTINGS), "all"], incomplete) + _refs(ctx, incomplete, ())
    try:
        return _refs(ctx, incomplete, (listing(words[0]).kind,))
    except UsageError:
        return _refs(ctx, incomplete, ())


def _refs(ctx: typer.Context, incomplete: str, kinds: Collection[str]) -> list[str]:
    catalog = _catalog(ctx)
    if catalog is None:
        return []
    refs = [ref for ref in catalog.resources if not kinds or ref.kind in kinds]
    whole = "/" in incomplete or (len(kinds) != 1 and not incomplete)
    return _beginning([str(ref) if whole else ref.name for ref in refs], incomplete)


def _beginning(words: Iterable[str], incomplete: str) -> list[str]:
    return sorted({each for each in words if each.startswith(incomplete)})


def _catalog(ctx: typer.Context) -> Catalog | None:
    """What is declared in the repository of `--repo`, or here; None if there is none, or it has errors."""
    from pathlib import Path

    from drivers.errors import DriverError
    from reconciler.cli.context import repository_at
    from specs.errors import SpecError
    from specs.load import load

    repo = ctx.params.get("repo") or ctx.params.get("repo_option")
    try:
        place = repository_at(None, Path(repo) if repo else None)
        return load(place.repository.tree(None), place.folder)
    except (DriverError, SpecError, OSError):
        return None
