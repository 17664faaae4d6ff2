"""`gitvirt daemon` and `gitvirt sync`: the loop that keeps hosts as Git says, and the bell that wakes it."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from reconciler.cli.context import RepoArgument, RepoOption, repository_at
from reconciler.cli.exits import Exit

BranchOption = Annotated[
    str | None, typer.Option("--branch", help="Branch or tag to follow; HEAD of a local repository by default.")
]
FolderOption = Annotated[str, typer.Option("--folder", help="Folder of gitvirt.yaml, in a repository given by URL.")]
IntervalOption = Annotated[
    str, typer.Option("--interval", metavar="TIME", help="Between passes that nothing asked for: 30s, 5m.")
]


def daemon(
    repo: Annotated[
        str | None,
        typer.Argument(metavar="[REPO]", help="A folder, or the URL of a Git repository.", show_default=False),
    ] = None,
    branch: BranchOption = None,
    folder: FolderOption = ".",
    interval: IntervalOption = "60s",
    log_level: Annotated[str, typer.Option("--log-level", help="debug, info, warning or error.")] = "info",
) -> Exit:
    """Follow a Git branch, or a folder, and keep the hosts as it says, until stopped.

    A pass is made on a commit, on an event of a host, on `gitvirt sync`, and on the timer. Every outcome is one line
    of the log on stderr (JSON where that is no terminal).
    """
    from reconciler import lock, logs
    from reconciler.app import App
    from reconciler.cli.context import folder_of
    from reconciler.cli.deeds.common import seconds
    from reconciler.daemon.doorbell import Doorbell
    from reconciler.daemon.follow import PlainFolder, source
    from reconciler.daemon.loop import Daemon
    from reconciler.daemon.taken import Taken, first
    from reconciler.daemon.wake import watch_folder
    from reconciler.settings import load as load_settings

    every = seconds(interval, "--interval")
    logs.setup(log_level)
    settings = load_settings()
    found = source(repo or str(folder_of(None, None)), branch, folder, settings)
    taken = Taken(settings.state_folder, found.key)
    revision, (catalog, repository, place) = first(found, taken)
    identity = str(catalog.repository.spec.id)
    app = App(repository, place, settings)
    running = Daemon(found, app, every, taken)
    running.begin_with(catalog, revision)
    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, lambda number, frame: running.stop())
    path = settings.state_folder / f"daemon-{identity}.sock"
    with lock.heartbeat(settings.state_folder, identity, str(path)):
        bell = Doorbell(path, running.answer)
        if isinstance(found, PlainFolder):
            watch_folder(found.folder, running.wakes, app.stop)
        try:
            running.run()
        finally:
            bell.close()
            app.close()
    return Exit.OK


def sync(
    repo: RepoArgument = None,
    repo_option: RepoOption = None,
    now: Annotated[bool, typer.Option("--now", help="Try what failed lately again at once.")] = False,
    timeout: Annotated[float, typer.Option("--timeout", help="Seconds to wait for the pass.", min=1)] = 600,
) -> Exit:
    """Have the daemon look now, and wait for the end of that pass. Exit 4 if steps failed, 3 if something is held."""
    from reconciler import lock
    from reconciler.cli.context import load
    from reconciler.daemon.doorbell import ring
    from reconciler.errors import UsageError
    from reconciler.settings import load as load_settings

    place = repository_at(repo, repo_option)
    identity = str(load(place).repository.spec.id)
    holder = lock.daemon(load_settings().state_folder, identity)
    if holder is None or not holder.socket:
        raise UsageError("no daemon takes care of this repository on this machine; start `gitvirt daemon`")
    try:
        told = ring(holder.socket, {"ask": "sync", "now": now}, timeout)
    except OSError as error:
        raise UsageError(f"{holder} did not answer: {error}") from error
    for line in told["text"]:
        print(line)
    if told["problem"]:
        print(told["problem"])
    print(f"{told['revision'][:12]}: {told['done']} done, {told['failed']} failed, {told['held']} held")
    if told["problem"] or told["failed"]:
        return Exit.INCOMPLETE
    return Exit.HELD if told["held"] else Exit.OK
