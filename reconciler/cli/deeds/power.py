"""`gitvirt start | stop | reboot | reset | pause | resume | suspend TARGET…`: power by hand.

What Git would undo is recorded on the VM with author and reason, and obeyed until it is taken back, until Git changes
`state`, or until `--for` is over.
"""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import Annotated

import typer

from reconciler.cli.context import RepoOption, YesOption, confirm
from reconciler.cli.deeds.common import (
    AllOption,
    ForOption,
    LabelOption,
    ReasonOption,
    VmTargets,
    Which,
    names,
    seconds,
    session,
)
from reconciler.cli.exits import Exit
from reconciler.errors import UsageError

TimeoutOption = Annotated[
    str, typer.Option("--timeout", metavar="DURATION", help="How long the guest has to shut down; else as declared.")
]
RiskOption = Annotated[
    bool, typer.Option("--force", help="Although a host was not read, or the VM's host is in maintenance.")
]


class First(StrEnum):
    """What a run tries to boot from first."""

    cdrom = "cdrom"
    disk = "disk"
    network = "network"


OnceOption = Annotated[
    bool, typer.Option("--once", help="For one run with other settings; needs one of the next ones.")
]
BootOption = Annotated[First | None, typer.Option("--boot", help="Boot from this first.")]
MediumOption = Annotated[str, typer.Option("--cdrom", metavar="[DRIVE=]IMAGE", help="With this image in the drive.")]
KernelOption = Annotated[str, typer.Option("--kernel", metavar="PATH", help="With this kernel, a file of the host.")]
InitrdOption = Annotated[str, typer.Option("--initrd", metavar="PATH", help="The kernel's initial RAM disk.")]
CmdlineOption = Annotated[str, typer.Option("--cmdline", metavar="TEXT", help="The kernel's command line.")]
PausedOption = Annotated[bool, typer.Option("--paused", help="Its vCPUs stand still until `gitvirt resume`.")]
CutOption = Annotated[bool, typer.Option("--force", help="Cut the power; the guest is not asked.")]


def start(
    targets: VmTargets = None,
    labels: LabelOption = None,
    everything: AllOption = False,
    force: RiskOption = False,
    reason: ReasonOption = "",
    duration: ForOption = "",
    repo: RepoOption = None,
    once: OnceOption = False,
    boot: BootOption = None,
    cdrom: MediumOption = "",
    kernel: KernelOption = "",
    initrd: InitrdOption = "",
    cmdline: CmdlineOption = "",
    paused: PausedOption = False,
) -> Exit:
    """Start VMs where they are; takes back an operator's stop. Kept on although Git says stopped.

    With --once for one run with other settings; the next start has everything as declared.
    """
    from reconciler.operations import power
    from reconciler.operations.once import Settings, start_once

    which = Which.of(targets, labels, everything)
    drive, _, image = cdrom.rpartition("=")
    settings = Settings(
        boot=boot.value if boot else "", image=image.removeprefix("image/"), drive=drive,
        kernel=kernel, initrd=initrd, cmdline=cmdline, paused=paused,
    )  # fmt: skip
    if once != (settings != Settings()):
        raise UsageError("--once and what is to be different in that run (--boot, --cdrom, --kernel, …) go together")
    how = power.How(force=force)
    deed = partial(start_once, settings=settings, how=how) if once else partial(power.start, how=how)
    with session(repo, reason, duration) as here:
        return here.do(here.vms(which), deed)


def stop(
    targets: VmTargets = None,
    labels: LabelOption = None,
    everything: AllOption = False,
    force: CutOption = False,
    timeout: TimeoutOption = "",
    yes: YesOption = False,
    reason: ReasonOption = "",
    duration: ForOption = "",
    repo: RepoOption = None,
) -> Exit:
    """Shut guests down: by their agent, else by ACPI. Kept off although Git says running."""
    from reconciler.operations import power

    which = Which.of(targets, labels, everything)
    how = power.How(force=force, timeout=seconds(timeout, "--timeout") if timeout else None)
    with session(repo, reason, duration) as here:
        refs = here.vms(which)
        if force and refs and not confirm(f"Cut the power of {names(refs)}? The guests are not asked.", yes):
            return _nothing()
        return here.do(refs, partial(power.stop, how=how))


def reboot(
    targets: VmTargets = None,
    labels: LabelOption = None,
    everything: AllOption = False,
    force: CutOption = False,
    timeout: TimeoutOption = "",
    yes: YesOption = False,
    reason: ReasonOption = "",
    repo: RepoOption = None,
) -> Exit:
    """Reboot guests. One with changes that wait for a restart is shut down and started again, which brings them in.

    --force cuts the power of such a guest instead of asking it; any other is asked all the same: see `reset`.
    """
    from reconciler.operations import power

    which = Which.of(targets, labels, everything)
    how = power.How(force=force, timeout=seconds(timeout, "--timeout") if timeout else None)
    with session(repo, reason) as here:
        refs = here.vms(which)
        if force and refs and not confirm(f"Cut the power of {names(refs)}? The guests are not asked.", yes):
            return _nothing()
        return here.do(refs, partial(power.reboot, how=how))


def reset(
    targets: VmTargets = None,
    labels: LabelOption = None,
    everything: AllOption = False,
    yes: YesOption = False,
    repo: RepoOption = None,
) -> Exit:
    """Press the reset button: the guests are not asked, and may lose what they have not written."""
    from reconciler.operations import power

    which = Which.of(targets, labels, everything)
    with session(repo) as here:
        refs = here.vms(which)
        if refs and not confirm(f"Reset {names(refs)}? The guests are not asked.", yes):
            return _nothing()
        return here.do(refs, power.reset)


def pause(
    targets: VmTargets = None,
    labels: LabelOption = None,
    everything: AllOption = False,
    reason: ReasonOption = "",
    duration: ForOption = "",
    repo: RepoOption = None,
) -> Exit:
    """Stop the vCPUs of VMs; their memory stays in the host."""
    from reconciler.operations import power

    which = Which.of(targets, labels, everything)
    with session(repo, reason, duration) as here:
        return here.do(here.vms(which), power.pause)


def resume(
    targets: VmTargets = None,
    labels: LabelOption = None,
    everything: AllOption = False,
    force: RiskOption = False,
    repo: RepoOption = None,
) -> Exit:
    """Let paused or suspended VMs go on."""
    from reconciler.operations import power

    which = Which.of(targets, labels, everything)
    with session(repo) as here:
        return here.do(here.vms(which), partial(power.resume, how=power.How(force=force)))


def suspend(
    targets: VmTargets = None,
    labels: LabelOption = None,
    everything: AllOption = False,
    reason: ReasonOption = "",
    duration: ForOption = "",
    repo: RepoOption = None,
) -> Exit:
    """Save the memory of VMs to their hosts' disks, and stop them; `start` wakes them as they were."""
    from reconciler.operations import power

    which = Which.of(targets, labels, everything)
    with session(repo, reason, duration) as here:
        return here.do(here.vms(which), power.suspend)


def _nothing() -> Exit:
    print("Nothing was done.")
    return Exit.ERROR
