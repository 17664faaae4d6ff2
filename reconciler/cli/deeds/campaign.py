"""What `maintenance` and `cluster` have in common: a campaign with real passes, here or by the daemon, and its end.

Without a daemon the passes are ours, under the writer's lock; Ctrl-C lets running steps end and begins no new one. With
a daemon we ask it for passes and watch; Ctrl-C only stops watching.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reconciler.cli.deeds.common import Session
from reconciler.cli.exits import Exit
from reconciler.cli.interrupt import interruptible

if TYPE_CHECKING:
    from drivers.git import Repository
    from reconciler.apply.outcome import Run
    from reconciler.cycle import Pass, Revision
    from reconciler.lock import Holder
    from reconciler.operations.campaign import Campaign
    from specs.resource import Ref


@contextmanager
def campaign(here: Session, rest: str = "") -> Iterator[Campaign]:
    """A campaign on what the session is about. `rest`: what is said, at Ctrl-C, of what a daemon does not do alone."""
    from reconciler import cycle, lock
    from reconciler.operations.campaign import Campaign

    app, repository = here.app, here.scene.looked.context.wanted.repository
    holder = lock.daemon(app.settings.state_folder, repository)

    newest = _Newest(here)

    def look() -> Pass:
        return cycle.look(newest.revision(), app.outside())

    def act(looked: Pass) -> Run | Mapping[str, str]:
        return _done(here, looked) if holder is None else _asked(holder, looked)

    made = Campaign(
        look=look, act=act, overrides=app.overrides(repository), by=here.scene.by, pause=here.scene.pause, tell=say
    )
    if holder is None:
        with interruptible(app):
            yield made
        return
    try:
        yield made
    except KeyboardInterrupt:
        told = f"goes on with what is under way; {rest}" if rest else "goes on with it"
        print(f"\nNo longer watching; {holder} {told}.", file=sys.stderr)
        raise


class _Newest:
    """The repository as it is by now, since a campaign may take hours; what does not load is told, and not taken."""

    def __init__(self, here: Session) -> None:
        self._here, self._known, self._seen = here, here.revision, here.revision.name

    def revision(self) -> Revision:
        """The newest revision that loads."""
        from drivers.git import open_repository

        repository = open_repository(self._here.place.repository.root)
        name = str(repository.revision())
        if name != self._seen:
            self._seen = name
            self._take(repository, name)
        return self._known

    def _take(self, repository: Repository, name: str) -> None:
        from specs.errors import LoadFailed
        from specs.load import load

        try:
            catalog = load(repository.tree(), self._here.place.folder)
        except LoadFailed as failed:
            print(f"{name} does not load and is not taken:\n{failed}", file=sys.stderr)
            return
        self._here.app.repository = repository
        self._known = self._here.app.revision(catalog, name)


def say(line: str) -> None:
    """One line, at once."""
    print(line, flush=True)


def _done(here: Session, looked: Pass) -> Run:
    """A pass of our own."""
    from reconciler import lock
    from reconciler.apply.text import Progress

    progress = Progress(len(looked.plan.steps))
    with lock.writer(here.app.settings.state_folder, looked.plan.repository, "maintenance"):
        return here.app.act(looked, progress.tell, progress.moved)


def _asked(holder: Holder, looked: Pass) -> dict[str, str]:
    """A pass of the daemon's, which we wait for; what failed in it of what we look at."""
    from reconciler.daemon.doorbell import ring
    from reconciler.errors import UsageError

    try:
        answer = ring(holder.socket, {"ask": "sync", "now": True}, None)
    except OSError as error:
        raise UsageError(f"{holder} did not answer: {error}") from error
    if answer["problem"]:
        raise UsageError(f"{holder} could not make a pass: {answer['problem']}")
    refs = {str(each.ref) for each in looked.plan.steps}
    found = (line.partition(" ") for line in answer["text"])
    return {ref: error for ref, _, error in found if ref in refs}


def ended(ref: Ref, here: Session, good: bool, text: str) -> Exit:
    """Notes and says how it ended."""
    here.app.journal(here.scene.looked.context.wanted.repository).deed(ref, good, text, by=here.scene.by)
    print(f"{ref} {text}" if good else f"{ref}: {text}", file=sys.stdout if good else sys.stderr, flush=True)
    return Exit.OK if good else Exit.INCOMPLETE


def told(left: Mapping[str, str]) -> str:
    """`vm/a, vm/b (2): why; vm/c: why`: those with one reason together."""
    from reconciler.plan.faces.words import refs

    reasons: dict[str, list[str]] = {}
    for ref, why in sorted(left.items()):
        reasons.setdefault(why, []).append(ref)
    return "; ".join(f"{refs(many)}: {why}" for why, many in reasons.items())
