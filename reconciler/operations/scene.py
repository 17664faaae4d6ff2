"""What an operation starts from: one look at all hosts, who asks, and where the object is that he means.

In: a pass that has looked (reconciler/cycle). Out: `Target`s, or a `Declined` that says why the object cannot be
worked on. Used by every module of this package.
"""

from __future__ import annotations

from drivers.base import Host
from drivers.mark import Mark, Override
from drivers.seen import SeenVm
from reconciler.apply.stop import Pause
from reconciler.cycle import Pass
from reconciler.desired.wanted import WantedVm
from reconciler.diff.compare import owner
from reconciler.diff.context import Context
from reconciler.diff.holding import owned
from reconciler.errors import ReconcilerError
from reconciler.observe.observed import Found
from specs.resource import Ref
from specs.structs import Struct


class Declined(ReconcilerError):
    """The operation makes no sense or is not safe as things are; nothing was done. Says why, and what to do."""


class By(Struct, frozen=True, kw_only=True):
    """Who asks, why, since when and for how long (unix seconds; until 0: no end)."""

    author: str
    reason: str = ""
    since: int = 0
    until: int = 0

    def override(self, kind: str, value: str, field: str = "") -> Override:
        """The record of a deed, as marks keep it. `field` is the declared value that it deviates from."""
        return Override(
            kind=kind, value=value, field=field,
            author=self.author, reason=self.reason, since=self.since, until=self.until,
        )  # fmt: skip


class Scene(Struct, frozen=True, kw_only=True):
    """What was seen of all hosts right before, who asks, and time, in which a request to stop ends every wait."""

    looked: Pass
    by: By
    pause: Pause

    @property
    def interrupted(self) -> bool:
        """True if we were asked to stop: nothing new is begun."""
        return self.pause.wait(0)


class Target(Struct, frozen=True, kw_only=True):
    """One VM of ours, where it is: the driver of its host, how it was seen, and what is declared (None: nothing)."""

    ref: Ref
    host: Host
    vm: SeenVm
    mark: Mark
    wanted: WantedVm | None

    @property
    def where(self) -> str:
        """`kvm1`."""
        return self.host.name

    @property
    def declared_power(self) -> str:
        """What Git says: running, stopped, manual; "" for a VM that is no longer declared."""
        return self.wanted.power if self.wanted else ""


def locate(ref: Ref, scene: Scene, *, trashed: bool = False) -> Target:
    """Where the VM is. Declined if it is nowhere, in doubt, defined twice, not ours, or (unless asked for) trashed."""
    context = scene.looked.context
    found = owned(ref, context)
    if not found:
        raise Declined(nowhere(ref, scene.looked.context))
    if len(found) > 1:
        places = ", ".join(f"{each.host} ({each.vm.power})" for each in found)
        if any(each.vm.migrating for each in found):  # each may have half of its memory: neither is one too many
            raise Declined(f"is between hosts, on {places}; let it arrive, or `gitvirt apply` settles where it is")
        raise Declined(f"defined twice, on {places}; undefine the copy that is not the real one, then try again")
    where = found[0]
    assert where.vm.mark is not None
    if where.vm.mark.trashed and not trashed:
        raise Declined(f"lies in the trash on {where.host}; `gitvirt undelete {ref}`, or declare it again")
    wanted = context.wanted.vms.get(ref.name) or next(
        (each for each in context.wanted.vms.values() if each.renamed_from == ref.name), None
    )
    return Target(ref=ref, host=scene.looked.hosts[where.host], vm=where.vm, mark=where.vm.mark, wanted=wanted)


def nowhere(ref: Ref, context: Context) -> str:
    """Why no VM of ours was found by that name."""
    for each in context.observed.by_name.get(ref.name, ()):
        return _foreign(each, owner(each, context))
    if unseen := context.observed.unseen:
        told = "; ".join(f"{name} may hold it ({each.reason})" for name, each in list(unseen.items())[:3])
        return f"no host that was read has it, and {told}; see `gitvirt get hosts`"
    if ref.name in context.wanted.vms:
        return "declared, but not made yet; see `gitvirt plan`, then `gitvirt apply`"
    return "no host has it"


def _foreign(found: Found, whose: str) -> str:
    text = f"{found.host} has a VM of this name that {whose}"
    if found.vm.mark is None and not found.vm.mark_damaged:
        return f"{text}; declare it with `uuid: {found.vm.uuid}` to adopt it, or use virsh"
    return f"{text}; it is left alone"
