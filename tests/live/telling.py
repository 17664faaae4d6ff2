"""`apply` that says not only when a step ended but also when it begins: a process for test_kills.py to kill there.

python -m tests.live.telling REPOSITORY
"""

from __future__ import annotations

import sys
from pathlib import Path

from reconciler import lock
from reconciler.apply.text import Progress
from reconciler.cli.context import repository_at
from reconciler.cli.passes import Asked, application, load_revision, look


def main(folder: Path) -> None:
    place = repository_at(folder)
    with application(place) as app:
        looked = look(app, load_revision(app, place, None), Asked())
        with lock.writer(app.settings.state_folder, looked.plan.repository, "apply"):
            app.act(looked, Progress(len(looked.plan.steps), beginnings=True).tell)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
