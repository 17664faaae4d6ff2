"""What `plan`, `apply` and the other verbs that look at hosts have in common: load, build the app, look, let go.

Called by the command modules; everything heavy is imported here, after the arguments are known to be sound.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reconciler.cli.context import Place
from reconciler.errors import UsageError
from specs.structs import Struct

if TYPE_CHECKING:
    from reconciler.app import App
    from reconciler.cycle import Pass, Revision
    from reconciler.diff.context import Allowed
    from reconciler.observe.observed import Observed
    from specs.resource import Ref


class Asked(Struct, frozen=True, kw_only=True):
    """The options that change what a plan does. They are part of a saved plan."""

    targets: tuple[str, ...] = ()
    deletions: int | None = None
    refs: tuple[str, ...] = ()
    force_revision: bool = False
    rev: str | None = None

    @classmethod
    def of(cls, target: list[str] | None, allow: list[str] | None, force_revision: bool, rev: str | None) -> Asked:
        """From the command line; UsageError for an `--allow` that means nothing."""
        deletions, refs = None, []
        for each in allow or ():
            word, found, number = each.partition("=")
            if word == "deletions" and found and number.isdecimal():
                deletions = int(number)
            elif "/" in each:
                refs.append(each)
            else:
                raise UsageError(f"--allow {each} means nothing; write --allow deletions=N, or --allow KIND/NAME")
        return cls(
            targets=tuple(target or ()), deletions=deletions, refs=tuple(refs), force_revision=force_revision, rev=rev
        )

    @classmethod
    def saved(cls, data: Mapping[str, Any]) -> Asked:
        """The inverse of `data`."""
        return cls(
            targets=tuple(data["targets"]),
            deletions=data["deletions"],
            refs=tuple(data["refs"]),
            force_revision=data["force_revision"],
            rev=data["rev"],
        )

    def data(self) -> dict[str, object]:
        """As a saved plan holds them."""
        from msgspec.structs import asdict

        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    def allowed(self, revision: Revision) -> Allowed:
        """As the planner takes them, with every reference resolved."""
        from reconciler.diff.context import Allowed
        from specs.resource import Ref

        targets = frozenset(str(_target(each, revision)) for each in self.targets)
        refs = frozenset(str(Ref.parse(each)) for each in self.refs)
        return Allowed(deletions=self.deletions, refs=refs, force_revision=self.force_revision, targets=targets)


def _target(text: str, revision: Revision) -> Ref:
    """What is declared; or, by kind and name, what hosts may have although nothing declares it any more."""
    from reconciler.cli.targets import resolve
    from specs.errors import BadReference
    from specs.resource import Ref

    try:
        return resolve([text], revision.catalog.resources)[0]
    except UsageError:
        if "/" not in text:
            raise
    try:
        return Ref.parse(text)
    except BadReference as error:
        raise UsageError(str(error)) from error


def _require_targets(asked: Asked, revision: Revision, observed: Observed) -> None:
    """UsageError if a target is neither declared nor seen."""
    from reconciler.cli.targets import resolve
    from specs.resource import Ref

    hosts = observed.seen.values()
    seen = [Ref("Network", each.name) for host in hosts for each in host.networks]
    seen += [Ref("StorageDomain", each.name) for host in hosts for each in host.pools]
    resolve(asked.targets, [*revision.catalog.resources, *observed.owned, *seen])


class Recorded(Struct, frozen=True, kw_only=True):
    """An observation in a file, and what is demanded of it besides what the settings demand."""

    file: Path
    signers: Path | None = None
    max_age: int | None = None


def load_revision(app: App, place: Place, rev: str | None) -> Revision:
    """The revision that the user means: a commit, or the files as they lie there (`commit+dirty`)."""
    from specs.load import load

    if rev is not None:
        name = place.repository.resolve(rev)
        return app.revision(load(place.repository.tree(name), place.folder), name)
    catalog = load(place.repository.tree(), place.folder)
    for each in catalog.warnings:
        print(each, file=sys.stderr)
    return app.revision(catalog, str(place.repository.revision()))


@contextmanager
def application(place: Place) -> Iterator[App]:
    """The app for a repository; hosts are let go of at the end."""
    from reconciler.app import App

    app = App(place.repository, place.folder)
    try:
        yield app
    finally:
        app.close()


def look(app: App, revision: Revision, asked: Asked, observed: Recorded | None = None) -> Pass:
    """One look at the hosts, or at what a file says of them."""
    from reconciler import cycle

    if observed is None:
        looked = cycle.look(revision, app.outside(), asked.allowed(revision))
    else:
        looked = _recorded(app, revision, asked.allowed(revision), observed)
    _require_targets(asked, revision, looked.context.observed)
    return looked


def _recorded(app: App, revision: Revision, allowed: Allowed, observed: Recorded) -> Pass:
    from reconciler import cycle
    from reconciler.desired.resolve import resolve
    from reconciler.observe.recorded import Demands, read
    from reconciler.sources import unrevealed
    from specs.structs import replace

    wanted = resolve(revision.catalog, revision.name, replace(revision.sources, reveal=unrevealed))
    settled, outside = app.settings.observations, app.outside()
    signers = observed.signers or (Path(settled.signers).expanduser() if settled.signers else None)
    demands = Demands(signers=signers, max_age=observed.max_age or settled.max_age)
    seen = read(observed.file, wanted, demands, outside.now())
    context, plan = cycle.think(wanted, seen, revision, outside, allowed)
    return cycle.Pass(context=context, plan=plan)
