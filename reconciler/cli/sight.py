"""What the verbs that look have in common: a repository and its hosts as one Situation.

Called by get, describe, status, diff and explain. Hosts that cannot be read are part of the answer, never an error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli.context import Place, repository_at
from reconciler.cli.passes import Asked, Recorded, application, load_revision, look

if TYPE_CHECKING:
    from drivers.base import Host
    from reconciler.app import App
    from reconciler.cycle import Pass
    from reconciler.observe.observed import Found
    from reconciler.status.situation import Situation
    from specs.resource import Ref

ObservedOption = Annotated[
    Path | None,
    typer.Option("--observed", metavar="FILE", help="What `gitvirt observe -o FILE` saw, instead of the hosts now."),
]


class Sight:
    """One look and what it was made with; `situation` is what to show."""

    def __init__(self, app: App, looked: Pass, situation: Situation, place: Place) -> None:
        self.app, self.looked, self.situation, self.place = app, looked, situation, place

    def host(self, name: str) -> Host | None:
        """The driver of a host; None if it was not read now."""
        return self.looked.hosts.get(name) if name in self.situation.context.observed.seen else None

    def with_addresses(self, only: Iterable[Found] | None = None) -> Situation:
        """The situation with the addresses of its running guests (or of `only` those), asked for within seconds."""
        from reconciler.observe.addresses import addresses
        from specs.structs import replace

        asked = self.situation.context.observed.vms() if only is None else only
        return replace(self.situation, addresses=addresses(self.looked.hosts, asked))

    def with_devices(self, situation: Situation, host: str) -> Situation:
        """The situation with the devices of that host."""
        from reconciler.observe.devices import with_devices
        from specs.structs import replace

        observed = with_devices(situation.context.observed, self.looked.hosts, (host,))
        return replace(situation, context=replace(situation.context, observed=observed))

    def with_baselines(self, situation: Situation) -> Situation:
        """The situation with the CPU that all hosts of each cluster have; a host is asked where their CPUs differ."""
        from reconciler.observe.baselines import Baselines
        from reconciler.place.hosts import clusters
        from specs.structs import replace

        kept = Baselines(self.app.settings.state_folder)
        found = {}
        for name, each in situation.context.wanted.clusters.items():
            report = clusters.report(each, situation.context)
            found[name] = kept.of(report.models, self.looked.hosts, report.emulation == "kvm")
        return replace(situation, baselines=found)


@contextmanager
def sight(repo: Path | None, observed: Path | None = None) -> Iterator[Sight]:
    """Looks once, as `plan` does; hosts are let go of at the end."""
    from reconciler.status.situation import Situation

    place = repository_at(None, repo)
    with application(place) as app:
        revision = load_revision(app, place, None)
        looked = look(app, revision, Asked(), Recorded(file=observed) if observed is not None else None)
        situation = Situation(catalog=revision.catalog, context=looked.context, plan=looked.plan)
        yield Sight(app, looked, situation, place)


def tell_unseen(situation: Situation) -> bool:
    """Says on stderr which hosts were not read, and what that means; True if there are any."""
    unseen = situation.context.observed.unseen
    for name, host in unseen.items():
        print(f"host/{name} was not read, so what it holds is unknown: {host.reason}", file=sys.stderr)
    return bool(unseen)


def known(situation: Situation, foreign: bool = False) -> list[Ref]:
    """What a TARGET may name: all that is declared, ours that is declared no more, on request VMs of others."""
    machines = [*situation.machines, *situation.trashed, *(situation.foreign if foreign else ())]
    return list(dict.fromkeys([*situation.catalog.resources, *(each.ref for each in machines)]))
