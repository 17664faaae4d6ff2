"""Host states over time, which only a daemon can tell: since when a host is silent, and what changed since last time.

In: each pass's observation and context. Out: for planning, the times since which hosts do not answer; for the log and
the journal, each change of a state with its reason. Called by reconciler/daemon/loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from reconciler.diff.context import Context
from reconciler.observe.observed import Observed
from reconciler.place.hosts.hoststate import HostState, State, states
from specs.structs import Struct


class Turn(Struct, frozen=True, kw_only=True):
    """A host's state is another one than in the pass before ("" in the first pass)."""

    host: str
    before: str
    now: HostState

    @property
    def what(self) -> str:
        """`up → connecting`."""
        return f"{self.before} → {self.now.state}" if self.before else str(self.now.state)

    @property
    def facts(self) -> dict[str, str]:
        """For a log line."""
        found = {"host": self.host, "state": str(self.now.state), "before": self.before, "why": self.now.why}
        return {key: value for key, value in found.items() if value}


class HostStates:
    """What the daemon remembers of the hosts' states. Losing it costs a time of grace and a line in the log."""

    def __init__(self) -> None:
        self._silent: dict[str, int] = {}
        self._known: dict[str, State] = {}

    def silent(self, observed: Observed) -> Mapping[str, int]:
        """Host → since when it does not answer, in unix seconds."""
        self._silent = {name: self._silent.get(name, observed.taken) for name in observed.unseen}
        return dict(self._silent)

    def turns(self, context: Context) -> Iterator[Turn]:
        """The hosts whose state changed since the last time; hosts that are up from the first are no news."""
        found = states(context)
        for name, now in found.items():
            before = self._known.get(name)
            if before is not now.state and (before is not None or not now.up):
                yield Turn(host=name, before=str(before) if before else "", now=now)
        self._known = {name: each.state for name, each in found.items()}
