"""Whether a VM that is off here may be running on a host that was not read: then nothing is done to it here.

Its definition may be what a move left behind: the host died, or its libvirtd was restarted, after the VM was handed
over and before it was undefined; or `virsh migrate` was told to leave it. libvirt remembers that it left only until its
daemon restarts. That its disks are local proves nothing, since moves take local disks along.

Pure. Called by diff/compare.py for what is to be changed or started, and by place/moving/preflight.py for moves.
"""

from __future__ import annotations

from drivers.seen import Power, SeenVm
from reconciler.diff.change import Held, HeldReason
from reconciler.diff.context import Context
from reconciler.diff.power import moved_away

_ENDED_HERE = frozenset({"shutdown", "crashed", "saved"})
"""Reasons of a VM that ran here last, and ended here (`crashed`: its QEMU died). Not among them: `unknown`, all that
libvirt knows after a restart; `migrated`; `daemon` (it gave up on a QEMU, maybe in the midst of a migration); `failed`,
a start that did not come about, maybe since the image is in use on another host; and `destroyed`, since that is what is
done to the copy that is not the real one."""


def may_run_elsewhere(vm: SeenVm, context: Context) -> Held | None:
    """Why a VM of ours that is off must be left alone for now; None if it runs, ended here, or all hosts were read."""
    if vm.running or not context.observed.unseen or vm.power is Power.SUSPENDED or vm.reason in _ENDED_HERE:
        return None
    told = "libvirt moved it to another host" if moved_away(vm) else "it is off, and nothing tells that it ended here"
    text = f"{told}: {who_may_hold_it(context)}"
    fix = f"bring the host back; if it is off there, `gitvirt start {vm.name} --force`"
    return Held(reason=HeldReason.HOST_UNSEEN, text=text, fix=fix)


def who_may_hold_it(context: Context) -> str:
    """`kvm2 may hold it (no route to host)`, for the first few hosts that were not read."""
    unseen = context.observed.unseen
    told = "; ".join(f"{name} may hold it ({each.reason})" for name, each in list(unseen.items())[:3])
    return told + (f"; and {len(unseen) - 3} more hosts" if len(unseen) > 3 else "")
