"""The plan under construction: steps, what each of them brings about, and names already given away.

Pure, mutable, one per planning. Used by the modules that turn one kind of change into steps.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import TypedDict, Unpack

from reconciler.desired.identity import disk_volume
from reconciler.desired.wanted import WantedPool, WantedVm
from reconciler.diff import leases
from reconciler.diff.change import Change, HeldReason
from reconciler.diff.context import Context
from reconciler.diff.pools import pool_on
from reconciler.place import macs
from reconciler.plan.plan import Call, Step, Warned
from specs.effects import Effect
from specs.resource import Ref


class Options(TypedDict, total=False):
    """Of a step: `after` (ids that must have succeeded, "" ignored), `effect`, `key` (tells two of a kind apart)."""

    after: tuple[str, ...]
    effect: Effect
    key: str


class Builder:
    """Collects the steps of one plan. `brings` maps what a step brings about to the step's id."""

    def __init__(self, context: Context) -> None:
        self.context = context
        self.steps: dict[str, Step] = {}
        self.warnings: list[Warned] = []
        self.brings: dict[tuple[str, ...], str] = {}
        self._uuids = set(context.observed.by_uuid)
        self._assigned: macs.Assigned | None = None
        self._leases: Mapping[str, leases.Leases] | None = None
        self._volumes: dict[str, set[str]] = {}

    def add(self, ref: Ref, host: str, call: Call, what: str, **options: Unpack[Options]) -> str:
        """Adds one step and returns its id."""
        after = tuple(dict.fromkeys(each for each in options.get("after", ()) if each))
        key = options.get("key", "")
        effect = options.get("effect", Effect.LIVE)
        name = type(call).__name__
        step_id = hashlib.sha256(f"{host}|{ref}|{name}|{key}".encode()).hexdigest()[:12]
        assert step_id not in self.steps, (ref, name, key)
        self.steps[step_id] = Step(id=step_id, ref=ref, host=host, what=what, call=call, effect=effect, after=after)
        return step_id

    def back_to(self, count: int) -> None:
        """Drops the steps that were added after the first `count`, with all that they would have brought about."""
        gone = set()
        while len(self.steps) > count:
            gone.add(self.steps.popitem()[0])
        self.brings = {what: step for what, step in self.brings.items() if step not in gone}

    def brought(self, *what: str) -> str:
        """The id of the step that brings `what` about in this plan, or ""."""
        return self.brings.get(what, "")

    def claim_uuid(self, found: str) -> str:
        """Notes a UUID as taken."""
        self._uuids.add(found)
        return found

    @property
    def uuids(self) -> set[str]:
        """UUIDs that a new VM cannot have."""
        return self._uuids

    @property
    def assigned(self) -> macs.Assigned:
        """The MAC of every NIC, had or to be given."""
        if self._assigned is None:
            self._assigned = macs.assign(self.context)
        return self._assigned

    @property
    def leases(self) -> Mapping[str, leases.Leases]:
        """Network → the leases that VMs ask for on it."""
        if self._leases is None:
            known = self.assigned if leases.asked(self.context.wanted) else None
            self._leases = leases.leases(self.context, known)
        return self._leases

    def mac(self, vm: WantedVm, uuid: str, nic: str, declared: str = "") -> str:
        """The MAC of a new NIC. Raises Withheld if another VM has the declared one, or if the pool is empty."""
        if declared:
            if other := macs.other_user(declared, vm, uuid, self.context):
                fix = "declare another, or leave `mac` out to get a free one"
                raise Withheld(HeldReason.MAC_TAKEN, f"nic {nic}: {declared} is used by {other}", fix)
            return declared
        if vm.mac_pool in self.context.wanted.mac_pools and (unseen := sorted(self.context.observed.unseen)):
            text = f"nic {nic}: {', '.join(unseen)} may have the next MAC address of macpool/{vm.mac_pool}"
            raise Withheld(HeldReason.HOST_UNSEEN, text)
        if why := self.assigned.lacking.get((vm.name, nic)):
            raise Withheld(HeldReason.MAC_POOL, f"nic {nic}: {why}", "add a range to the pool, or declare a `mac`")
        return self.assigned.macs[vm.name, nic]

    def disk_volume(self, pool: WantedPool, vm_uuid: str, disk: str, format_: str) -> str:
        """A free name for a new disk's volume."""
        taken = self.volumes(pool)
        found = disk_volume((self.context.wanted.repository, vm_uuid), disk, format_, taken)
        taken.add(found)
        return found

    def volumes(self, pool: WantedPool) -> set[str]:
        """The names of all volumes that any host sees in a storage domain, and those given away in this plan."""
        if pool.name not in self._volumes:
            seen = (pool_on(self.context, pool, host) for host in pool.hosts)
            self._volumes[pool.name] = {name for each in seen if each for name in each.volumes}
        return self._volumes[pool.name]

    def libvirt_pool(self, pool: WantedPool, host: str) -> str:
        """The libvirt name of the pool that serves a storage domain on a host (its own where it is yet to be made)."""
        seen = pool_on(self.context, pool, host)
        return seen.name if seen else pool.name


class Withheld(Exception):
    """Raised while a change is turned into steps: it cannot be done, for this typed reason."""

    def __init__(self, reason: HeldReason, text: str, fix: str = "") -> None:
        super().__init__(text)
        self.reason, self.text, self.fix = reason, text, fix

    def of(self, change: Change) -> Change:
        """The change, held for this reason."""
        return change.keep_back(self.reason, self.text, self.fix)
