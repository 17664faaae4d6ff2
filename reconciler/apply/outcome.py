"""What became of the steps of a plan. Values; made by walk.py, shown by the faces, kept by history."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from reconciler.plan.plan import Plan, Step
from specs.structs import Struct, field


class Status(StrEnum):
    """How a step ended."""

    DONE = "done"
    UNCHANGED = "unchanged"  # it was so already
    FAILED = "failed"
    SKIPPED = "skipped"  # a step that it needs did not succeed, or we were asked to stop
    STALE = "stale"  # the object is not as it was planned with: the next pass plans again
    UNKNOWN = "unknown"  # it may still happen: nothing else is tried until the object was seen again


GOOD = (Status.DONE, Status.UNCHANGED)


class Outcome(Struct, frozen=True, kw_only=True):
    """The end of one step. `notes`: live edits that wait for the next boot; `permanent`: do not try again as it is."""

    step: Step
    status: Status
    error: str = ""
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    permanent: bool = False


class Run(Struct, frozen=True, kw_only=True, dict=True):
    """All outcomes of one walk over a plan, by step id, in the order in which they ended."""

    plan: Plan
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    stopped: bool = False

    def count(self, *statuses: Status) -> int:
        """How many steps ended so."""
        return sum(each.status in statuses for each in self.outcomes.values())

    @property
    def good(self) -> bool:
        """True if every step succeeded."""
        return self.count(*GOOD) == len(self.plan.steps)
