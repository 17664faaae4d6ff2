"""What a plan says of one object: its change, and why it is held."""

from __future__ import annotations

from reconciler.diff.change import Change, HeldReason
from reconciler.plan.plan import Plan


def held(plan: Plan) -> dict[str, HeldReason]:
    """Ref → why its change is held."""
    return {str(each.ref): each.held.reason for each in plan.changes if each.held}


def change(plan: Plan, ref: str) -> Change:
    return next(each for each in plan.changes if str(each.ref) == ref)
