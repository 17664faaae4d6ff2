"""Disks that were removed from a VM and are declared again: their volumes lie in the trash of the host it was on then.

Pure. `stays` is called by plan/planner.py before a VM's change becomes steps, `promised` by plan/steps/vm_remove.py.
"""

from __future__ import annotations

import math

from reconciler.desired.identity import trashed_since
from reconciler.desired.wanted import WantedPool
from reconciler.diff.change import Change, FieldChange, HeldReason
from reconciler.diff.context import Context
from reconciler.diff.holding import owned
from reconciler.diff.pools import pool_on
from specs.fields import entry_of
from specs.structs import replace


def stays(change: Change, context: Context) -> Change:
    """A VM's change without the disks that cannot be taken out of the trash where the VM is: each held by itself, so
    that the VM can be moved there."""
    if change.held or change.ref.kind != "VirtualMachine" or not any(_disk(each) for each in change.fields):
        return change
    found = next((each for each in owned(change.ref, context) if each.host == change.host), None)
    trash = found.vm.mark.trash if found and found.vm.mark else {}
    return replace(
        change, fields=tuple(_reachable(each, change.host, trash.get(_disk(each)), context) for each in change.fields)
    )


def promised(context: Context) -> frozenset[str]:
    """The paths of volumes in the trash that Git declares again; they wait until they can be taken out."""
    found = set()
    for wanted in context.wanted.vms.values():
        for each in owned(wanted.ref, context):
            for key, text in each.vm.mark.trash.items() if each.vm.mark else ():
                domain, _, volume = text.partition("/")
                pool = context.wanted.pools.get(domain)
                if pool is not None and wanted.disk(key.partition("/")[2]) is not None:
                    found.add(f"{pool.path.rstrip('/')}/{volume}")
    return frozenset(found)


def _disk(field: FieldChange) -> str:
    """The mark's key of a disk that is added, "" for any other field."""
    parts = entry_of(field.path)
    added = parts is not None and parts[0] == "disks" and not parts[2] and field.after is not None and field.acts
    return f"disk/{parts[1]}" if parts and added else ""


def _reachable(field: FieldChange, host: str, text: str | None, context: Context) -> FieldChange:
    domain, _, volume = (text or "").partition("/")
    pool = context.wanted.pools.get(domain)
    if pool is None or pool.shared:
        return field
    here = pool_on(context, pool, host)
    if here is None or not here.active or here.problem:
        return field  # nobody knows what is in it
    found = _lies(pool, volume, host, context)
    newest = max(found.values(), default=0)
    if not found or found.get(host) == newest:
        return field
    there = ", ".join(sorted(name for name, since in found.items() if since == newest))
    fix = f"move the VM there: `hosts: [{there}]`, or `gitvirt migrate`; until then it is kept"
    return field.keep_back(HeldReason.NEEDS_MOVE, f"its volume {volume} lies in the trash of {there}", fix)


def _lies(pool: WantedPool, volume: str, here: str, context: Context) -> dict[str, float]:
    """Host → since when it has the volume in its trash: of copies, the one that came there last was in use last.

    Without a marker it is out of the trash already on the VM's host, and a move's copy that was left on any other.
    """
    found = {}
    for host in pool.hosts:
        seen = pool_on(context, pool, host)
        if seen is not None and volume in seen.volumes:
            markers = (trashed_since(name) for name in seen.volumes)
            unmarked = math.inf if host == here else 0
            found[host] = max((each[1] for each in markers if each and each[0] == volume), default=unmarked)
    return found
