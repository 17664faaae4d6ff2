"""What the verbs that act have in common: targets, who asks, one look at the hosts, one line per object, exit codes.

Exit codes: 0 all done, 4 some failed, 1 none done or a usage error. Called by the other modules of this package.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import completion
from reconciler.cli.context import Place, repository_at
from reconciler.cli.exits import Exit, of_apply
from reconciler.cli.interrupt import interruptible
from reconciler.cli.passes import Asked, application, load_revision, look
from reconciler.errors import UsageError
from specs.resource import Ref
from specs.structs import Struct

if TYPE_CHECKING:
    from reconciler.app import App
    from reconciler.cycle import Revision
    from reconciler.operations.perform import Deed, Outcome
    from reconciler.operations.scene import Scene
    from specs.catalog import Catalog

VM = "VirtualMachine"

VmTargets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TARGET",
        help="NAME or vm/NAME, one or several.",
        show_default=False,
        autocompletion=completion.machines,
    ),
]
LabelOption = Annotated[
    list[str] | None, typer.Option("-l", "--selector", metavar="LABELS", help="VMs by label: tier=web,env!=test.")
]
AllOption = Annotated[bool, typer.Option("--all", help="All VMs of this repository.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the deed.")]
ForOption = Annotated[
    str, typer.Option("--for", metavar="DURATION", help="How long it shall hold (30m, 2h, 7d); then Git's word counts.")
]


class Which(Struct, frozen=True, kw_only=True):
    """The targets as they were written."""

    targets: Sequence[str] = ()
    labels: Sequence[str] = ()
    all: bool = False

    @classmethod
    def of(cls, targets: list[str] | None, labels: list[str] | None, everything: bool) -> Which:
        """UsageError if nothing is named, or names and `--all` at once."""
        if not targets and not labels and not everything:
            raise UsageError("name what is meant: NAME, vm/NAME, -l LABEL=VALUE, or --all")
        if everything and (targets or labels):
            raise UsageError("--all means everything; leave out the names and labels, or --all")
        return cls(targets=targets or (), labels=labels or (), all=everything)


class Session(Struct, frozen=True, kw_only=True, dict=True):
    """One command under way: the app, what is declared, and the scene of its deeds."""

    app: App
    place: Place
    revision: Revision
    scene: Scene

    @property
    def catalog(self) -> Catalog:
        """What is declared."""
        return self.revision.catalog

    @property
    def known(self) -> list[Ref]:
        """Every ref that can be meant: declared, ours on a host, or a foreign VM (to be refused with the reason)."""
        observed = self.scene.looked.context.observed
        seen = [Ref(VM, name) for name in observed.by_name]
        networks = [Ref("Network", each.name) for host in observed.seen.values() for each in host.networks]
        declared = [self.catalog.repository.ref, *self.catalog.resources]
        return list(dict.fromkeys([*declared, *observed.owned, *seen, *networks]))

    def vms(self, which: Which) -> tuple[Ref, ...]:
        """The VMs that are meant, with --all also those that an unread host may hold.

        UsageError if a name means nothing, or nothing has the labels.
        """
        from reconciler.cli.selectors import selector
        from reconciler.cli.targets import resolve
        from reconciler.diff.holding import owned

        context = self.scene.looked.context
        refs = list(resolve(which.targets, self.known, (VM,)))
        if which.labels:
            chosen = selector(list(which.labels))
            found = [each.ref for each in context.wanted.vms.values() if chosen(each.labels)]
            if not found:
                raise UsageError(f"no VM has the labels {','.join(which.labels)}")
            refs += found
        if which.all:
            refs += [each for each in context.observed.owned if not self._trashed(each)]
            if not context.observed.complete:  # what cannot be acted on is told, too
                refs += [each.ref for each in context.wanted.vms.values() if not owned(each.ref, context)]
        return tuple(dict.fromkeys(refs))

    def _trashed(self, ref: Ref) -> bool:
        found = self.scene.looked.context.observed.owned[ref]
        return all(each.vm.mark is not None and each.vm.mark.trashed for each in found)

    def do(self, refs: Sequence[Ref], deed: Deed) -> Exit:
        """Does it to all, side by side; a line per object as it ends."""
        from reconciler.operations.perform import perform

        if not refs:
            print("There is nothing to do it to.")
            return Exit.OK
        journal = self.app.journal(self.scene.looked.context.wanted.repository)

        def told(outcome: Outcome) -> None:
            journal.deed(outcome.ref, outcome.good, outcome.text, by=self.scene.by)
            show(outcome)

        with interruptible(self.app):
            outcomes = perform(refs, self.scene, deed, told)
        done = sum(each.good for each in outcomes)
        return of_apply(done=done, failed=len(outcomes) - done, held=0)


def show(outcome: Outcome) -> None:
    """One line; what failed goes to stderr."""
    from reconciler.cli.terminal import paint, wants_colour

    if outcome.good:
        print(outcome, flush=True)
    else:
        print(paint(str(outcome), "red", wants_colour(sys.stderr)), file=sys.stderr, flush=True)


@contextmanager
def session(repo: Path | None, reason: str = "", duration: str = "") -> Iterator[Session]:
    """Loads the repository and looks at all hosts once."""
    from reconciler.app import Pause
    from reconciler.journal import author
    from reconciler.operations.scene import By, Scene

    lasts = seconds(duration, "--for") if duration else 0
    place = repository_at(None, repo)
    with application(place) as app:
        revision = load_revision(app, place, None)
        looked = look(app, revision, Asked())
        now = app.outside().now()
        by = By(author=author(), reason=reason, since=now, until=now + lasts if lasts else 0)
        scene = Scene(looked=looked, by=by, pause=Pause(app.stop))
        yield Session(app=app, place=place, revision=revision, scene=scene)


def seconds(text: str, option: str) -> int:
    """A duration of the command line; UsageError names the option."""
    from specs.errors import BadValue
    from specs.units import parse_duration

    try:
        found = parse_duration(text)
    except BadValue as error:
        raise UsageError(f"{option} {text}: {error}") from None
    if found <= 0:
        raise UsageError(f"{option} {text}: must be longer than nothing")
    return found


def names(refs: Sequence[Ref]) -> str:
    """For questions: the first few, and how many more."""
    shown = ", ".join(map(str, refs[:5]))
    return f"{shown} and {len(refs) - 5} more" if len(refs) > 5 else shown
