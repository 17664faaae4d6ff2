"""Maintenance of a host: what would happen, on, the drain, off.

In: a campaign. Out: lines and a verdict. The override in the state directory is what counts; the moves follow from it
in every pass, here or in the daemon (moving/movers/drain.py). Called by `gitvirt maintenance`, and by the
rolling upgrade of a cluster.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.mark import Override
from drivers.seen import SeenVm
from reconciler.cycle import Pass
from reconciler.diff.change import Change
from reconciler.diff.context import Context
from reconciler.diff.holding import owned
from reconciler.diff.power import OUTAGE
from reconciler.observe.observed import Found
from reconciler.operations.campaign import Campaign, Settled, narrowed, with_override
from reconciler.operations.scene import By, Declined
from reconciler.place.headroom.spare import Spare, spare
from reconciler.place.hosts.hoststate import MAINTENANCE, UPGRADE, by_hand, state
from reconciler.place.moving.wish import homes
from reconciler.plan.plan import MigrateVm
from specs.resource import Ref
from specs.structs import Struct

USUAL = 112 << 20
"""Bytes in a second that a migration is taken to have where no bandwidth is declared: a network of 1 Gbit/s."""
_NOT_DECLARED = "not declared here"


class Leaving(Struct, frozen=True, kw_only=True):
    """What becomes of one VM: `how` is migrates, moves (it is off), stops or stays. `seconds`: a guess, 0 for none."""

    vm: str
    how: str
    target: str = ""
    seconds: int = 0
    memory: int = 0
    why: str = ""


class Outlook(Struct, frozen=True, kw_only=True):
    """What maintenance of a host would bring: its VMs, the time all migrations take, and what is left to lose.

    `foreign`: running VMs that stay since they are not ours, or not declared any more.
    """

    leaving: tuple[Leaving, ...]
    seconds: int
    spare: Spare
    foreign: tuple[str, ...] = ()


def asked(by: By) -> Override:
    """The override that maintenance by hand is."""
    return by.override(MAINTENANCE, "on", "false")


def outlook(host: str, looked: Pass, by: By) -> Outlook:
    """What would happen; nothing is changed."""
    context = with_override(looked.context, f"host/{host}", asked(by))
    plan = narrowed(Pass(context=context, plan=looked.plan, hosts=looked.hosts), residents(host, context)).plan
    rates = {str(step.ref): _rate(step.call) for step in plan.steps if isinstance(step.call, MigrateVm)}
    leaving = tuple(_leaving(change, rates, context) for change in plan.changes if _tells(change, host))
    together = sum(each.seconds / rates.get(f"vm/{each.vm}", (0, 1))[1] for each in leaving)
    together = max(together, *(float(each.seconds) for each in leaving), 0.0)
    targets = {each.vm: each.target for each in leaving if each.target}
    return Outlook(
        leaving=leaving,
        seconds=round(together),
        spare=spare(host, targets, context),
        foreign=tuple(_foreign(host, context)),
    )


def _rate(call: MigrateVm) -> tuple[int, int]:
    """Bytes in a second of one migration, and how many may run at once."""
    at_once = max(call.concurrent, 1)
    return call.migration.bandwidth << 20 or USUAL // at_once, at_once


def _tells(change: Change, host: str) -> bool:
    told = any(each.path in ("host", "state") for each in change.fields)
    return change.ref.kind == "VirtualMachine" and change.host == host and (told or change.held is not None)


def _leaving(change: Change, rates: dict[str, tuple[int, int]], context: Context) -> Leaving:
    fields = {each.path: each for each in change.fields}
    move, power = fields.get("host"), fields.get("state")
    held = change.held or next((each.held for each in (move, power) if each and each.held), None)
    name = change.ref.name
    if held is not None:
        return Leaving(vm=name, how="stays", why=held.text)
    if power is not None and power.acts and power.after == "stopped":
        return Leaving(vm=name, how="stops", why=power.note)
    target = str(move.after) if move and move.after else ""
    vm = context.observed.owned[change.ref][0].vm
    if not vm.running:
        return Leaving(vm=name, how="moves", target=target, why="it is off")
    size = (vm.live or {}).get("memory")
    memory = size if isinstance(size, int) else 0
    seconds = max(1, round(memory / rates.get(str(change.ref), (USUAL, 1))[0]))
    return Leaving(
        vm=name, how="migrates", target=target, memory=memory, seconds=seconds, why=move.note if move else ""
    )


def _foreign(host: str, context: Context) -> Iterator[str]:
    return (vm.name if why == _NOT_DECLARED else f"{vm.name} ({why})" for vm, why in strangers(host, context))


def strangers(host: str, context: Context) -> Iterator[tuple[SeenVm, str]]:
    """The running VMs of a host that no deed of a cluster or a host is about, and why."""
    seen = context.observed.seen.get(host)
    known = {home.found.vm.uuid for home in homes(context) if home.host == host}
    declared = {str(each.ref) for each in context.wanted.vms.values()}
    for vm in seen.vms if seen else ():
        if vm.running and vm.uuid not in known:
            mark = context.observed.owned_mark(vm.uuid, vm.mark)
            if mark is None:
                yield vm, _NOT_DECLARED
            else:
                yield vm, "on several hosts" if mark.ref in declared else "no longer declared"


def residents(host: str, context: Context) -> list[str]:
    """Our declared VMs that are on a host, also with one copy of those that an interrupted move left on two."""
    wanted, arriving = context.wanted.vms, context.observed.arriving
    there = {name: (*owned(vm.ref, context), *arriving.get(vm.ref, ())) for name, vm in sorted(wanted.items())}
    return [name for name, found in there.items() if any(each.host == host and _kept(each) for each in found)]


def _kept(found: Found) -> bool:
    return found.vm.mark is None or not found.vm.mark.trashed


def begin(host: str, campaign: Campaign) -> None:
    """From now on the host is asked to be empty."""
    campaign.overrides.put(f"host/{host}", asked(campaign.by))


def drain(host: str, campaign: Campaign) -> Settled:
    """Passes until no VM is on the host and what was stopped for it runs elsewhere, or no more can be done.

    The host is in maintenance before that: as soon as nothing runs there.
    """
    return campaign.passes(lambda context: concerned(host, context))


def concerned(host: str, context: Context) -> list[str]:
    """The VMs that are on the host, and those that ran there before they were stopped."""
    return list(dict.fromkeys([*residents(host, context), *sleeping(host, context)]))


def sleeping(host: str, context: Context) -> list[str]:
    """The VMs that were stopped on a host for an outage, and are not back."""
    found = ((home.wanted.name, home.mark.override(OUTAGE)) for home in homes(context))
    return [name for name, override in found if override is not None and override.value == host]


def end(host: str, campaign: Campaign, context: Context) -> str:
    """The host may be used again, unless Git says otherwise: then Declined. Returns what was done; again: nothing."""
    wanted = context.wanted.hosts[host]
    if cluster := _upgraded_with(host, context):
        raise Declined(f"is being upgraded; `gitvirt cluster upgrade {cluster} --abort` ends that")
    dropped = campaign.overrides.drop(f"host/{host}", MAINTENANCE)
    if wanted.maintenance:
        also = "what was asked for by hand is taken back, but " if dropped else ""
        raise Declined(
            f"{also}Git says `maintenance: true` ({wanted.location}), which counts whatever is done by hand; "
            "take it away there, and commit"
        )
    return "is used again" if dropped else f"is not in maintenance; it is {state(host, context)}"


def _upgraded_with(host: str, context: Context) -> str:
    """The cluster whose upgrade keeps a host in maintenance, "" if none does."""
    asked = by_hand(Ref("Host", host), MAINTENANCE, context)
    if asked is None or asked.value != UPGRADE:
        return ""
    found = ((name, by_hand(Ref("Cluster", name), UPGRADE, context)) for name in context.wanted.clusters)
    return next((name for name, each in found if each is not None and each.field == host), "")


def wake(host: str, campaign: Campaign) -> Settled:
    """Starts what was stopped for the maintenance and waits still."""
    return campaign.passes(lambda context: sleeping(host, context))
