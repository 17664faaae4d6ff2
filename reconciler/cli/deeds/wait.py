"""`gitvirt wait TARGET… --for running|stopped|agent|ip|gone`: returns when it is so. Exit 1 if the time is over."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from reconciler.cli.context import RepoOption
from reconciler.cli.deeds.common import AllOption, LabelOption, VmTargets, Which, seconds, session, show
from reconciler.cli.exits import Exit
from reconciler.cli.interrupt import interruptible

GoalOption = Annotated[
    Literal["running", "stopped", "agent", "ip", "gone"],
    typer.Option(
        "--for", help="agent: the guest agent answers; ip: an address is known; gone: no host has it, or it is trash."
    ),
]
TimeoutOption = Annotated[str, typer.Option("--timeout", metavar="DURATION", help="How long to wait at most.")]


def wait(
    targets: VmTargets = None,
    labels: LabelOption = None,
    everything: AllOption = False,
    goal: GoalOption = "running",
    timeout: TimeoutOption = "2m",
    repo: RepoOption = None,
) -> Exit:
    """Wait until VMs are as asked for, and tell each as it gets there; with --for ip, its addresses."""
    from reconciler.operations import wait as waiting

    which = Which.of(targets, labels, everything)
    patience = seconds(timeout, "--timeout")
    with session(repo) as here, interruptible(here.app):
        outcomes = waiting.wait(here.vms(which), here.scene, waiting.Goal(goal), patience, show)
        return Exit.OK if all(each.good for each in outcomes) else Exit.ERROR
