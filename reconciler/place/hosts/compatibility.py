"""Compatibility: whether a VM of one host can live on another, as far as facts about both can tell.

Pure. Called by moving/preflight.py for moves, with the fields that the VM has (live ones of a VM that runs). A fact
that a host does not tell speaks against nothing: libvirt looks again when a move begins, and has the last word.
A check is a function (`Move`) → why not, "" if nothing; adding one is one function and one line in CHECKS.
"""

from __future__ import annotations

from collections.abc import Callable

from drivers.seen import SeenHost
from reconciler.place.hosts import gates
from reconciler.place.hosts.gates import version
from specs.compound import switches
from specs.fields import Fields, entries
from specs.structs import Struct

_SAME = ("host-passthrough", "maximum")
"""Modes in which a guest sees what one machine has: only its like can go on with it."""


class Move(Struct, frozen=True, kw_only=True):
    """A VM's fields, the host that it is on, the host that it would go to; `running`: without stopping."""

    fields: Fields
    source: SeenHost
    target: SeenHost
    running: bool = True


def why_not(fields: Fields, source: SeenHost, target: SeenHost, running: bool = True) -> str:
    """Why the VM cannot go from one host to the other, "" if nothing is known to speak against it."""
    move = Move(fields=fields, source=source, target=target, running=running)
    return next((why for check in CHECKS if (why := check(move))), "")


def architecture(move: Move) -> str:
    """The guest's architecture is the target's own."""
    own = move.target.capabilities.arch
    arch = str(move.fields.get("arch") or move.source.capabilities.arch)
    return "" if arch == own or not own else f"{move.target.name} is {own}, the VM {arch}"


def versions(move: Move) -> str:
    """A running VM goes to an equal or newer libvirt and QEMU: neither promises the way back."""
    if not move.running:
        return ""
    source, target = move.source, move.target
    pairs = (("libvirt", source.libvirt, target.libvirt), ("QEMU", source.hypervisor, target.hypervisor))
    for program, ours, theirs in pairs:
        if theirs and ours and theirs < ours:
            return (
                f"{target.name} has {program} {version(theirs)}, {source.name} {version(ours)}: "
                "a running VM can only go to the same version or a newer one"
            )
    return ""


def emulation(move: Move) -> str:
    """Hardware virtualization is there if the VM has it."""
    if move.fields.get("emulation") == "kvm" and not move.target.capabilities.kvm:
        return f"{move.target.name} has no KVM"
    return ""


def abilities(move: Move) -> str:
    """Machine type, firmware, devices: what QEMU there offers, for what the source offers."""
    here = {path for path, _ in gates.lacking(move.fields, move.source)}
    return next((why for path, why in gates.lacking(move.fields, move.target) if path not in here), "")


def cpu(move: Move) -> str:
    """The guest's CPU can be had at the target as it is here."""
    model = str(move.fields.get("cpu.model") or "")
    if model in _SAME:
        return _same(model, move)
    if model == "host-model":
        return _host_model(move)
    return _named(model, move) if model else ""


def firmware(move: Move) -> str:
    """A running VM with UEFI finds the file of its firmware under the same path."""
    here, there = (host.capabilities.offers.get("loader.path", frozenset()) for host in (move.source, move.target))
    if move.fields.get("firmware") != "uefi" or not move.running or not here or not there:
        return ""
    own = str(move.fields.get("uefi.loader") or "")
    if own in here and own not in there:
        return f"{move.target.name} has no firmware {own}"
    return "" if own or here & there else f"{move.target.name} has none of the UEFI firmware of {move.source.name}"


def clock(move: Move) -> str:
    """A guest that was promised a steady time stamp counter finds one of the same frequency, as KVM sees it."""
    ours, theirs = move.source.tsc, move.target.tsc
    promised = switches(str(move.fields.get("cpu.features") or "")).get("invtsc") == "+"
    if not promised or not move.running or not ours or not theirs or abs(ours - theirs) * 4000 <= ours:
        return ""
    return (
        f"its CPU has invtsc, and the counter of {move.target.name} has {theirs} Hz, that of {move.source.name} {ours}"
    )


def host_devices(move: Move) -> str:
    """A device of the host stays where it is, and a VM that has one with it."""
    names = sorted(entries(move.fields, "hostDevices"))
    if not names:
        return ""
    named = ", ".join(f"hostDevices[{name}]" for name in names)
    return f"it has {'a device' if len(names) == 1 else 'devices'} of {move.source.name} ({named})"


CHECKS: tuple[Callable[[Move], str], ...] = (
    host_devices,
    architecture,
    versions,
    emulation,
    abilities,
    firmware,
    cpu,
    clock,
)


def _same(model: str, move: Move) -> str:
    source, target = move.source, move.target
    if not move.running:
        return ""
    if move.fields.get("emulation") == "kvm":
        ours, theirs = source.cpu_model, target.cpu_model
        if ours is None or theirs is None or ours == theirs:
            return ""
        return f"its CPU is {model}, and {target.name} has another CPU ({theirs.name}) than {source.name} ({ours.name})"
    if source.hypervisor == target.hypervisor:
        return ""
    return (
        f"its CPU is all that QEMU {version(source.hypervisor)} emulates ({model}), and {target.name} has QEMU "
        f"{version(target.hypervisor)}"
    )


def _host_model(move: Move) -> str:
    """What libvirt made of `host-model` when the VM started here has to be there."""
    ours, theirs, name = move.source.cpu_model, move.target.cpu_model, move.target.name
    if not move.running or ours is None or theirs is None or ours == theirs:
        return ""
    if ours.vendor and theirs.vendor and ours.vendor != theirs.vendor:
        return f"its CPU is that of {move.source.name} ({ours.vendor}), {name} has one of {theirs.vendor}"
    usable = _usable(move, move.target)
    if usable and ours.name not in usable:
        return f"its CPU is that of {move.source.name} ({ours.name}), which {name} cannot provide"
    gone = ours.requires & theirs.disables
    if ours.name == theirs.name:
        gone |= (ours.requires - theirs.requires) | (theirs.disables - ours.disables)
    return f"its CPU is that of {move.source.name}; {name} lacks {_few(gone)}" if gone else ""


def _named(model: str, move: Move) -> str:
    there, here = _usable(move, move.target), _usable(move, move.source)
    if there and model not in there and (not here or model in here):
        return f"{move.target.name} cannot provide its CPU, {model}"
    wanted = {name for name, sign in switches(str(move.fields.get("cpu.features") or "")).items() if sign == "+"}
    ours, theirs = move.source.cpu_model, move.target.cpu_model
    if theirs is None:
        return ""
    gone = wanted & (theirs.disables - (ours.disables if ours else frozenset()))
    return f"{move.target.name} cannot provide {_few(gone)} of its CPU" if gone else ""


def _usable(move: Move, host: SeenHost) -> frozenset[str]:
    """The CPU models that run there with the VM's emulation; empty where the host does not tell."""
    return usable(host, str(move.fields.get("emulation") or ""))


def usable(host: SeenHost, emulation: str) -> frozenset[str]:
    """The CPU models that run on a host with that emulation ("": any); empty where the host does not tell."""
    able = host.capabilities
    return able.offers.get(f"cpu.{emulation}") or able.cpu_models


def _few(names: frozenset[str] | set[str], most: int = 5) -> str:
    listed = sorted(names)
    return ", ".join(listed[:most]) + (f" and {len(listed) - most} more" if len(listed) > most else "")
