"""Which hosts get a VM of ours by a plan's steps: they have to be known to hold one before the first step runs.

Pure. Called by reconciler/cycle.py, for the register of hosts (reconciler/observe/register.py).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from reconciler.plan.plan import DefineVm, MarkVm, MigrateVm, RelocateVm, SettleVm, Step


def arrivals(steps: Iterable[Step]) -> Counter[str]:
    """Host → how many VMs come to it, or become ours there; a VM that two steps bring counts once."""
    return Counter(host for host, _ in {(_receives(each), each.ref) for each in steps} if host)


def _receives(step: Step) -> str:
    """The host that has one more VM of ours after the step; "" if none has."""
    match step.call:
        case DefineVm() | MarkVm(expects=None):
            return step.host
        case MigrateVm(target=target) | RelocateVm(target=target) | SettleVm(target=target):
            return target
    return ""
