"""MAC addresses: what every declared NIC has or will have, who else has one, and how many a pool has left.

Pure and deterministic: the same observation gives the same addresses, so that a lease that is planned for a NIC and
the NIC itself agree. An address that a NIC has, or that the mark remembers, always stays; a declared one is
taken at its word; only a new NIC takes the next free one.

Called by plan/builder.py, diff/leases.py and plan/planner.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from drivers.mark import Mark
from reconciler.desired.identity import free_uuid, mac
from reconciler.desired.wanted import WantedMacPool, WantedVm
from reconciler.diff.context import Context
from reconciler.observe.observed import Found
from specs import macranges
from specs.fields import entries, entry
from specs.resource import Ref
from specs.structs import Struct, field

FEW = 10
"""With fewer addresses left than this, the plan warns."""


class Assigned(Struct, frozen=True, kw_only=True):
    """(VM, NIC) → its MAC; `lacking`: why a NIC gets none."""

    macs: Mapping[tuple[str, str], str]
    lacking: Mapping[tuple[str, str], str]


def assign(context: Context) -> Assigned:
    """The MAC of every NIC of every declared VM."""
    known: dict[tuple[str, str], str] = {}
    new: list[tuple[WantedVm, str]] = []
    for vm in context.wanted.vms.values():
        found = _home(vm, context)
        mark = context.observed.owned_mark(found.vm.uuid, found.vm.mark) if found else None
        for name, nic in entries(vm.fields, "nics").items():
            has = str(nic.get("mac") or _recorded(name, found, mark))
            if has:
                known[vm.name, name] = has
            else:
                new.append((vm, name))
    giver = _Giver(context, set(context.observed.macs) | set(known.values()) | _remembered(context))
    return Assigned(macs={**known, **giver.give(new)}, lacking=giver.lacking)


def _home(vm: WantedVm, context: Context) -> Found | None:
    owned = context.observed.owned
    for ref in (vm.ref, Ref("VirtualMachine", vm.renamed_from)):
        if ref.name and owned.get(ref):
            return owned[ref][0]
    return next(iter(context.observed.by_uuid.get(vm.uuid, ())), None) if vm.uuid else None


def _recorded(name: str, found: Found | None, mark: Mark | None) -> str:
    device = mark.devices.get(f"nic/{name}") if mark is not None else None
    if device is not None and device.mac:
        return device.mac
    return str(found.vm.config.get(entry("nics", name, "mac")) or "") if found is not None else ""


def _remembered(context: Context) -> set[str]:
    """What marks say of NICs that are unplugged for now."""
    marks = (each.vm.mark for each in context.observed.vms())
    return {device.mac for mark in marks if mark is not None for device in mark.devices.values() if device.mac}


class _Giver(Struct):
    """Gives free addresses away, each once."""

    context: Context
    taken: set[str]
    lacking: dict[tuple[str, str], str] = field(default_factory=dict)
    _next: dict[str, Iterator[str]] = field(default_factory=dict)

    def give(self, new: list[tuple[WantedVm, str]]) -> dict[tuple[str, str], str]:
        found = {}
        for vm, name in new:
            pool = self.context.wanted.mac_pools.get(vm.mac_pool)
            address = self._from(pool) if pool is not None else self._derived(vm, name)
            if address:
                self.taken.add(address)
                found[vm.name, name] = address
            else:
                self.lacking[vm.name, name] = f"{pool.ref if pool else 'nothing'} has no free MAC address left"
        return found

    def _from(self, pool: WantedMacPool) -> str:
        if pool.name not in self._next:
            self._next[pool.name] = (macranges.mac(each) for a, b in pool.ranges for each in range(a, b + 1))
        return next((each for each in self._next[pool.name] if each not in self.taken), "")

    def _derived(self, vm: WantedVm, name: str) -> str:
        context = self.context
        found = _home(vm, context)
        own = found.vm.uuid if found is not None else vm.uuid
        uuid = own or free_uuid(context.wanted.repository, vm.ref, context.observed.by_uuid)
        return mac(context.wanted.repository, uuid, name, self.taken)


def other_user(address: str, vm: WantedVm, uuid: str, context: Context) -> str:
    """Who else has the MAC, in words, "" if nobody; the VM itself does not count, wherever it is defined."""
    pool = context.wanted.mac_pools.get(vm.mac_pool)
    if pool is not None and pool.duplicates:
        return ""
    for found in context.observed.mac_users.get(address, ()):
        mark = context.observed.owned_mark(found.vm.uuid, found.vm.mark)
        if found.vm.uuid != uuid and not (mark is not None and mark.ref == str(vm.ref)):
            return f"{_who(found, context)} on {found.host}"
    return ""


def warnings(context: Context) -> Iterator[tuple[str, str]]:
    """(text, place): MACs that a VM of ours shares with another, and pools that run short."""
    yield from _collisions(context)
    users = {vm.mac_pool for vm in context.wanted.vms.values()}
    for name, pool in context.wanted.mac_pools.items():
        left = free(pool, context)
        if left < FEW and name in users:
            yield f"{pool.ref} has {left or 'no'} free MAC address{'' if left == 1 else 'es'} left", str(pool.location)


def free(pool: WantedMacPool, context: Context) -> int:
    """How many addresses of the pool nobody has."""
    taken = set(context.observed.macs) | _remembered(context)
    for vm in context.wanted.vms.values():
        taken |= {str(nic["mac"]) for nic in entries(vm.fields, "nics").values() if nic.get("mac")}
    numbers = [macranges.number(each) for each in taken]
    return sum(last - first + 1 - sum(first <= each <= last for each in numbers) for first, last in pool.ranges)


def _collisions(context: Context) -> Iterator[tuple[str, str]]:
    for address, users in sorted(context.observed.mac_users.items()):
        by_uuid = {each.vm.uuid: each for each in users if not (each.vm.mark and each.vm.mark.trashed)}
        ours = [each for each in by_uuid.values() if _wanted(each, context) is not None]
        if len(by_uuid) < 2 or not ours or all(_allowed(each, context) for each in ours):
            continue
        told = " and ".join(f"{_who(each, context)} on {each.host}" for each in by_uuid.values())
        wanted = _wanted(ours[0], context)
        yield f"the MAC address {address} is used twice: by {told}", str(wanted.location) if wanted else ""


def _allowed(found: Found, context: Context) -> bool:
    wanted = _wanted(found, context)
    pool = context.wanted.mac_pools.get(wanted.mac_pool) if wanted is not None else None
    return pool is not None and pool.duplicates


def _wanted(found: Found, context: Context) -> WantedVm | None:
    mark = context.observed.owned_mark(found.vm.uuid, found.vm.mark)
    return context.wanted.vms.get(Ref.parse(mark.ref).name) if mark is not None else None


def _who(found: Found, context: Context) -> str:
    if context.observed.owned_mark(found.vm.uuid, found.vm.mark) is not None and found.vm.mark is not None:
        return found.vm.mark.ref
    return f"the VM {found.vm.name}, which is not gitvirt's,"
