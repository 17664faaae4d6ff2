"""VMs that more than one host has: on their way, left behind by a move, defined or running twice.

Pure. Called by diff/compare.py before a VM is compared with anything. What can be settled without a guess becomes a
step that looks at both hosts again right before (drivers.base Migrations.settle); all else is held, with the facts.

| found | what is done |
|---|---|
| a shell that waits, and a migration under way | held until it has arrived |
| a shell or a VM stopped in mid-migration, and nobody at it any more | settled: one copy, where it is proved to be |
| the same, and a third host has it, or was not read | held |
| it runs here, and an older definition of ours of it, with the same shared disks, is off there | the latter goes |
| off on both, one definition newer: a relocation that was interrupted | the older one goes |
| it runs twice | held, loudly; neither is touched |
| any other two | held |
"""

from __future__ import annotations

from collections.abc import Sequence

from drivers.mark import Mark
from drivers.seen import Power, SeenVm
from reconciler.diff.change import Change, FieldChange, HeldReason, Verb
from reconciler.diff.context import Context
from reconciler.diff.holding import owned
from reconciler.observe.observed import Found, between
from specs.effects import Effect
from specs.fields import entries
from specs.resource import Location, Ref

HANDED_OVER = "migrated"
"""The reason of a VM that is off on its source since it runs on its target: libvirt has seen it through."""
ONE_LEFT = "bring back the host (or `gitvirt host lost NAME`), or undefine the copy that is too many"
PATH = "copies"
"""The field of a change that settles where a VM is; `after` is the other host."""


def compare(ref: Ref, where: Location | None, context: Context) -> Change | None:
    """What there is to say of a VM that is not on exactly one host; None if it is, or on none."""
    base = Change(ref=ref, verb=Verb.UPDATE, where=where)
    ours = owned(ref, context)
    shells = context.observed.arriving.get(ref, [])
    uuid = next((each.vm.uuid for each in (*ours, *shells)), "")
    if shells or any(each.vm.migrating for each in ours):
        return _between(base, uuid, [*ours, *shells], context)
    others = [each for each in context.observed.by_uuid.get(uuid, ()) if each not in ours]
    if len(ours) + len(others) < 2:
        return None
    if sum(each.vm.running for each in (*ours, *others)) > 1:
        return _runs_twice(base, [*ours, *others])
    if others:
        return _twice(base, [*ours, *others], "they are not both of them ours")
    if len(ours) > 2:
        return _twice(base, ours, "more than two hosts have it")
    return _two(base, ours, context)


def settles(change: Change) -> bool:
    """Whether a change is one of those that settle where a VM is; nothing else is done to it in that pass."""
    return any(each.path == PATH for each in change.fields)


def _between(base: Change, uuid: str, there: Sequence[Found], context: Context) -> Change:
    """On its way, or stopped there."""
    flight = context.flight(uuid) or between(there)
    ways = f"from {flight.source or 'a host that was not read'} to {flight.target or 'a host that was not read'}"
    if not flight.source or not flight.target:
        told = f"it is between two hosts, {ways}, and both have to be seen to tell where it is"
        return base.keep_back(HeldReason.IN_FLIGHT, told, "bring the other host back; neither copy is touched")
    if flight.progress is not None or not flight.asked:
        return base.keep_back(HeldReason.IN_FLIGHT, f"it is on its way {ways}{flight.percent}")
    if why := _unsure(uuid, there, context):
        return base.keep_back(HeldReason.IN_FLIGHT, f"its migration {ways} was interrupted, and {why}", ONE_LEFT)
    return _settled(base, flight.source, flight.target, f"its migration {ways} was interrupted")


def _unsure(uuid: str, there: Sequence[Found], context: Context) -> str:
    """Why a third host may have the VM itself, so that neither of the two may go on with it; "" if none can."""
    if unseen := context.observed.unseen:
        return f"it may run on a host that was not read: {', '.join(unseen)}"
    hosts = {each.host for each in (*there, *context.observed.by_uuid.get(uuid, ()))}
    return f"{', '.join(sorted(hosts))} all have it" if len(hosts) > 2 else ""


def _two(base: Change, ours: Sequence[Found], context: Context) -> Change:
    """One runs and one is off, or both are off."""
    off, kept = sorted(ours, key=lambda each: (each.vm.running, _generation(each), each.host))
    why = _why_not(off, kept, context)
    if why:
        return _twice(base, ours, why)
    runs = "runs" if kept.vm.running else "is, newer,"
    return _settled(base, off.host, kept.host, f"it {runs} on {kept.host}; {off.host} still has an old definition")


def _why_not(off: Found, kept: Found, context: Context) -> str:
    """Why the definition of the VM that is off may be more than what a move left behind; "" if it is no more."""
    mine, theirs = kept.vm.mark, off.vm.mark
    assert mine is not None
    assert theirs is not None
    if off.vm.uuid != kept.vm.uuid:
        return "they have different uuids"
    if _trashed(mine) != _trashed(theirs):
        return "one of them lies in the trash"
    if theirs.generation > mine.generation or (not kept.vm.running and theirs.generation == mine.generation):
        return "nothing tells which one is the newer"
    if off.vm.power is Power.SUSPENDED or off.vm.snapshots:
        return f"that on {off.host} has saved memory or snapshots"
    local = [path for path in _paths(off.vm) if not _same_file(path, (off.host, kept.host), context)]
    if local and not (kept.vm.running and off.vm.reason == HANDED_OVER):
        return f"{local[0]} is not in storage that both hosts share"
    missing = _paths(off.vm) - _paths(kept.vm)
    return f"that on {off.host} has {sorted(missing)[0]} besides" if missing else ""


def copied_away(off: Found, kept: str, context: Context) -> list[str]:
    """The files of its disks that went along with a VM when it left for the host `kept`: of no use here now."""
    if off.vm.running or off.vm.reason != HANDED_OVER:
        return []
    return sorted(path for path in _paths(off.vm) if not _same_file(path, (off.host, kept), context))


def _same_file(path: str, hosts: tuple[str, str], context: Context) -> bool:
    folder = path.rpartition("/")[0]
    pools = (each for each in context.wanted.pools.values() if each.path.rstrip("/") == folder)
    return any(each.shared and set(hosts) <= set(each.hosts) for each in pools)


def _paths(vm: SeenVm) -> set[str]:
    """The files that hold its data: those of its disks that it may write to."""
    disks = entries(vm.config, "disks").values()
    return {str(each["source"]) for each in disks if each.get("source") and not each.get("readOnly")}


def _settled(base: Change, source: str, target: str, note: str) -> Change:
    """A change with the step that settles it."""
    field = FieldChange(path=PATH, before=f"{source}, {target}", after=target, effect=Effect.LIVE, live=True, note=note)
    return Change(ref=base.ref, verb=Verb.UPDATE, host=source, fields=(field,), where=base.where)


def _runs_twice(base: Change, there: Sequence[Found]) -> Change:
    running = [each.host for each in there if each.vm.running]
    text = f"IT RUNS {'TWICE' if len(running) == 2 else 'SEVERAL TIMES'}: on {' and '.join(running)}"
    return base.keep_back(HeldReason.RUNS_TWICE, f"{text}; what both write to is being destroyed")


def _twice(base: Change, there: Sequence[Found], why: str) -> Change:
    where = ", ".join(f"{each.host} ({each.vm.power})" for each in there)
    return base.keep_back(
        HeldReason.DEFINED_TWICE, f"defined on {where}: {why}", "undefine the copy that is not the real one"
    )


def _trashed(mark: Mark) -> bool:
    return bool(mark.trashed)


def _generation(found: Found) -> int:
    return found.vm.mark.generation if found.vm.mark else 0
