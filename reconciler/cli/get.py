"""`gitvirt get`: lists objects as they are, like `kubectl get`; hosts are asked only for kinds that live there."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from reconciler.cli import completion
from reconciler.cli.context import Output, OutputOption, RepoOption, load, repository_at
from reconciler.cli.exits import Exit
from reconciler.cli.selectors import selector
from reconciler.cli.sight import ObservedOption, sight, tell_unseen
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.status.objects import Listing, Object
    from reconciler.status.situation import Situation
    from specs.catalog import Catalog

SelectorOption = Annotated[
    list[str] | None,
    typer.Option("-l", "--selector", metavar="LABELS", help="KEY=VALUE, KEY!=VALUE, KEY, !KEY, joined by commas."),
]
_FULL = (Output.wide, Output.json, Output.yaml)


def get(
    what: Annotated[
        list[str],
        typer.Argument(
            metavar="KIND [NAME...]",
            help="vms, hosts, networks, sds, images, clusters, dcs, macpools, affinitygroups, schedulingpolicies, "
            "instancetypes, volumes, trash, all; …",
            autocompletion=completion.listed,
        ),
    ],
    labels: SelectorOption = None,
    everything: Annotated[bool, typer.Option("--all", "-A", help="VMs that are not ours, too.")] = False,
    output: OutputOption = Output.text,
    repo: RepoOption = None,
    observed: ObservedOption = None,
) -> Exit:
    """List objects with their state. Exit 1 if a named one is not there.

    A VM that no host was seen to have is `unknown`, not `absent`, as long as a host could not be read.
    """
    wanted = _Wanted(what)
    match = selector(labels or [])
    if not wanted.needs_hosts:
        catalog = load(repository_at(None, repo))
        return _shown(wanted, _chosen(wanted, catalog, None, match, False), output, everything)
    with sight(repo, observed) as seen:
        situation = seen.with_addresses() if wanted.machines and output in _FULL else seen.situation
        situation = seen.with_baselines(situation) if wanted.clusters else situation
        tell_unseen(situation)
        items = _chosen(wanted, situation.catalog, situation, match, everything)
        return _shown(wanted, items, output, everything)


class _Wanted:
    """What the arguments ask for: kinds, and names (by kind, or of any kind: "")."""

    def __init__(self, words: list[str]) -> None:
        from reconciler.status import objects

        first, *rest = words
        self.names: list[tuple[str, str]] = []
        self.one = False
        if "/" not in first and (first == "all" or any(objects.is_kind(each) for each in first.split(","))):
            self.kinds = self._listings(first)
            self.names = [(kind.kind, each) for each in rest for kind in self.kinds]
            self.one = len(rest) == 1 and len(self.kinds) == 1
            return
        for each in words:
            kind, slash, name = each.rpartition("/")
            self.names.append((objects.listing(kind).kind if slash else "", name))
        found = {kind for kind, _ in self.names}
        self.kinds = tuple(each for each in objects.EVERYTHING if "" in found or each.kind in found)
        self.kinds += tuple(each for each in objects.LISTINGS if each not in self.kinds and each.kind in found)
        self.one = len(self.names) == 1

    def _listings(self, word: str) -> tuple[Listing, ...]:
        from reconciler.status import objects

        if word == "all":
            return objects.EVERYTHING
        return tuple(dict.fromkeys(objects.listing(each) for each in word.split(",") if each))

    @property
    def needs_hosts(self) -> bool:
        return any(each.look is not None for each in self.kinds)

    @property
    def clusters(self) -> bool:
        return any(each.kind == "Cluster" for each in self.kinds)

    @property
    def machines(self) -> bool:
        return any(each.kind == "VirtualMachine" for each in self.kinds)


def _chosen(
    wanted: _Wanted, catalog: Catalog, situation: Situation | None, match: Any, everything: bool
) -> list[Object]:
    """The objects that were asked for, by kind; UsageError for a name that is not there."""
    from reconciler.status import objects

    items = [item for kind in wanted.kinds for item in kind.objects(catalog, situation)]
    if everything and wanted.machines and situation is not None:
        items += objects.foreign(situation)
    items = [each for each in items if match(each["metadata"].get("labels", {}))]
    if not wanted.names:
        return items
    found = [each for kind, name in wanted.names for each in items if _is(each, kind, name)]
    missing = [
        f"{kind and objects.listing(kind).short + '/'}{name}"
        for kind, name in wanted.names
        if not any(_is(each, kind, name) for each in items)
    ]
    if missing:
        from specs.errors import did_you_mean

        kinds = [] if "/" in missing[0] else [each.plural for each in objects.LISTINGS]
        hint = did_you_mean(missing[0].rpartition("/")[2], [*(each["metadata"]["name"] for each in items), *kinds])
        hint = hint or (f"kinds are {', '.join(kinds)}, all" if kinds else "")
        raise UsageError(f"there is no {', '.join(missing)}" + (f"; {hint}" if hint else ""))
    return found


def _is(item: Object, kind: str, name: str) -> bool:
    return kind in ("", item["kind"]) and name in (item["metadata"]["name"], item["status"].get("ref"))


def _shown(wanted: _Wanted, items: list[Object], output: Output, owners: bool) -> Exit:
    if output in (Output.json, Output.yaml):
        from reconciler.cli.documents import listing, show

        show(items[0] if wanted.one and len(items) == 1 else listing(items), output)
        return Exit.OK
    if output is Output.name:
        from reconciler.status.objects import name

        print(*map(name, items), sep="\n", end="\n" if items else "")
        return Exit.OK
    _tables(wanted, items, output is Output.wide, owners)
    return Exit.OK


def _tables(wanted: _Wanted, items: list[Object], wide: bool, owners: bool) -> None:
    from reconciler.cli import table
    from reconciler.cli.columns import table as columns_and_rows

    kinds = list(dict.fromkeys(each["kind"] for each in items))
    for number, kind in enumerate(kinds):
        if number:
            print()
        several = len(kinds) > 1 or len(wanted.kinds) > 1
        found = [each for each in items if each["kind"] == kind]
        columns, rows = columns_and_rows(kind, found, owners=owners, prefix=several)
        table.show(columns, rows, wide=wide)
    if not items:
        words = ", ".join(each.plural for each in wanted.kinds) if len(wanted.kinds) < 3 else "objects"
        print(f"no {words} found", file=sys.stderr)
