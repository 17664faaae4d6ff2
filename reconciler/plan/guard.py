"""Guards: what a plan may not do without being told so, whatever the diff says.

Pure; called by plan/planner.py before any step is made. A guard takes changes and returns them, some of them held.
"""

from __future__ import annotations

from collections import Counter

from drivers.seen import SeenVm
from reconciler.desired.wanted import WantedVm
from reconciler.diff.change import Change, HeldReason, Verb
from reconciler.diff.context import Context
from specs.attachment import is_network
from specs.fields import entries


def guard(changes: list[Change], context: Context) -> list[Change]:
    """The changes after every guard."""
    return _restarts(_budgets(_renames(changes, context), context), context)


def _budgets(changes: list[Change], context: Context) -> list[Change]:
    """More deletions of a kind than its budget, or any storage domain: none of them is done until allowed."""
    deletions = [each for each in changes if each.verb is Verb.DELETE and not each.held]
    counts = Counter(ref.kind for ref in {each.ref for each in deletions} if ref.kind != "Network")
    allowed = context.allowed.deletions
    total = sum(counts.values())
    if allowed is not None and total <= allowed:
        return changes
    over = {kind: count for kind, count in counts.items() if count > _limit(kind, context)}
    return [
        each.keep_back(
            HeldReason.BUDGET,
            f"this revision deletes {over[each.ref.kind]} of kind {each.ref.kind}, its budget is "
            f"{_limit(each.ref.kind, context)}; none of them is done",
            f"if it is meant: `gitvirt apply --allow deletions={total}`; else revert",
        )
        if each in deletions and each.ref.kind in over and str(each.ref) not in context.allowed.refs
        else each
        for each in changes
    ]


def _restarts(changes: list[Change], context: Context) -> list[Change]:
    """Restarts are a rate: as many VMs as the budget says in one pass, the others in the next ones."""
    left = context.wanted.restarts.of(len(context.observed.owned))
    found = []
    for change in changes:
        if change.acts and any(each.restart and not each.held for each in change.fields):
            left -= 1
            if left < 0 and str(change.ref) not in context.allowed.refs:
                text = f"no more than {context.wanted.restarts.of(len(context.observed.owned))} VMs restart in one pass"
                change = change.keep_back(HeldReason.BUDGET, text, "it comes with one of the next passes")
        found.append(change)
    return found


def _limit(kind: str, context: Context) -> int:
    if kind == "StorageDomain":
        return 0
    return context.wanted.deletions.of(len(context.observed.owned))


def _renames(changes: list[Change], context: Context) -> list[Change]:
    """A VM that goes while one just like it comes was probably renamed: both wait for a word about it."""
    vms = [each for each in changes if each.ref.kind == "VirtualMachine" and not each.held]
    goes = [each for each in vms if each.verb is Verb.DELETE]
    if len(goes) != 1:
        return changes
    seen = context.observed.owned[goes[0].ref][0].vm
    comes = [each for each in vms if each.verb is Verb.CREATE and _alike(context.wanted.vms[each.ref.name], seen)]
    if len(comes) != 1 or {str(goes[0].ref), str(comes[0].ref)} & context.allowed.refs:
        return changes
    old, new = goes[0].ref, comes[0].ref
    text = f"{new} is new and has the disks and hardware of {old}, which goes"
    fix = f"write `renamedFrom: {old.name}` into the metadata of {new}; if it is another VM, `--allow {old}`"
    return [
        each.keep_back(HeldReason.RENAME_SUSPECTED, text, fix) if each in (goes[0], comes[0]) else each
        for each in changes
    ]


def _alike(wanted: WantedVm, seen: SeenVm) -> bool:
    """The same disks by name, and the same NICs, memory and vCPUs as far as they are declared."""
    disks = {each.name for each in wanted.disks}
    if not disks or disks != set(entries(seen.config, "disks")):
        return False
    if set(entries(wanted.fields, "nics")) != set(entries(seen.config, "nics")):
        return False
    return all(
        seen.config.get(path) == wanted.fields[path] for path in ("memory", "cpu.count") if path in wanted.fields
    )


def aimed(changes: list[Change], context: Context) -> list[Change]:
    """Only the targets and what they need (`--target`): hosts' networks and storage come along with a VM."""
    targets = context.allowed.targets
    if not targets:
        return changes
    needed = set(targets)
    for vm in context.wanted.vms.values():
        if str(vm.ref) in targets:
            needed |= {f"sd/{disk.pool}" for disk in vm.disks if not disk.path}
            images = {disk.image for disk in vm.disks if disk.image} | {each for each in vm.cdroms.values() if each}
            needed |= {f"image/{each}" for each in images}
            needed |= {f"sd/{context.wanted.images[each].pool}" for each in images}
            needed |= {
                f"network/{nic['network']}" for nic in entries(vm.fields, "nics").values() if is_network(nic["network"])
            }
    return [each for each in changes if str(each.ref) in needed]
