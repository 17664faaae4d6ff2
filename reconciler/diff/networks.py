"""Diff of networks, per host: defined, started, alike everywhere; changed live where libvirt can.

Pure. Called by diff/compare.py. Networks bear our mark in their metadata. What cannot be changed in a running
network needs its restart, which cuts the NICs of running VMs off: planned only where no VM runs on it, else held
with the VMs named.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.seen import SeenHost, SeenNetwork
from reconciler.desired.wanted import Drift, WantedNetwork
from reconciler.diff.change import Change, FieldChange, HeldReason, Verb
from reconciler.diff.context import Context
from reconciler.diff.leases import leases, with_leases
from reconciler.diff.threeway import Sides, released, scalars
from reconciler.place.hosts import bridges
from specs.effects import Effect
from specs.fields import Fields, entries
from specs.resource import Ref
from specs.structs import replace


def compare(context: Context) -> list[Change]:
    """One change per network and host where something differs."""
    found = []
    leased = leases(context)
    for declared in context.wanted.networks.values():
        wanted = with_leases(declared, leased)
        for name in wanted.hosts:
            host = context.observed.seen.get(name)
            change = _on_host(wanted, host, context) if host else None
            if change is not None:
                found.append(change)
    return found + list(_undeclared(context))


def wanted_on(name: str, host: str, context: Context) -> Fields:
    """What the network's definition on a host shall be, with the leases of VMs."""
    wanted = with_leases(context.wanted.networks[name], leases(context))
    seen = context.observed.seen.get(host)
    return bridges.defined_on(wanted, seen) if seen is not None else wanted.fields_on(host)


def users(host: SeenHost, network: str) -> list[str]:
    """The names of the host's running VMs with a NIC on that network."""
    return sorted(
        vm.name
        for vm in host.vms
        if vm.live is not None and any(nic.get("network") == network for nic in entries(vm.live, "nics").values())
    )


def _on_host(wanted: WantedNetwork, host: SeenHost, context: Context) -> Change | None:
    change = Change(ref=wanted.ref, verb=Verb.CREATE, host=host.name, where=wanted.location)
    network = context.observed.network(host.name, wanted.name)
    if wanted.external:
        return _external(network, change)
    if why := bridges.lacking(wanted, host):
        return change.keep_back(HeldReason.NETWORK, why, bridges.advice(wanted, host))
    if network is None:
        return replace(change, reason=_relies(wanted, host))
    mark = context.observed.owned_mark(network.uuid, network.mark)
    if mark is None:
        return change.keep_back(
            HeldReason.NAME_TAKEN, f"{host.name} has a network of this name that gitvirt does not own",
            "declare it external: true, or rename one of them",
        )  # fmt: skip
    differences = _differences(wanted, host, network, context)
    if differences is None or context.descends(mark.revision):
        return differences
    return differences.keep_back(
        HeldReason.BEHIND, f"last changed at revision {mark.revision[:12]}, which ours does not descend from",
        "pull first, or use --force-revision",
    )  # fmt: skip


def _external(network: SeenNetwork | None, change: Change) -> Change | None:
    if network is not None and network.active:
        return None
    what = "is not active" if network else "does not exist"
    return change.keep_back(HeldReason.EXTERNAL_MISSING, f"the external network {what} on {change.host}")


def _differences(wanted: WantedNetwork, host: SeenHost, network: SeenNetwork, context: Context) -> Change | None:
    assert network.mark is not None
    asked = wanted.fields_on(host.name)
    carried = {"vlan": wanted.vlan} if bridges.relied(wanted, host) else {}
    sides = Sides(
        kind="Network",
        ref=wanted.ref,
        wanted=asked,
        declared=network.mark.declared,
        config={**network.config, **carried},
        live={**network.live, **carried} if network.live is not None else None,
        drift=wanted.drift,
        origin=wanted.origin,
    )
    gone = _gone(sides)
    fields = scalars(sides, context) + gone + released(sides, frozenset(each.path for each in gone))
    fields = _with_subnet([_disruptive(each, host, wanted, context) for each in fields])
    fields = [_noted(each, wanted, host) for each in fields]
    if not network.active:
        fields.append(_switch("active", wanted.drift))
    if not network.autostart:
        fields.append(_switch("autostart", wanted.drift))
    if not fields:
        return None
    return Change(ref=wanted.ref, verb=Verb.UPDATE, host=host.name, fields=tuple(fields), where=wanted.location)


def _relies(wanted: WantedNetwork, host: SeenHost) -> str:
    """Who carries the VLAN where libvirt does not tag: said whenever it is planned, never silently untagged."""
    name = bridges.relied(wanted, host)
    return f"relies on {name} to carry VLAN {wanted.vlan}" if name else ""


def _noted(change: FieldChange, wanted: WantedNetwork, host: SeenHost) -> FieldChange:
    told = _relies(wanted, host) if change.path in ("vlan", "bridge", "type") else ""
    return replace(change, note="; ".join(filter(None, (change.note, told)))) if told else change


def _gone(sides: Sides) -> list[FieldChange]:
    """Static leases and DNS entries that we declared before and do not now: removed, not released."""
    found = []
    for name in ("hosts", "dns"):
        declared = {path.partition("]")[0] + "]" for path in sides.declared if path.startswith(name + "[")}
        kept = {path.partition("]")[0] + "]" for path in sides.wanted if path.startswith(name + "[")}
        seen = {path.partition("]")[0] + "]" for path in sides.config if path.startswith(name + "[")}
        for path in sorted((declared - kept) & seen):
            key = path.partition("[")[2].rstrip("]")
            before = entries(sides.config, name)[key]
            found.append(
                FieldChange(
                    path=path, before=before, after=None, effect=Effect.LIVE, config=True, live=sides.live is not None
                )
            )
    return found


def _disruptive(change: FieldChange, host: SeenHost, wanted: WantedNetwork, context: Context) -> FieldChange:
    """A change that needs the network's restart: free where nobody runs on it, else named and held until allowed."""
    if change.effect in (Effect.LIVE, Effect.HOTPLUG, Effect.NONE) or change.held:
        return change
    running = users(host, wanted.name)
    if not running:
        return replace(change, note="restarts the network; no VM runs on it", config=True)
    if str(wanted.ref) in context.allowed.refs:
        return replace(change, note=f"restarts the network, which cuts off {', '.join(running)}", config=True)
    return change.keep_back(
        HeldReason.IN_USE, f"needs a restart of the network, which cuts off {', '.join(running)}",
        f"stop them first, or `gitvirt apply --allow {wanted.ref}`",
    )  # fmt: skip


_IN_SUBNET = ("dhcp.", "hosts[")


def _with_subnet(fields: list[FieldChange]) -> list[FieldChange]:
    """Addresses wait for their subnet: libvirt takes the old range away before it refuses the new one."""
    held = next((each.held for each in fields if each.path == "subnet" and each.held), None)
    if held is None:
        return fields
    return [
        each.keep_back(held.reason, f"comes with the subnet, which {held.text}", held.fix)
        if each.path.startswith(_IN_SUBNET) and not each.held
        else each
        for each in fields
    ]


def _switch(path: str, drift: Drift) -> FieldChange:
    change = FieldChange(path=path, before=False, after=True, effect=Effect.LIVE, kind="drift", config=True)
    mode = drift.mode(path)
    return change if mode == "enforce" else change.keep_back(HeldReason.DRIFT, f"was switched off (drift: {mode})")


def _undeclared(context: Context) -> Iterator[Change]:
    declared = {(host, each.name) for each in context.wanted.networks.values() for host in each.hosts}
    for host in context.observed.seen.values():
        for network in host.networks:
            mark = context.observed.owned_mark(network.uuid, network.mark)
            if mark is None or (host.name, network.name) in declared:
                continue
            yield _deletion(Ref.parse(mark.ref), host, network, context)


def _deletion(ref: Ref, host: SeenHost, network: SeenNetwork, context: Context) -> Change:
    wanted = context.wanted.hosts.get(host.name)
    reason, fix = "no longer declared", "move their NICs first"
    if wanted is not None and wanted.leaving:
        reason, fix = f"{host.name} leaves the repository", "it goes once they have left the host"
    change = Change(ref=ref, verb=Verb.DELETE, host=host.name, reason=reason)
    users_of_it = sorted(
        vm.name
        for vm in host.vms
        for fields in (vm.config, vm.live or {})
        if any(nic.get("network") == network.name for nic in entries(fields, "nics").values())
    )
    if users_of_it:
        return change.keep_back(HeldReason.IN_USE, f"used by {', '.join(dict.fromkeys(users_of_it))}", fix)
    if context.observed.unseen:
        return change.keep_back(HeldReason.PARTIAL_VIEW, "nothing is deleted while hosts are unseen")
    if network.mark is not None and not context.descends(network.mark.revision):
        return change.keep_back(HeldReason.BEHIND, f"last changed at revision {network.mark.revision[:12]}")
    return change
