"""VMs as objects. Pure.

`status` holds what runs where it runs, else what the next boot would get: `cpu`, `memory` (bytes), devices; and what is
due: `pending` (the plan's changes), `held`, `overrides`. `once` are the fields of a run with other settings.
"""

from __future__ import annotations

from typing import Any

from drivers.mark import Mark
from drivers.seen import SeenVm
from reconciler.diff.power import active
from reconciler.status import conditions
from reconciler.status.situation import Machine, Situation
from reconciler.status.values import held, overrides, pending, scalar, sparse
from specs.fields import Fields, entries, entry
from specs.render import spec_data


def vm(machine: Machine, situation: Situation) -> dict[str, Any]:
    """One VM: declared, ours, or (without `spec` and conditions) somebody else's."""
    seen, mark = machine.vm, machine.mark
    ours = machine.resource is not None or mark is not None
    changes = situation.changes.get(machine.ref, ()) if ours else ()
    found = sparse(
        state=state(machine, situation),
        reason=seen.reason if seen else "",
        host=machine.host,
        migration=_migration(machine, situation),
        owner=owner(machine, situation),
        conditions=[each.data() for each in conditions.of_vm(machine, situation)] if ours else [],
        **(_observed(seen, mark, machine.host, situation) if seen else {}),
        once=sorted(seen.once) if seen else [],
        pending=pending(changes),
        held=held(changes),
        overrides=overrides(each for each in mark.overrides if active(each, situation.context.now)) if mark else [],
        revision=mark.revision if mark else "",
    )
    if seen and seen.uuid in situation.addresses:
        told = situation.addresses[seen.uuid]
        found["addresses"] = [str(each) for each in told]
        for nic in found.get("nics", ()):
            if own := [str(each) for each in told if each.mac and each.mac == nic.get("mac")]:
                nic["addresses"] = own
    return {"metadata": _metadata(machine), "spec": spec_data(machine.resource) if machine.resource else {}} | {
        "status": found
    }


def _migration(machine: Machine, situation: Situation) -> dict[str, Any]:
    """Where it is on its way to, as far as that is known."""
    flight = situation.context.flight(machine.vm.uuid) if machine.vm else None
    if flight is None:
        return {}
    percent = flight.percent.strip(" ,%")
    return {**{"from": flight.source, "to": flight.target}, **({"percent": int(percent)} if percent else {})}


def _metadata(machine: Machine) -> dict[str, Any]:
    labels = dict(machine.resource.metadata.labels) if machine.resource else {}
    found = sparse(
        name=machine.ref.name,
        labels=labels,
        uid=machine.vm.uuid if machine.vm else machine.wanted.uuid if machine.wanted else "",
    )
    return found | ({"generation": machine.mark.generation} if machine.mark else {})


def state(machine: Machine, situation: Situation) -> str:
    """Its power; `trashed`; `absent` if every host was read and none has it; else `unknown`, never `absent`."""
    if machine.mark and machine.mark.trashed:
        return "trashed"
    if machine.vm:
        return str(machine.vm.power)
    return "unknown" if situation.context.observed.unseen else "absent"


def owner(machine: Machine, situation: Situation) -> str:
    """Whose it is, where it is not simply ours."""
    seen = machine.vm
    if seen is None or machine.mark is not None:
        return ""
    if seen.mark_damaged:
        return "damaged mark"
    if seen.mark is None:
        return "unmarked"
    return f"clone of {seen.mark.ref}" if seen.mark.uuid != seen.uuid else f"repository {seen.mark.repository}"


def _observed(seen: SeenVm, mark: Mark | None, host: str, situation: Situation) -> dict[str, Any]:
    fields = seen.live if seen.live is not None else seen.config
    plain = ("memory", "memoryMax", "emulation", "machine", "firmware")
    return {
        "cpu": sparse(count=fields.get("cpu.count"), max=fields.get("cpu.max"), model=fields.get("cpu.model")),
        **{name: fields[name] for name in plain if name in fields},
        "disks": [
            _disk(name, disk, (seen, mark), (host, situation)) for name, disk in entries(fields, "disks").items()
        ],
        "cdroms": [
            sparse(name=name, medium=drive.get("source"), bus=drive.get("bus"))
            for name, drive in entries(fields, "cdroms").items()
        ],
        "nics": [_nic(name, nic, seen) for name, nic in entries(fields, "nics").items()],
        "autostart": seen.autostart,
        "agent": seen.agent,
        "snapshots": seen.snapshots,
        "persistent": seen.persistent,
    }


def _disk(name: str, disk: Fields, owned: tuple[SeenVm, Mark | None], place: tuple[str, Situation]) -> dict[str, Any]:
    (seen, mark), (host, situation) = owned, place
    device = mark.devices.get(f"disk/{name}") if mark else None
    path = disk.get("source")
    volume = situation.context.observed.volume_at(host, path) if isinstance(path, str) else None
    domain, _, recorded = device.volume.partition("/") if device else ("", "", "")
    return sparse(
        name=name,
        size=disk.get("size"),
        allocation=volume.volume.allocation if volume else None,
        volume=volume.volume.name if volume else recorded,
        storageDomain=domain or (volume.pool if volume else ""),
        path=path,
        format=disk.get("format"),
        bus=disk.get("bus"),
        readOnly=disk.get("readOnly") or None,
        managed=entry("disks", name) not in seen.unnamed,
    )


def _nic(name: str, nic: Fields, seen: SeenVm) -> dict[str, Any]:
    told = {key: scalar(nic.get(key)) for key in ("network", "mac", "model", "link")}
    return sparse(name=name, **told, managed=entry("nics", name) not in seen.unnamed)
