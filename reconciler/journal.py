"""The journal: what gitvirt did, as JSON lines in the state directory; `gitvirt logs` reads it.

In: what became of steps, and other deeds, from `apply`, the daemon and operations. Out: `log-<repository id>.jsonl`,
0600, rotated once (`….1`) when it is full, so that it never takes more than twice its size. It is for people: nothing
is decided by it, losing it loses nothing else, and a disk that is full stops no work.
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from reconciler.key import private_folder

if TYPE_CHECKING:
    from reconciler.apply.outcome import Outcome
    from reconciler.operations.scene import By
    from reconciler.plan.plan import Plan, Step
    from specs.resource import Ref

LARGEST = 8 << 20  # bytes of one file

Entry = dict[str, Any]
"""`time` (unix seconds, three decimals), `event` (`step.done`, `change.held`, `deed` …), `by`, and its facts."""


class Journal:
    """One repository's journal on this machine. Writing never raises: a problem is said once on stderr."""

    def __init__(self, state: Path, repository: str, by: str = "", clock: Callable[[], float] = time.time) -> None:
        self.path = state / f"log-{repository}.jsonl"
        self.by = by or author()
        self._clock = clock
        self._held: frozenset[tuple[str, ...]] = frozenset()
        self._begun = self._complained = False

    def plan(self, plan: Plan) -> None:
        """Notes what a plan holds back, each thing once as long as it stays held."""
        found = {
            (str(change.ref), change.host, path, str(held))
            for change in plan.changes
            for path, held in (("", change.held), *((each.path, each.held) for each in change.fields))
            if held
        }
        for ref, host, path, why in sorted(found - self._held):
            facts = {"field": path} if path else {}
            self.note("change.held", ref=ref, host=host, why=why, revision=plan.revision, **facts)
        self._held = frozenset(found)

    def tell(self, step: Step, outcome: Outcome | None, revision: str = "") -> None:
        """Notes how a step ended."""
        if outcome is None:
            return
        facts: Entry = {
            "ref": str(step.ref),
            "host": step.host,
            "what": step.what,
            "seconds": round(outcome.seconds, 3),
        }
        if outcome.error:
            facts["error"] = outcome.error
        if outcome.notes:
            facts["notes"] = list(outcome.notes)
        self.note(f"step.{outcome.status}", **facts, **({"revision": revision} if revision else {}))

    def deed(self, ref: Ref, good: bool, text: str, by: By) -> None:
        """Notes what an operator did to one object, or tried to."""
        facts = {"reason": by.reason} if by.reason else {}
        self.note("deed.done" if good else "deed.failed", ref=str(ref), what=text, by=by.author, **facts)

    def note(self, event: str, **facts: Any) -> None:
        """Notes anything; `ref` ("vm/web") and `host` are what entries are found by."""
        entry = {"time": round(self._clock(), 3), "event": event, "by": self.by, **facts}
        try:
            self._write(json.dumps(entry, ensure_ascii=False, default=_plain).encode() + b"\n")
        except Exception as error:
            if not self._complained:
                print(f"gitvirt: the journal {self.path} cannot be written: {error}", file=sys.stderr)
            self._complained = True

    def _write(self, line: bytes) -> None:
        if not self._begun:
            private_folder(self.path.parent)
            self._begun = True
        with _locked(self.path) as descriptor:
            if os.fstat(descriptor).st_size + len(line) <= LARGEST:
                os.write(descriptor, line)
                return
            self.path.replace(before(self.path))
        with _locked(self.path) as descriptor:
            os.write(descriptor, line)


def before(path: Path) -> Path:
    """Where the entries are that were there before the file was full."""
    return path.with_name(f"{path.name}.1")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The journal, locked against other processes of ours; opened anew if one of them put it away meanwhile."""
    while True:
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _same(descriptor, path):
                yield descriptor
                return
        finally:
            os.close(descriptor)


def _same(descriptor: int, path: Path) -> bool:
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (mine.st_dev, mine.st_ino) == (there.st_dev, there.st_ino)


def read(state: Path, repository: str, pause: Callable[[], bool] = lambda: True) -> Iterator[Entry]:
    """All entries, the oldest first; lines that are damaged are left out.

    At the end `pause` is called: if it returns false, what came meanwhile follows, and so on until it returns true.
    """
    path = state / f"log-{repository}.jsonl"
    with contextlib.ExitStack() as stack:
        for each in (before(path), path):
            if file := _opened(each, stack):
                yield from _entries(file)
        file = _opened(path, stack) if file is None else file
        while not pause():
            if file is not None:
                yield from _entries(file)
            put_away = file is None or not _same(file.fileno(), path)  # then what comes next is in a new file
            if put_away and (file := _opened(path, stack)) is not None:
                yield from _entries(file)


def _opened(path: Path, stack: contextlib.ExitStack) -> BinaryIO | None:
    try:
        return stack.enter_context(path.open("rb"))
    except FileNotFoundError:
        return None


def _entries(file: BinaryIO) -> Iterator[Entry]:
    """The entries from where the file was read to; a line that is not complete yet is left for the next time."""
    while True:
        start = file.tell()
        line = file.readline()
        if not line.endswith(b"\n"):
            file.seek(start)
            return
        if entry := parse(line):
            yield entry


def parse(line: bytes) -> Entry | None:
    """One line; None if it is no entry."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    good = (
        isinstance(entry, dict) and isinstance(entry.get("time"), int | float) and isinstance(entry.get("event"), str)
    )
    return entry if good else None


def _plain(value: object) -> str:
    """Anything that JSON has not; a Secret says `***` of itself."""
    return str(value)


def author() -> str:
    """Who is at work, `user@machine`: the person behind sudo, if there is one."""
    try:
        user = os.environ.get("SUDO_USER") or getpass.getuser()
    except (OSError, KeyError):
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename.partition('.')[0]}"
