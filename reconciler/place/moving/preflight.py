"""Preflight: what is known beforehand to stop a move, so that it is held with the reason and not tried.

Pure. Called by moving/moves.py, so by every plan and by `gitvirt migrate`. What no host could change (`stuck`) is told
apart from what speaks against one target (`against`); whether a host has room is placement's business. libvirt looks
again when it begins, and has the last word. A further reason is one function and one line in STUCK or AGAINST.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.seen import Power, SeenVm
from reconciler.diff.change import Held, HeldReason
from reconciler.diff.context import Context
from reconciler.diff.elsewhere import may_run_elsewhere
from reconciler.diff.holding import hold_on
from reconciler.diff.power import moved_away
from reconciler.place.hosts import compatibility
from reconciler.place.moving.reach import reach
from reconciler.place.moving.wish import Home
from specs.attachment import is_network
from specs.fields import Fields, entries

_FOREIGN = {
    "<shmem": "shared memory (`xml:` adds <shmem>)",
    "<filesystem": "a folder of its host (`xml:` adds <filesystem>)",
    "<hostdev": "a device of its host (`xml:` adds <hostdev>)",
}
"""What an `xml:` patch may add that keeps a running VM where it is."""


def stuck(home: Home, context: Context) -> Held | None:
    """Why this VM cannot leave its host now, wherever it would go."""
    return next((held for each in STUCK if (held := each(home, context))), None)


def against(home: Home, target: str, context: Context) -> str:
    """Why this VM cannot go to that host, "" if nothing is known to speak against it."""
    if target not in context.observed.seen:
        return "not reachable"
    return next((why for each in AGAINST if (why := each(home, target, context))), "")


def _cannot(text: str, fix: str = "") -> Held:
    return Held(reason=HeldReason.CANNOT_MOVE, text=text, fix=fix)


def _transient(home: Home, context: Context) -> Held | None:
    if home.found.vm.persistent:
        return None
    text = "the domain is transient: libvirt forgets it when it stops"
    return Held(reason=HeldReason.TRANSIENT, text=text)


def _behind(home: Home, context: Context) -> Held | None:
    if context.descends(home.mark.revision):
        return None
    text = f"last changed at revision {home.mark.revision[:12]}, which ours does not descend from"
    return Held(reason=HeldReason.BEHIND, text=text, fix="pull first, or use --force-revision")


def _on_hold(home: Home, context: Context) -> Held | None:
    held = hold_on(home.wanted.ref, home.host, context)
    if held is None:
        return None
    name, override = held
    text = f"{name} is held by {override.author or 'an operator'}"
    return Held(reason=HeldReason.ON_HOLD, text=text, fix=f"`gitvirt unhold {name}`")


def _in_flight(home: Home, context: Context) -> Held | None:
    if not home.found.vm.migrating:
        return None
    return Held(reason=HeldReason.IN_FLIGHT, text="it is on its way already", fix="wait until it has arrived")


def _never(home: Home, context: Context) -> Held | None:
    if home.wanted.migration.mode != "never" or not home.found.vm.running:
        return None
    return _cannot("its YAML says migration: never", "stop it, or allow it to migrate")


def _snapshots(home: Home, context: Context) -> Held | None:
    if not home.found.vm.snapshots:
        return None
    return _cannot("it has snapshots, which libvirt does not take along", "delete its snapshots")


def _suspended(home: Home, context: Context) -> Held | None:
    if home.found.vm.power is not Power.SUSPENDED:
        return None
    text = f"its memory is saved on {home.host}, and is not taken along"
    return Held(reason=HeldReason.SAVED_STATE, text=text, fix="start it; then it can migrate")


def _elsewhere(home: Home, context: Context) -> Held | None:
    return may_run_elsewhere(home.found.vm, context)


def _troubled(home: Home, context: Context) -> Held | None:
    vm = home.found.vm
    if moved_away(vm):
        text = "libvirt moved it to another host, and no host that was read has it"
        return Held(reason=HeldReason.HOST_UNSEEN, text=text, fix="find it; it may run there")
    if vm.power is Power.STOPPING:
        return _cannot("it is shutting down", "the next pass sees how it ended")
    if vm.power is Power.PAUSED and vm.reason not in ("user", "", "migration"):
        text = f"the hypervisor paused it ({vm.reason})"
        return Held(reason=HeldReason.PAUSED, text=text, fix="repair the cause, then `gitvirt resume`")
    return None


def _devices(home: Home, context: Context) -> Held | None:
    """Devices of the host, and what patches add, bind a running VM; one that is off takes them where they exist."""
    vm = home.found.vm
    if vm.live is None:
        return None
    if given := entries(vm.live, "hostDevices"):
        return _cannot(f"host device {', '.join(given)} is of {home.host}", "take it away, or stop the VM")
    patches = str(home.mark.declared.get("xml", ""))
    what = next((words for element, words in _FOREIGN.items() if element in patches), "")
    return _cannot(f"it has {what}", "take it away, or stop the VM") if what else None


def _once(home: Home, context: Context) -> Held | None:
    """A run with other settings: what it has is not what its definition says."""
    if not home.found.vm.once:
        return None
    return _cannot("it runs once with other settings, which would be lost", "wait for the end of this run")


def _tpm(home: Home, context: Context) -> Held | None:
    """The state of an emulated TPM is a file of its host; only a running VM takes it along."""
    vm = home.found.vm
    if vm.running or not vm.config.get("tpm.enabled"):
        return None
    return _cannot(f"the state of its TPM is on {home.host}, and only a running VM takes it along", "start it first")


STUCK: tuple[Callable[[Home, Context], Held | None], ...] = (
    _transient,
    _behind,
    _on_hold,
    _in_flight,
    _never,
    _suspended,
    _snapshots,
    _troubled,
    _elsewhere,
    _devices,
    _once,
    _tpm,
)


def _defined_there(home: Home, target: str, context: Context) -> str:
    """A VM of its uuid or name on the target: libvirt would refuse, or take one for the other."""
    vm = home.found.vm
    for each in (*context.observed.by_uuid.get(vm.uuid, ()), *context.observed.by_name.get(vm.name, ())):
        if each.host == target:
            return f"it has a VM of that {'uuid' if each.vm.uuid == vm.uuid else 'name'} already"
    return ""


def _compatible(home: Home, target: str, context: Context) -> str:
    """Machine type, CPU and versions: for a running VM as it runs, else as it is defined."""
    vm, seen = home.found.vm, context.observed.seen
    return compatibility.why_not(_now(vm), seen[home.host], seen[target], running=vm.running)


def _networks(home: Home, target: str, context: Context) -> str:
    """What its NICs are plugged into now; what the YAML says of them is placement's business."""
    seen = context.observed.seen[target]
    for nic in entries(_now(home.found.vm), "nics").values():
        name = str(nic.get("network") or "")
        bridge = name.removeprefix("bridge:") if name.startswith("bridge:") else ""
        if bridge and seen.capabilities.bridges is not None and bridge not in seen.capabilities.bridges:
            return f"it has no bridge {bridge}"
        declared = context.wanted.networks.get(name)
        if is_network(name) and (declared is None or target not in declared.hosts):
            network = context.observed.network(target, name)
            if network is None or not network.active:
                return f"network {name} is not {'active' if network else 'defined'} there"
    return ""


def _storage(home: Home, target: str, context: Context) -> str:
    return reach(home, target, context).why


AGAINST: tuple[Callable[[Home, str, Context], str], ...] = (_defined_there, _compatible, _networks, _storage)


def _now(vm: SeenVm) -> Fields:
    return vm.live or vm.config
