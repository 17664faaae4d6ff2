"""`apply` for tests that need to strike at a step: a process of its own, which says when a step begins and ends.

    python -m tests.live.telling REPOSITORY [MOMENT [KIND …]]

MOMENT `began` or `ended`: it kills itself at that moment of the first step whose kind is none of these, and says so in
its last line. `stop`: it stops itself (SIGSTOP) when the first step begins. Both strike sooner than any other process
could. Without one it is up to who started it. Used by the live tests of kills, moves and errors.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Collection
from pathlib import Path

from reconciler import lock
from reconciler.apply.outcome import GOOD, Outcome
from reconciler.apply.text import Progress
from reconciler.cli.context import repository_at
from reconciler.cli.passes import Asked, application, load_revision, look
from reconciler.plan.plan import Step

KILLED = "killed at "
Tell = Callable[[Step, Outcome | None], None]


def main(folder: Path, moment: str = "", *known: str) -> None:
    place = repository_at(folder)
    with application(place) as app:
        looked = look(app, load_revision(app, place, None), Asked())
        with lock.writer(app.settings.state_folder, looked.plan.repository, "apply"):
            tell = Progress(len(looked.plan.steps), beginnings=True).tell
            app.act(looked, striking(tell, moment, known) if moment else tell)


def striking(tell: Tell, moment: str, known: Collection[str]) -> Tell:
    """The same, but for the moment."""
    stopped, one_at_a_time = list[Step](), threading.Lock()

    def told(step: Step, outcome: Outcome | None) -> None:
        with one_at_a_time:
            tell(step, outcome)
            if moment == "stop" and not stopped:
                stopped.append(step)
                os.kill(os.getpid(), signal.SIGSTOP)
            elif moment == moment_of(outcome) and kind_of(step) not in known:
                print(f"{KILLED}{kind_of(step)}", flush=True)
                os.kill(os.getpid(), signal.SIGKILL)

    return told


def moment_of(outcome: Outcome | None) -> str:
    if outcome is None:
        return "began"
    return "ended" if outcome.status in GOOD else "failed"


def kind_of(step: Step) -> str:
    return f"{str(step.ref).partition('/')[0]}: {step.what}"


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
