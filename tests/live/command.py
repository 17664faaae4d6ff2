"""`gitvirt` as its users run it: a process of its own, with settings of its own, on a site's repository.

`run` waits for its end; `start` gives the process. Used by the live tests.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.live.site import LiveSite

PROGRAM = [sys.executable, "-c", "from reconciler.cli.main import main; raise SystemExit(main())"]


class Gitvirt:
    """The command on one site. It shares the site's state directory, so its key and its lock."""

    def __init__(self, site: LiveSite) -> None:
        self.site = site
        self.settings = site.folder.parent / "config" / "settings.yaml"
        self.settings.parent.mkdir(exist_ok=True)
        self.write_settings()

    def write_settings(self, **more: object) -> None:
        """The settings file: the lab's PKI, the site's state directory, and what a test adds."""
        plain: dict[str, object] = {
            "pki": {name: {"path": each.path} for name, each in self.site.settings.pki.items()},
            "state": self.site.settings.state,
        }
        self.settings.write_text(json.dumps({**plain, **more}))

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "GITVIRT_CONFIG": str(self.settings), "NO_COLOR": "1", "COLUMNS": "200"}

    def run(self, *words: str | Path, code: int | None = None) -> subprocess.CompletedProcess[str]:
        """One command; with `code`, its exit code is asserted."""
        done = subprocess.run(
            [*PROGRAM, *map(str, words)], cwd=self.site.folder, env=self._environment(), capture_output=True,
            text=True, check=False, timeout=900,
        )  # fmt: skip
        assert code is None or done.returncode == code, (done.returncode, done.stdout, done.stderr)
        return done

    def start(self, *words: str | Path, errors: Path | None = None) -> subprocess.Popen[str]:
        """A command under way; `errors` is the file for its stderr."""
        return self.process([*PROGRAM, *map(str, words)], self.site.folder, errors)

    def telling(self, *words: str) -> subprocess.Popen[str]:
        """`apply` by tests/live/telling.py, with what it takes beside the repository."""
        argv = [sys.executable, "-m", "tests.live.telling", str(self.site.folder), *words]
        return self.process(argv, Path(__file__).parents[2])

    def process(self, argv: list[str], folder: Path, errors: Path | None = None) -> subprocess.Popen[str]:
        """Another program with the same settings."""
        with (errors or Path(os.devnull)).open("a") as stderr:
            return subprocess.Popen(
                argv, cwd=folder, env=self._environment(), text=True, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=stderr,
            )  # fmt: skip
