"""`gitvirt hold | unhold TARGET…`: stop reconciling an object, a host, a cluster, everything; and go on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import completion
from reconciler.cli.context import RepoOption
from reconciler.cli.deeds.common import ForOption, LabelOption, ReasonOption, Session, Which, session
from reconciler.cli.exits import Exit
from specs.resource import Ref

if TYPE_CHECKING:
    from reconciler.observe.holds import Holds

AnyTargets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="TARGET",
        help="NAME or KIND/NAME: vm/web, cluster/lab, host/kvm1.",
        show_default=False,
        autocompletion=completion.objects,
    ),
]
EverythingOption = Annotated[bool, typer.Option("--all", help="Everything in this repository.")]


def hold(
    targets: AnyTargets = None,
    labels: LabelOption = None,
    everything: EverythingOption = False,
    reason: ReasonOption = "",
    duration: ForOption = "",
    repo: RepoOption = None,
) -> Exit:
    """Leave objects as they are: plans keep back every change of them until `unhold`, or until --for is over.

    A hold on a VM is kept on the VM; one on anything else in the state directory of this machine.
    """
    return _do("hold", Which.of(targets, labels, everything), repo, (reason, duration))


def unhold(
    targets: AnyTargets = None,
    labels: LabelOption = None,
    everything: EverythingOption = False,
    repo: RepoOption = None,
) -> Exit:
    """Take holds back: what differs is changed by the next apply. --all is the hold on everything, no other."""
    return _do("unhold", Which.of(targets, labels, everything), repo, ("", ""))


def _do(verb: str, which: Which, repo: Path | None, record: tuple[str, str]) -> Exit:
    from reconciler.observe.holds import Holds
    from reconciler.operations.hold import Holding

    with session(repo, *record) as here:
        holds = Holds(here.app.settings.state_folder, here.scene.looked.context.wanted.repository)
        holding = Holding(holds=holds)
        refs = _refs(which, here, holds)
        deed = holding.hold if verb == "hold" else holding.unhold
        codes = [here.do([ref], deed) for ref in refs]  # one after the other: they share a file
        return _together(codes)


def _refs(which: Which, here: Session, holds: Holds) -> tuple[Ref, ...]:
    from reconciler.cli.targets import resolve

    if which.all:
        return (here.catalog.repository.ref,)
    held = [Ref.parse(each) for each in holds.all()]  # may be undeclared by now
    refs = resolve(which.targets, dict.fromkeys([*here.known, *held]))
    if which.labels:
        refs += here.vms(Which(labels=which.labels))
    return tuple(dict.fromkeys(refs))


def _together(codes: list[Exit]) -> Exit:
    good = sum(code is Exit.OK for code in codes)
    if good == len(codes):
        return Exit.OK
    return Exit.INCOMPLETE if good else Exit.ERROR
