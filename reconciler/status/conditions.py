"""Conditions: the few yes-or-no questions about an object that people and scripts ask, each with reason and message.

Pure. Only what was computed in this look is said: a VM that no host was seen to have has no `Drifted`, for instance.

| type | is true if |
|---|---|
| Ready | a VM is in the state that it shall be in; a network, pool or image is there and active everywhere |
| InSync | what runs is what is declared: nothing to do, nothing held, nothing waiting |
| Held | something about it is kept back; the reason is one of docs/held.md |
| Drifted | something was changed outside of Git |
| PendingRestart | the definition has changes that the running VM has not |
| OnHold | an operator told gitvirt to leave it alone |
| Reachable, Schedulable | of hosts: it was read; VMs may be put there |
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from drivers.seen import Power, SeenVm
from reconciler.diff import outage, power
from reconciler.diff.change import Change, FieldChange, Held, HeldReason, Verb
from reconciler.diff.holding import hold_on
from reconciler.plan.faces import words
from reconciler.status.situation import Machine, Situation
from reconciler.status.values import telling
from specs.resource import Ref
from specs.structs import Struct

Truth = Literal["True", "False", "Unknown"]


class Condition(Struct, frozen=True, kw_only=True):
    """One answer. `reason` is one CamelCase word, `message` is for people and may be empty."""

    type: str
    status: Truth
    reason: str
    message: str = ""

    def data(self) -> dict[str, str]:
        """As objects have it."""
        return {"type": self.type, "status": self.status, "reason": self.reason, "message": self.message}


def truth(value: bool) -> Truth:
    """As Kubernetes writes it."""
    return "True" if value else "False"


def of_vm(machine: Machine, situation: Situation) -> list[Condition]:
    """All conditions of a VM that is declared, or ours."""
    changes = situation.changes.get(machine.ref, ())
    found = [_ready(machine, changes, situation)]
    if machine.vm is None and situation.context.observed.unseen:
        found.append(Condition(type="InSync", status="Unknown", reason="HostUnseen", message=unseen(situation)))
    else:
        found.append(in_sync(changes))
    found.append(kept_back(changes))
    if machine.vm is not None:
        found += [drifted(changes), pending_restart(changes)]
    return [*found, on_hold(machine.ref, machine.host, situation)]


def unseen(situation: Situation) -> str:
    """Which hosts were not read."""
    return f"not read: {', '.join(words.names(situation.context.observed.unseen))}"


def _ready(machine: Machine, changes: Sequence[Change], situation: Situation) -> Condition:
    vm = machine.vm
    if vm is None:
        if situation.context.observed.unseen:
            return Condition(type="Ready", status="Unknown", reason="HostUnseen", message=unseen(situation))
        return Condition(type="Ready", status="False", reason="Absent", message="no host has it")
    if machine.twice:
        where = ", ".join(each.host for each in machine.twice)
        if any(each.migrating for each in (vm, *(each.vm for each in machine.twice))):
            return Condition(
                type="Ready", status="False", reason="Migrating", message=f"between hosts, also on {where}"
            )
        return Condition(type="Ready", status="False", reason="DefinedTwice", message=f"also defined on {where}")
    if machine.mark and machine.mark.trashed:
        return Condition(type="Ready", status="False", reason="InTrash", message="it lies in the trash")
    if machine.wanted is None:
        return Condition(type="Ready", status="False", reason="NotDeclared", message="no longer declared")
    if (why := outage.outage(machine.wanted, machine.host, situation.context)) and not vm.running:
        return Condition(type="Ready", status="True", reason=str(vm.power).capitalize(), message=f"off: {why}")
    asked = outage.wish(machine.wanted, machine.host, machine.mark, situation.context)
    met = not any(each.path == "state" for each in telling(changes)) and _as_asked(vm, asked)
    said = _by_whom(machine, vm, asked, situation.context.now) if met else f"{vm.power}, shall be {asked}"
    return Condition(type="Ready", status=truth(met), reason=str(vm.power).capitalize(), message=said)


def _as_asked(vm: SeenVm, asked: str) -> bool:
    """A VM that shall run may be off only if its guest shut itself down (then a change would be due, or it may)."""
    return asked != "running" or vm.power is Power.RUNNING or power.by_guest(vm)


def _by_whom(machine: Machine, vm: SeenVm, asked: str, now: int) -> str:
    """Why it is well that a VM is not as Git says: an operator's deed, or its guest's."""
    override = machine.mark.override("power") if machine.mark else None
    if (
        override is not None
        and power.active(override, now)
        and machine.wanted
        and override.field == machine.wanted.power
    ):
        why = f": {override.reason}" if override.reason else ""
        return f"{override.value} by {override.author or 'an operator'}{why}"
    return "shut down from inside the guest" if asked == "running" and power.by_guest(vm) else ""


_VERBS = {
    Verb.CREATE: "ToCreate", Verb.RESTORE: "ToRestore", Verb.ADOPT: "ToAdopt", Verb.UPDATE: "ToUpdate",
    Verb.DELETE: "ToDelete", Verb.PURGE: "ToPurge",
}  # fmt: skip


def in_sync(changes: Sequence[Change]) -> Condition:
    """Whether anything is left between what is declared and what is there."""
    due = [each for each in changes if each.held or each.acts or telling([each])]
    if not due:
        return Condition(type="InSync", status="True", reason="AsDeclared")
    first = next((each for each in due if each.acts), due[0])
    reason = "Held" if first.held else _VERBS.get(first.verb, "ToUpdate") if first.acts else "Waits"
    paths = words.names(each.path for each in telling(due))
    message = f"differs in {', '.join(paths)}" if paths else first.reason
    return Condition(type="InSync", status="False", reason=reason, message=message)


def kept_back(changes: Sequence[Change]) -> Condition:
    """Whether something is held. Drift that is left as it is counts as drift, not as held."""
    found = [each for each in every_held(changes) if each.reason is not HeldReason.DRIFT]
    if not found:
        return Condition(type="Held", status="False", reason="NothingHeld")
    texts = dict.fromkeys(each.text for each in found)
    return Condition(type="Held", status="True", reason=str(found[0].reason), message="; ".join(texts))


def every_held(changes: Sequence[Change]) -> list[Held]:
    """The reasons of changes and of single fields."""
    whole = [change.held for change in changes if change.held]
    return whole + [each.held for change in changes for each in change.fields if each.held]


def drifted(changes: Sequence[Change]) -> Condition:
    """Whether something was changed outside of Git, to be set back or not."""
    found = [each for each in telling(changes) if each.kind == "drift"]
    if not found:
        return Condition(type="Drifted", status="False", reason="NoDrift")
    left = all(each.held for each in found)
    message = f"changed outside gitvirt: {', '.join(dict.fromkeys(each.path for each in found))}"
    return Condition(type="Drifted", status="True", reason="LeftAsIs" if left else "ToSetBack", message=message)


def pending_restart(changes: Sequence[Change]) -> Condition:
    """Whether the next power cycle brings something."""
    found = [each for each in telling(changes) if waits(each)]
    if not found:
        return Condition(type="PendingRestart", status="False", reason="NothingPending")
    paths = ", ".join(dict.fromkeys(each.path for each in found))
    return Condition(
        type="PendingRestart", status="True", reason="WaitsForPowerCycle", message=f"{paths}: with the next power cycle"
    )


def waits(field: FieldChange) -> bool:
    """True for a field that the definition has right, and the running machine not; not for a balloon on its way."""
    return field.kind == "pending" and not field.waits_for_guest


def on_hold(ref: Ref, host: str, situation: Situation) -> Condition:
    """Whether an operator holds it, by itself or with its host, its cluster, or everything."""
    found = hold_on(ref, host, situation.context)
    if found is None:
        return Condition(type="OnHold", status="False", reason="NotOnHold")
    name, override = found
    by = f"{name} held by {override.author or 'an operator'}"
    return Condition(
        type="OnHold", status="True", reason="Operator", message=f"{by}: {override.reason}" if override.reason else by
    )
