"""Hosts whose removal or change of cluster waits: one held change each, with what they still hold.

Pure. Called by diff/compare.py. A host that is to go is emptied as for maintenance (moving/movers/drain.py); one that
was put into another cluster counts as one of its old cluster until then (reconciler/observe/leaving.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.desired.wanted import WantedHost
from reconciler.diff.change import Change, FieldChange, HeldReason, Verb
from reconciler.diff.context import Context
from specs.effects import Effect

_SHOWN = 4


def compare(context: Context) -> Iterator[Change]:
    """The changes of hosts that have to wait."""
    for name, host in sorted(context.wanted.hosts.items()):
        if host.leaving:
            yield _removal(host, context)
        elif host.declared_cluster:
            yield _other_cluster(name, host, context)


def _removal(host: WantedHost, context: Context) -> Change:
    change = Change(ref=host.ref, verb=Verb.DELETE, host=host.name, reason="no longer declared")
    if (unseen := context.observed.unseen.get(host.name)) is not None:
        return change.keep_back(HeldReason.HOST_UNSEEN, unseen.reason, "see `gitvirt status`")
    if not (held := _residents(host.name, context)):
        return Change(ref=host.ref, verb=Verb.NOTE, host=host.name, reason="removed from the repository, and empty")
    text = f"{host.leaving} and holds {held}"
    return change.keep_back(HeldReason.HOST_NOT_EMPTY, text, "they leave it as for maintenance; or put it back")


def _other_cluster(name: str, host: WantedHost, context: Context) -> Change:
    field = FieldChange(
        path="cluster", before=host.cluster, after=host.declared_cluster, effect=Effect.NONE, where=host.location
    )
    if (unseen := context.observed.unseen.get(name)) is not None:
        held = field.keep_back(HeldReason.HOST_UNSEEN, unseen.reason, "see `gitvirt status`")
    else:
        text = f"it holds {_residents(name, context)}, of cluster {host.cluster}"
        held = field.keep_back(HeldReason.HOST_NOT_EMPTY, text, f"`gitvirt maintenance {name} on` empties it")
    return Change(ref=host.ref, verb=Verb.UPDATE, host=name, fields=(held,), where=host.location)


def _residents(name: str, context: Context) -> str:
    """`vm/a, vm/b and 3 more`; VMs in the trash are told as such."""
    found = [
        f"{ref}{' (in the trash)' if each.vm.mark and each.vm.mark.trashed else ''}"
        for ref, there in sorted(context.observed.owned.items())
        for each in there
        if each.host == name
    ]
    return ", ".join(found[:_SHOWN]) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")
