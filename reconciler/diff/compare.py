"""The diff of a whole pass: every wanted and every owned object, as a list of Changes.

Pure. Called by reconciler/cycle.py. Decides whose an object is, whether it is new, known, adopted, in the trash or
to be deleted, and what must not be concluded: a VM is new only if every host was read, and nothing is deleted on a
partial view.
"""

from __future__ import annotations

from drivers.mark import NAMESPACE, Mark
from reconciler.desired.wanted import WantedVm
from reconciler.diff import doubles, elsewhere, hosts, kept, networks, outage, pools, vms
from reconciler.diff.change import Change, HeldReason, Verb
from reconciler.diff.context import Context
from reconciler.diff.holding import on_hold, owned
from reconciler.observe.observed import Found
from specs.resource import Ref
from specs.structs import replace


def compare(context: Context) -> list[Change]:
    """All changes, in the order pools, images, networks, VMs; each kind by name, deletions after the rest."""
    found = [*pools.compare(context), *pools.images(context), *kept.compare(context), *networks.compare(context)]
    for wanted in context.wanted.vms.values():
        change = compare_vm(wanted, context)
        if change is not None:
            found.append(change)
    found += [*_undeclared(context), *hosts.compare(context)]
    return [on_hold(change, context) for change in found]


def compare_vm(wanted: WantedVm, context: Context) -> Change | None:
    """One declared VM: its create, restore, adopt or update, with what holds it back; None if all is well."""
    there = owned(wanted.ref, context)
    base = Change(ref=wanted.ref, verb=Verb.CREATE, where=wanted.location)
    if (double := doubles.compare(wanted.ref, wanted.location, context)) is not None:
        return double
    if not there:
        return _new(wanted, base, context)
    found = there[0]
    mark = context.observed.owned_mark(found.vm.uuid, found.vm.mark)
    assert mark is not None
    return _known(wanted, found, mark, context)


def _known(wanted: WantedVm, found: Found, mark: Mark, context: Context) -> Change | None:
    change = vms.compare(wanted, found, mark, context)
    if mark.trashed:
        fields = change.fields if change else ()
        change = Change(
            ref=wanted.ref, verb=Verb.RESTORE, host=found.host, fields=fields, where=wanted.location,
            reason="declared again while it lies in the trash",
        )  # fmt: skip
    if change is None:
        return None
    if not found.vm.persistent:
        return change.keep_back(HeldReason.TRANSIENT, "the domain is transient: libvirt forgets it when it stops")
    if not context.descends(mark.revision):
        return change.keep_back(
            HeldReason.BEHIND,
            f"last changed at revision {mark.revision[:12]}, which ours does not descend from",
            "pull first, or use --force-revision",
        )
    if change.acts and (held := elsewhere.may_run_elsewhere(found.vm, context)) is not None:
        return replace(change, held=held)
    return change


def _new(wanted: WantedVm, base: Change, context: Context) -> Change:
    adopted = _consented(wanted, context)
    if adopted is not None:
        return adopted
    for found in context.observed.by_name.get(wanted.name, ()):
        return base.keep_back(
            HeldReason.NAME_TAKEN,
            f"{found.host} has a VM of this name that {owner(found, context)} (uuid {found.vm.uuid})",
            f"{' and '.join([*_unmarking(found), 'declare its uuid to adopt it'])}, or rename one of them",
        )
    if why := outage.powered_down(wanted, context):
        return base.keep_back(HeldReason.ON_HOLD, why, f"`gitvirt cluster start {wanted.cluster}`")
    if context.observed.unseen:
        told = elsewhere.who_may_hold_it(context)
        return base.keep_back(HeldReason.HOST_UNSEEN, told, "see `gitvirt status`; nothing is started")
    return base


def _consented(wanted: WantedVm, context: Context) -> Change | None:
    """A declared uuid that an unmarked domain has is the consent to adopt it."""
    for found in context.observed.by_uuid.get(wanted.uuid, ()) if wanted.uuid else ():
        change = Change(ref=wanted.ref, verb=Verb.ADOPT, host=found.host, where=wanted.location)
        if found.vm.mark is not None or found.vm.mark_damaged:
            return change.keep_back(
                HeldReason.UUID_TAKEN, f"the VM of that uuid on {found.host} {owner(found, context)}",
                f"{_unmarking(found)[0]} first",
            )  # fmt: skip
        if not found.vm.persistent:
            return change.keep_back(HeldReason.TRANSIENT, "the domain is transient: libvirt forgets it when it stops")
        return change
    return None


def _unmarking(found: Found) -> list[str]:
    """How to come by a VM that bears a mark. One that is not its own no repository can take off."""
    mark = found.vm.mark
    if found.vm.mark_damaged or (mark is not None and mark.uuid != found.vm.uuid):
        return [f"take the mark off (`virsh metadata {found.vm.name} {NAMESPACE} --remove --config`)"]
    return ["`gitvirt release` it there"] if mark is not None else []


def owner(found: Found, context: Context) -> str:
    """Whose a VM is that is not simply ours, as the rest of a sentence about it."""
    mark = found.vm.mark
    if found.vm.mark_damaged:
        return "bears a mark that cannot be read"
    if mark is None:
        return "gitvirt does not own"
    if mark.uuid != found.vm.uuid:
        return f"is a clone of {mark.ref} (its mark was copied along)"
    if mark.repository == context.wanted.repository:
        return f"is {mark.ref}"
    return f"belongs to repository {mark.repository}"


def _undeclared(context: Context) -> list[Change]:
    """Our objects that no document declares any more: into the trash, or out of it for good when its time is over."""
    wanted = {each.ref for each in context.wanted.vms.values()}
    wanted |= {Ref(each.ref.kind, each.renamed_from) for each in context.wanted.vms.values() if each.renamed_from}
    changes = []
    for ref, ours in sorted(context.observed.owned.items()):
        if ref in wanted:
            continue
        double = doubles.compare(ref, None, context)
        for change in (double,) if double else (_deletion(ref, found, context) for found in ours):
            if change is not None:
                changes.append(change)
    return changes


def _deletion(ref: Ref, found: Found, context: Context) -> Change | None:
    mark = found.vm.mark
    assert mark is not None
    change = Change(ref=ref, verb=Verb.DELETE, host=found.host, reason="no longer declared")
    if mark.trashed:
        if context.now < mark.trashed + context.wanted.trash_keep:
            return None
        change = Change(ref=ref, verb=Verb.PURGE, host=found.host, reason="its time in the trash is over")
    if mark.protected and not mark.trashed:
        return change.keep_back(
            HeldReason.PROTECTED, "deleteProtection is on the object",
            "declare it again with deleteProtection: false, apply, then remove it",
        )  # fmt: skip
    if not context.descends(mark.revision):
        return change.keep_back(
            HeldReason.BEHIND, f"last changed at revision {mark.revision[:12]}, which ours does not descend from",
            "pull first, or use --force-revision",
        )  # fmt: skip
    if context.observed.unseen:
        return change.keep_back(
            HeldReason.PARTIAL_VIEW,
            f"nothing is deleted while hosts are unseen: {', '.join(context.observed.unseen)}",
        )
    return change
