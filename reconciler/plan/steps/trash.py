"""Steps that finish an interrupted removal: volumes that lie in the trash by their VM's mark, and bear no marker yet.

The mark is written first and the markers after it. Who dies in between leaves volumes that nothing uses, that no list
of the trash shows and that are never purged; this finds them again. Pure; called by plan/planner.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.mark import Mark
from drivers.seen import SeenPool
from reconciler.desired.identity import trashed_since
from reconciler.diff.change import Change, Verb
from reconciler.diff.holding import hold_on
from reconciler.observe.observed import Found
from reconciler.plan.builder import Builder
from reconciler.plan.plan import TrashVolume
from specs.resource import Ref


def unmarked_volumes(users: dict[str, set[str]], builder: Builder) -> list[Change]:
    """A change and a step for each such volume that is there and that nothing but its own trashed VM refers to."""
    context = builder.context
    changes = []
    for ref, ours in sorted(context.observed.owned.items()) if context.observed.complete else ():
        found, mark = ours[0], ours[0].vm.mark
        if mark is None or len(ours) > 1 or not context.descends(mark.revision) or hold_on(ref, found.host, context):
            continue
        for domain, volume in _in_trash(ref, mark, builder):
            wanted = context.wanted.pools.get(domain)
            pool = context.observed.pool(found.host, builder.libvirt_pool(wanted, found.host) if wanted else domain)
            if pool is not None and _lacks_marker(pool, volume, found, users):
                changes.append(_mark(Ref("Volume", f"{pool.name}/{volume}"), found, mark.trashed, builder))
    return changes


def _in_trash(ref: Ref, mark: Mark, builder: Builder) -> Iterator[tuple[str, str]]:
    """(storage domain, volume) of what is in the trash by the mark, unless it is declared again or purged now."""
    wanted = builder.context.wanted
    vm = wanted.vms.get(ref.name)
    expired = mark.trashed and builder.context.now >= mark.trashed + wanted.trash_keep
    if expired or (mark.trashed and vm is not None):
        return
    entries = dict(mark.trash)
    if mark.trashed:
        entries |= {key: each.volume for key, each in mark.devices.items() if each.made and not each.pending}
    for key, text in sorted(entries.items()):
        declared = vm is not None and vm.disk(key.partition("/")[2]) is not None
        if text and not declared:
            domain, _, volume = text.partition("/")
            yield domain, volume


def _lacks_marker(pool: SeenPool, volume: str, found: Found, users: dict[str, set[str]]) -> bool:
    if volume not in pool.volumes or any((trashed_since(name) or ("",))[0] == volume for name in pool.volumes):
        return False
    itself = {f"vm/{found.vm.name} on {found.host}"} if found.vm.mark and found.vm.mark.trashed else set()
    return not users.get(pool.volumes[volume].path, set()) - itself


def _mark(ref: Ref, found: Found, since: int, builder: Builder) -> Change:
    pool, _, volume = ref.name.partition("/")
    call = TrashVolume(pool=pool, volume=volume, when=since or builder.context.now)
    builder.add(ref, found.host, call, "into the trash")
    reason = f"its removal from vm/{found.vm.name} was interrupted"
    return Change(ref=ref, verb=Verb.DELETE, host=found.host, reason=reason)
