"""Preflight: what is known beforehand to stop a move, so that it is held with the reason and not tried.

Pure. Called by place/moves.py and by `gitvirt migrate`. What no host could change (`stuck`) is told apart from what
speaks against one target (`against`); whether a host has room and its networks is placement's business. libvirt looks
again when it begins, and has the last word.
"""

from __future__ import annotations

from reconciler.diff.change import Held, HeldReason
from reconciler.diff.context import Context
from reconciler.diff.holding import hold_on
from reconciler.place.wish import Home


def stuck(home: Home, context: Context) -> Held | None:
    """Why this VM cannot leave its host now, wherever it would go."""
    return _not_ours_to_change(home, context)


def against(home: Home, target: str, context: Context) -> str:
    """Why this VM cannot go to that host, "" if nothing is known to speak against it."""
    return ""


def _not_ours_to_change(home: Home, context: Context) -> Held | None:
    """What holds back every other change of the VM, too."""
    vm = home.found.vm
    if not vm.persistent:
        return Held(reason=HeldReason.TRANSIENT, text="the domain is transient: libvirt forgets it when it stops")
    if not context.descends(home.mark.revision):
        text = f"last changed at revision {home.mark.revision[:12]}, which ours does not descend from"
        return Held(reason=HeldReason.BEHIND, text=text, fix="pull first, or use --force-revision")
    held = hold_on(home.wanted.ref, home.host, context)
    if held is None:
        return None
    text = f"{held[0]} is held by {held[1].author or 'an operator'}"
    return Held(reason=HeldReason.ON_HOLD, text=text, fix=f"`gitvirt unhold {held[0]}`")
