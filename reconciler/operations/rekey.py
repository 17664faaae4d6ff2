"""Rotating our key: the marks of all VMs get their digests under the new one, and nothing else is touched.

Only what is known can be hidden anew: the secrets that are declared, and those that the hosts report. A digest that
fits none of them belongs to a secret that has been changed meanwhile, and differs under any key.

`plan` is pure. Whoever is killed on the way begins again: the former key is known until all marks are rewritten, so
until then the plan of a pass is the same as before. Called by `gitvirt rotate-key`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

from drivers.mark import Mark
from drivers.seen import SeenVm
from reconciler.desired.wanted import WantedVm
from reconciler.diff.context import Context
from reconciler.plan.plan import MarkVm, Plan, Step
from specs.effects import Effect
from specs.fields import Secret
from specs.resource import Ref
from specs.structs import replace


def plan(context: Context) -> Plan:
    """A step for each mark with a digest under a former key."""
    steps = [
        step
        for ref, owned in sorted(context.observed.owned.items())
        for each in owned
        if (step := _step(ref, each.host, each.vm, context)) is not None
    ]
    wanted = context.wanted
    return Plan(
        repository=wanted.repository,
        name=wanted.name,
        revision=wanted.revision,
        taken=context.observed.taken,
        steps=tuple(steps),
        hosts_seen=len(context.observed.seen),
        hosts_declared=len(wanted.hosts),
    )


def _step(ref: Ref, host: str, vm: SeenVm, context: Context) -> Step | None:
    if vm.mark is None:
        return None
    mark = _rekeyed(vm.mark, vm, context.wanted.vms.get(ref.name), context)
    if mark == vm.mark:
        return None
    mark = replace(mark, generation=vm.mark.generation + 1)
    call = MarkVm(uuid=vm.uuid, expects=vm.mark.generation, mark=mark)
    found = hashlib.sha256(f"{host}|{ref}|rekey".encode()).hexdigest()[:12]
    return Step(id=found, ref=ref, host=host, what="renew its mark", call=call, effect=Effect.NONE)


def _rekeyed(mark: Mark, vm: SeenVm, wanted: WantedVm | None, context: Context) -> Mark:
    anew = {former: context.digest(secret) for secret in _secrets(vm, wanted) for former in context.former(secret)}

    def renewed(values: Mapping[str, Any]) -> dict[str, Any]:
        return {path: anew.get(value, value) if isinstance(value, str) else value for path, value in values.items()}

    return replace(mark, declared=renewed(mark.declared), creation=renewed(mark.creation))


def _secrets(vm: SeenVm, wanted: WantedVm | None) -> Iterator[Secret]:
    """Every secret that the mark may speak of."""
    declared = [wanted.fields, wanted.creation] if wanted is not None else []
    for values in (vm.config, vm.live or {}, *declared):
        yield from (value for value in values.values() if isinstance(value, Secret))
