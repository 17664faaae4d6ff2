"""`gitvirt cluster upgrade | stop | start NAME`: a whole cluster, host by host or VM by VM.

Exit codes: 0 all done, 4 it stopped half-way (the same command goes on), 1 nothing was done.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from reconciler.cli import completion
from reconciler.cli.context import RepoOption, YesOption, confirm
from reconciler.cli.deeds.campaign import campaign, ended, say, told
from reconciler.cli.deeds.common import ReasonOption, Session, session
from reconciler.cli.exits import Exit
from reconciler.errors import UsageError

if TYPE_CHECKING:
    from reconciler.operations.rolling import Each, Task
    from specs.resource import Ref

CLUSTER = "Cluster"
app = typer.Typer(no_args_is_help=True, help="A whole cluster: upgrade its hosts in turn, power it down, start it.")

NameArgument = Annotated[
    str,
    typer.Argument(
        metavar="CLUSTER", help="NAME or cluster/NAME.", show_default=False, autocompletion=completion.clusters
    ),
]
EachOption = Annotated[
    str,
    typer.Option(
        "--each",
        metavar="COMMAND",
        help="Run for each empty host, on this machine, without a shell; {host} and {uri} stand for the host's. "
        "It ends when the host is done. Without it you are asked to say when a host is done.",
    ),
]
RebootsOption = Annotated[
    bool, typer.Option("--reboots", help="COMMAND reboots the host: go on when it went down and came up again.")
]
AbortOption = Annotated[bool, typer.Option("--abort", help="End an upgrade that was begun, as far as it came.")]
GoOnOption = Annotated[
    bool, typer.Option("--go-on", help="Also start what matters less, although something of more did not start.")
]

NeverAskedOption = Annotated[bool, typer.Option("-y", "--yes", hidden=True, help="Nothing is asked anyway.")]


_REST = "the same command goes on with the rest"


@app.callback()
def cluster() -> None:
    """A whole cluster."""


@app.command()
def upgrade(
    name: NameArgument,
    each: EachOption = "",
    reboots: RebootsOption = False,
    abort: AbortOption = False,
    reason: ReasonOption = "",
    yes: YesOption = False,
    repo: RepoOption = None,
) -> Exit:
    """Upgrade the hosts of a cluster one at a time: empty it, run COMMAND, wait until it answers, use it again.

    Every VM keeps running. Stopped half-way, the same command goes on where it was; nothing is balanced in the cluster
    until then.
    """
    from reconciler.operations import rolling

    words = _split(each)
    with session(repo, reason) as here:
        ref = _cluster(name, here)
        if not words and not abort and not sys.stdin.isatty():
            raise UsageError("there is no terminal to ask on; add --each COMMAND")
        return (
            _aborted(ref, here)
            if abort
            else _upgraded(ref, here, rolling.Task(each=_each(words, here), reboots=reboots), yes)
        )


def _split(command: str) -> list[str]:
    """The words of a command, as a shell would part them; nothing else of a shell is done."""
    import shlex

    try:
        return shlex.split(command)
    except ValueError as error:
        raise UsageError(f"--each {command}: {error}") from None


def _aborted(ref: Ref, here: Session) -> Exit:
    from reconciler.operations import rolling
    from reconciler.operations.scene import Declined

    with campaign(here, _REST) as mine:
        try:
            return ended(ref, here, True, rolling.abort(ref.name, mine))
        except Declined as why:
            ended(ref, here, False, str(why))
            return Exit.ERROR


def _upgraded(ref: Ref, here: Session, task: Task, yes: bool) -> Exit:
    from reconciler.operations import rolling

    context = here.scene.looked.context
    if against := rolling.obstacles(ref.name, context):
        raise UsageError(f"{ref} cannot be upgraded now: {'; '.join(against)}")
    begun = rolling.progress(ref.name, context)
    left = [each for each in rolling.hosts_of(ref.name, context) if begun is None or each not in begun.done]
    done = f"; done are {', '.join(begun.done)}" if begun and begun.done else ""
    print(f"{ref}: {'to go on with' if begun else 'to upgrade'}, one at a time: {', '.join(left)}{done}")
    if not confirm("Begin?", yes):
        print("Nothing was done.")
        return Exit.ERROR
    with campaign(here, _REST) as mine:
        try:
            found = rolling.roll(ref.name, task, mine)
        except rolling.Stuck as why:
            return ended(ref, here, False, f"{why}; `gitvirt cluster upgrade {ref.name}` goes on, --abort ends it")
    return ended(ref, here, True, f"is upgraded: {', '.join(found)}")


def _each(words: list[str], here: Session) -> Each:
    """Runs the command for a host, or asks the person."""
    hosts = here.scene.looked.context.wanted.hosts

    def run(host: str) -> bool:
        if not words:
            return confirm(f"host/{host} is empty. Upgrade it now; is it done (reboot included)?", False)
        command = [word.replace("{host}", host).replace("{uri}", hosts[host].uri) for word in words]
        try:
            code = subprocess.run(command, check=False).returncode
        except OSError as error:
            say(f"host/{host}: {command[0]} cannot be run: {error.strerror}")
            return False
        if code:
            say(f"host/{host}: {command[0]} ended with {code}")
        return code == 0

    return run


@app.command()
def stop(name: NameArgument, reason: ReasonOption = "", yes: YesOption = False, repo: RepoOption = None) -> Exit:
    """Power a cluster down: shut its VMs down in order, what matters most last. Hosts stay on; nothing is started.

    VMs that are not highly available go first, then the others from the lowest priority to the highest.
    """
    from reconciler.operations import powerdown

    with session(repo, reason) as here:
        ref = _cluster(name, here)
        running = [
            home.wanted.name for home in powerdown.members(ref.name, here.scene.looked.context) if home.found.vm.running
        ]
        if not confirm(f"Shut down {len(running)} VMs of {ref}?", yes):
            print("Nothing was done.")
            return Exit.ERROR
        with campaign(here, _REST) as mine:
            left = powerdown.down(ref.name, mine)
        if left:
            return ended(ref, here, False, f"is not down: {told(left)}; run it again to go on")
        return ended(ref, here, True, f"is powered down until `gitvirt cluster start {ref.name}`")


@app.command()
def start(
    name: NameArgument,
    go_on: GoOnOption = False,
    reason: ReasonOption = "",
    yes: NeverAskedOption = False,
    repo: RepoOption = None,
) -> Exit:
    """Start what ran before a power-down, what matters most first."""
    from reconciler.operations import powerdown
    from reconciler.operations.scene import Declined

    with session(repo, reason) as here:
        ref = _cluster(name, here)
        with campaign(here, _REST) as mine:
            try:
                left = powerdown.up(ref.name, mine, go_on=go_on)
            except Declined as why:
                ended(ref, here, False, str(why))
                return Exit.ERROR
        if left:
            return ended(ref, here, False, not_up(left, over=go_on and not mine.interrupted))
        return ended(ref, here, True, "is up again")


def not_up(left: Mapping[str, str], *, over: bool) -> str:
    """What is said of a start that left something off. `over`: the power-down counts no more all the same."""
    if over:
        return f"is up again but for {told(left)}; `gitvirt plan` shows what is done about it"
    return f"is not up again: {told(left)}; run it again to go on, or with --go-on"


def _cluster(name: str, here: Session) -> Ref:
    from reconciler.cli.targets import resolve

    (ref,) = resolve([name], here.catalog.resources, (CLUSTER,))
    return ref
