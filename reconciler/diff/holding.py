"""Operators' holds: what must be left alone, because of the object itself, its host, its cluster, or everything.

Pure. Called by diff/compare.py for every change, and by the planner for volumes in the trash. A hold on a VM is in
its mark; all others come with the Context.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.mark import Override
from reconciler.diff import power
from reconciler.diff.change import Change, HeldReason
from reconciler.diff.context import Context
from reconciler.observe.observed import Found
from specs.resource import Ref

KIND = "hold"


def on_hold(change: Change, context: Context) -> Change:
    """The change, held if an operator holds it."""
    found = hold_on(change.ref, change.host, context) if change.held is None else None
    if found is None:
        return change
    name, override = found
    what = "" if name == str(change.ref) else f"{name} is "
    why = f" ({override.reason})" if override.reason else ""
    return change.keep_back(
        HeldReason.ON_HOLD, f"{what}held by {override.author or 'an operator'}{why}", f"`gitvirt unhold {name}`"
    )


def hold_on(ref: Ref, host: str, context: Context) -> tuple[str, Override] | None:
    """What is held (its ref) and how, if that stops changes of `ref` on `host` ("": on no host yet)."""
    for found in owned(ref, context):
        override = found.vm.mark.override(KIND) if found.vm.mark else None
        if override and power.active(override, context.now):
            return str(ref), override
    for name in _above(ref, host, context) if context.holds else ():
        override = context.holds.get(name)
        if override is not None and power.active(override, context.now):
            return name, override
    return None


def hosts_on_hold(context: Context) -> frozenset[str]:
    """Hosts that are held by their own names: nothing new goes there."""
    return frozenset(
        name
        for name in context.wanted.hosts
        if (override := context.holds.get(f"host/{name}")) is not None and power.active(override, context.now)
    )


def everything(context: Context) -> Ref:
    """The ref that stands for all objects."""
    return Ref("Repository", context.wanted.name)


def owned(ref: Ref, context: Context) -> list[Found]:
    """Our VMs of that ref; of the one that it is renamed from, if it still has its old name."""
    found = context.observed.owned.get(ref, [])
    wanted = context.wanted.vms.get(ref.name) if ref.kind == "VirtualMachine" else None
    if found or wanted is None or not wanted.renamed_from:
        return found
    return context.observed.owned.get(Ref(ref.kind, wanted.renamed_from), [])


def _above(ref: Ref, host: str, context: Context) -> Iterator[str]:
    """The refs whose hold stops a change of `ref`, the nearest first."""
    yield str(ref)
    wanted = context.wanted
    if host:
        yield f"host/{host}"
    clusters = {wanted.hosts[host].cluster} if host in wanted.hosts else set()
    if ref.kind == "VirtualMachine" and ref.name in wanted.vms:
        clusters.add(wanted.vms[ref.name].cluster)
    if not clusters and ref.kind == "Image" and ref.name in wanted.images:
        pool = wanted.pools.get(wanted.images[ref.name].pool)
        clusters = {wanted.hosts[each].cluster for each in pool.hosts} if pool else set()
    yield from (f"cluster/{each}" for each in sorted(clusters))
    yield str(everything(context))
