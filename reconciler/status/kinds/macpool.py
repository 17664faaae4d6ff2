"""MAC pools as objects: what is declared, and how many addresses nobody has. Pure.

The figure is only there if every host was read: VMs of others may have taken addresses, too.
"""

from __future__ import annotations

from typing import Any

from reconciler.place.macs import free
from reconciler.status.kinds.declared import mac_pools as declared
from reconciler.status.situation import Situation


def mac_pools(situation: Situation) -> list[dict[str, Any]]:
    """Every MAC pool."""
    return [
        {**each, "status": {**each["status"], **_free(each["metadata"]["name"], situation)}}
        for each in declared(situation.catalog)
    ]


def _free(name: str, situation: Situation) -> dict[str, int]:
    context = situation.context
    return {"free": free(context.wanted.mac_pools[name], context)} if context.observed.complete else {}
