"""Asks the hosts of a plan's steps whether they would take the definitions that bear `xml:` patches.

Called by reconciler/cycle.py between two plans: nobody but libvirt knows what may stand in a patch, and the plan
shall tell before anything is changed. Changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers.base import Host
from drivers.errors import DriverError
from reconciler.observe.atonce import at_once
from reconciler.plan.plan import DefineVm, EditVm, Step


def refusals(steps: Iterable[Step], hosts: Mapping[str, Host]) -> dict[str, str]:
    """Ref → why its host refuses the definition; nothing of those that are taken or that could not be asked."""
    asked = {each.id: each for each in steps if _patched(each) and each.host in hosts}
    answers = at_once(lambda name: _ask(asked[name], hosts), asked)
    return {str(asked[name].ref): why for name, why in answers.items() if why}


def _patched(step: Step) -> bool:
    match step.call:
        case DefineVm(vm=vm):
            return bool(vm.xml)
        case EditVm(edit=edit):
            return bool(edit.xml)
    return False


def _ask(step: Step, hosts: Mapping[str, Host]) -> str:
    vms = hosts[step.host].vms
    try:
        match step.call:
            case DefineVm(vm=vm):
                return vms.check(vm)
            case EditVm(edit=edit):
                return vms.check(edit)
    except DriverError:
        pass  # the step itself will meet it, and tell
    return ""
