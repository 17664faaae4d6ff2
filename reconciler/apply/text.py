"""Text of a run: a line per step as it happens, and at the end what was done, what failed and what to do next.

Pure but for `Progress`, which writes to the stream that it is given. Called by the CLI's `apply` and by the log.
"""

from __future__ import annotations

import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TextIO

from reconciler.apply.outcome import GOOD, Outcome, Run, Status
from reconciler.plan.faces import words
from reconciler.plan.plan import Step
from specs.units import format_size

_WORDS = {
    Status.DONE: "done",
    Status.UNCHANGED: "was so already",
    Status.FAILED: "failed",
    Status.SKIPPED: "skipped",
    Status.STALE: "changed meanwhile",
    Status.UNKNOWN: "outcome unknown",
}
_LEFT = "waits for the next boot"


def line(step: Step, outcome: Outcome | None) -> str:
    """`kvm1  vm/web-01  start …` when a step begins; how it ended, and after how many seconds, when it has."""
    head = f"{words.plain(step.host)}  {words.plain(str(step.ref))}  {words.plain(step.what)}"
    if outcome is None:
        return f"{head} …"
    took = f" in {seconds(outcome.seconds)}" if outcome.status is Status.DONE else ""
    cause = f": {words.plain(outcome.error)}" if outcome.error else ""
    notes = f" ({'; '.join(map(words.plain, outcome.notes))})" if outcome.notes else ""
    return f"{head}  {_WORDS[outcome.status]}{took}{cause}{notes}"


def seconds(duration: float) -> str:
    """`0.3 s`, `12 s`, `2 min 5 s`."""
    if duration < 9.95:
        return f"{duration:.1f} s"
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


_WORTH_TELLING = 64 << 20  # bytes of a step whose way is told where lines stay
_PAUSE = 0.2  # seconds between two states of the line that moves


def moving(step: Step, what: str, done: int, total: int) -> str:
    """`kvm1  image/debian-12  fetch 120MiB of 350MiB (34 %)`."""
    head = f"{words.plain(step.host)}  {words.plain(str(step.ref))}  {what} {format_size(done >> 20 << 20)}"
    return f"{head} of {format_size(total >> 20 << 20)} ({done * 100 // total} %)" if total else head


class Progress:
    """Writes a line for every step that ends, with its number; on request also when it begins.

    Long work shows its way: on a terminal in a last line that moves, elsewhere in a line for every quarter.
    """

    def __init__(self, total: int, stream: TextIO | None = None, beginnings: bool = False) -> None:
        self.total, self.ended = total, 0
        self.stream, self.beginnings = stream or sys.stdout, beginnings
        self._lock = threading.Lock()
        self._moves = self.stream.isatty()
        self._shown, self._told = 0.0, dict[tuple[str, str], int]()

    def tell(self, step: Step, outcome: Outcome | None) -> None:
        """Called by the walk. Skipped steps are left to the summary, which folds them."""
        self.ended += outcome is not None
        if (outcome is None and not self.beginnings) or (outcome and outcome.status is Status.SKIPPED):
            return
        width = len(str(self.total))
        number = " " * (2 * width + 1) if outcome is None else f"{self.ended:>{width}}/{self.total}"
        self._write(f"{number}  {line(step, outcome)}\n")

    def moved(self, step: Step, what: str, done: int, total: int) -> None:
        """Called by workers, often."""
        if self._moves:
            if (now := time.monotonic()) - self._shown > _PAUSE:
                self._shown = now
                self._write(f"{' ' * (2 * len(str(self.total)) + 3)}{moving(step, what, done, total)}")
            return
        quarter = done * 4 // total if total else done // _WORTH_TELLING
        if max(done, total) >= _WORTH_TELLING and quarter > self._told.get((step.id, what), 0):
            self._told[step.id, what] = quarter
            self._write(f"{' ' * (2 * len(str(self.total)) + 3)}{moving(step, what, done, total)}\n")

    def _write(self, text: str) -> None:
        with self._lock:
            self.stream.write(f"\r\033[K{text}" if self._moves else text)
            self.stream.flush()


def summary(run: Run) -> list[str]:
    """The lines at the end of a run; the first one counts, the last ones say what to do next."""
    found = list(run.outcomes.values())
    missing = len(run.plan.steps) - len(found)
    return [_counts(run, missing), *_failures(found), *_skipped(found), *_notes(found), *_next(run, missing)]


def _counts(run: Run, missing: int) -> str:
    counts = [
        (run.count(*GOOD), "done"),
        (run.count(Status.FAILED), "failed"),
        (run.count(Status.STALE), "changed meanwhile"),
        (run.count(Status.UNKNOWN), "with an unknown outcome"),
        (run.count(Status.SKIPPED), "skipped"),
        (missing, "never begun"),
    ]
    told = ", ".join(f"{number} {word}" for number, word in counts if number or word == "done")
    return f"Stopped on request: {told}." if run.stopped else f"{told}."


_BAD = (Status.FAILED, Status.STALE, Status.UNKNOWN)


def _failures(found: Sequence[Outcome]) -> list[str]:
    """Each cause once, with everything that it struck."""
    causes: dict[tuple[Status, str, str], list[Step]] = {}
    for each in found:
        if each.status in _BAD:
            causes.setdefault((each.status, each.error, each.step.what), []).append(each.step)
    return [
        f"  {_WORDS[status]}: {words.plain(what)} {words.refs(each.ref for each in steps)}: {words.plain(error)}"
        for (status, error, what), steps in causes.items()
    ]


def _skipped(found: Sequence[Outcome]) -> list[str]:
    """Skipped steps by their reason; those that hang on one another are one."""
    by_id = {each.step.id: each for each in found}
    reasons: dict[str, list[Step]] = {}
    for each in found:
        if each.status is Status.SKIPPED:
            reasons.setdefault(_root(each, by_id), []).append(each.step)
    return [
        f"  skipped: {words.count(len(steps), 'step')} of {words.refs(each.ref for each in steps)}: {words.plain(why)}"
        for why, steps in reasons.items()
    ]


def _root(outcome: Outcome, by_id: Mapping[str, Outcome]) -> str:
    """The error at the beginning of a chain of skipped steps."""
    seen: set[str] = set()
    while outcome.step.id not in seen:
        seen.add(outcome.step.id)
        before = (by_id[each] for each in outcome.step.after if each in by_id)
        skipped = next((each for each in before if each.status is Status.SKIPPED), None)
        if skipped is None:
            break
        outcome = skipped
    return outcome.error


def _notes(found: Sequence[Outcome]) -> list[str]:
    """What a host would not do while the VM runs, and everything else that was noted."""
    notes: dict[str, list[Step]] = {}
    for each in found:
        for note in each.notes:
            notes.setdefault(note, []).append(each.step)
    return [f"  note: {words.refs(each.ref for each in steps)}: {words.plain(note)}" for note, steps in notes.items()]


def _next(run: Run, missing: int) -> list[str]:
    """What to do, where there is something to do."""
    counts = Counter(each.status for each in run.outcomes.values())
    told = []
    if counts[Status.UNKNOWN]:
        told.append("An unknown outcome may still come true: run `gitvirt plan` to see, before anything else.")
    if any(each.permanent for each in run.outcomes.values()):
        told.append("What was refused stays refused until the YAML or the host changes.")
    if counts[Status.FAILED] or counts[Status.STALE] or counts[Status.SKIPPED] or missing:
        told.append("`gitvirt apply` again looks at the hosts anew, plans, and goes on from there.")
    if any(_LEFT in note for each in run.outcomes.values() for note in each.notes):
        told.append("What waits for the next boot comes with `gitvirt reboot NAME`.")
    return told
