"""What is the same of everything that is declared once and there on several hosts. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from reconciler.status.conditions import Condition, truth, unseen
from reconciler.status.situation import Situation

Places = Sequence[dict[str, Any]]
"""One mapping per host, with at least `name` and `state` (`active`, `inactive`, `absent`, `unknown`, `problem` …)."""


def state_of(places: Places) -> str:
    """The one state; `partial` if hosts differ; hosts that were not read do not count, unless none was."""
    states = {each["state"] for each in places if each["state"] != "unknown"}
    if not places:
        return "no hosts"
    return "unknown" if not states else states.pop() if len(states) == 1 else "partial"


def ready(places: Places, situation: Situation) -> Condition:
    """True if it is active on every host."""
    bad = [each for each in places if each["state"] not in ("active", "unknown")]
    if bad:
        message = ", ".join(f"{each['state']} on {each['name']}" for each in bad)
        return Condition(type="Ready", status="False", reason=str(bad[0]["state"]).capitalize(), message=message)
    if any(each["state"] == "unknown" for each in places):
        return Condition(type="Ready", status="Unknown", reason="HostUnseen", message=unseen(situation))
    return Condition(type="Ready", status=truth(bool(places)), reason="Active" if places else "NoHosts")
