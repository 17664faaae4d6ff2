"""A VM in a run with other settings (`gitvirt start --once`): what of the running machine counts as declared.

Pure. What it has for this run only is neither drift nor waiting for anything: it is over with the run. So the diff sees
the definition's value there, and a change of it in Git goes into the definition alone. Called by diff/vms.py.
"""

from __future__ import annotations

from drivers.seen import SeenVm
from reconciler.diff.change import FieldChange
from specs.effects import Effect
from specs.fields import Fields
from specs.structs import replace


def live(vm: SeenVm) -> Fields | None:
    """The running machine's fields, but for those of this run only: these as they will be after it."""
    if vm.live is None or not vm.once:
        return vm.live
    kept = {path: value for path, value in vm.live.items() if path not in vm.once}
    return kept | {path: vm.config[path] for path in vm.once if path in vm.config}


def after_it(change: FieldChange, vm: SeenVm) -> FieldChange:
    """The change of a field that the VM has for this run only: for the next one."""
    if change.path not in vm.once or not vm.running or change.held or not change.config:
        return change
    return replace(change, live=False, effect=Effect.RESTART, note="after this run, which was started with --once")
