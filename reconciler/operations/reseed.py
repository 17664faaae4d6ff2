"""A new medium for a VM that was made: what is declared now, in the drive that the first boot was told from.

The one way by which an edit of `cloudInit` or `sysprep` reaches a VM that exists. The guest is left alone: what looks
at the medium again, and when, is its own affair.
"""

from __future__ import annotations

from drivers.base import Edit, VmEdit
from drivers.errors import Conflict
from reconciler.apply.dispatch import write_seed
from reconciler.desired.wanted import Seed
from reconciler.diff import pools
from reconciler.diff.devices import SEED_DRIVE
from reconciler.operations.overrides import current, refuse_saved
from reconciler.operations.scene import Declined, Scene, Target, locate
from reconciler.plan.plan import UploadSeed
from reconciler.plan.steps import seeds
from specs.fields import entry
from specs.resource import Ref
from specs.structs import replace

_SOURCE = entry("cdroms", SEED_DRIVE, "source")


def reseed(ref: Ref, scene: Scene) -> str:
    """Writes the medium anew, puts it into the drive, and has the mark know that this is what is declared."""
    target = locate(ref, scene)
    if target.wanted is None or target.wanted.seed is None:
        raise Declined("has nothing declared that it could be told; write `cloudInit:`")
    if _SOURCE not in target.vm.config:
        raise Declined("was made without such a drive; declare a new VM")
    refuse_saved(target, "and wakes with the media that it had")
    path = _written(target, target.wanted.seed, scene)
    if path == target.vm.config[_SOURCE] == (target.vm.live or target.vm.config).get(_SOURCE):
        return f"has the medium that is declared on {target.where}"
    waits = _put(target, path, scene)
    how = "`cloud-init clean --reboot` in the guest has it looked at" if target.wanted.seed.meta is not None else ""
    return f"has a new medium of its first boot on {target.where}{waits}" + (f"; {how}" if how else "")


def _written(target: Target, seed: Seed, scene: Scene) -> str:
    """The path of the medium, once it is there."""
    context = scene.looked.context
    assert target.wanted is not None
    if not target.wanted.disks:
        raise Declined("has no disk beside which the medium could be kept")
    wanted = context.wanted.pools[target.wanted.disks[0].pool]
    pool = pools.pool_on(context, wanted, target.where)
    if pool is None or not pool.active:
        raise Declined(f"{wanted.ref} is not there on {target.where}; `gitvirt apply` first")
    volume, files = seeds.content(seed, target.vm.uuid, target.vm.config, context)
    write_seed(UploadSeed(pool=pool.name, volume=volume, files=files, label=seed.label), target.host)
    return f"{wanted.path.rstrip('/')}/{volume}"


def _put(target: Target, path: str, scene: Scene) -> str:
    assert target.wanted is not None
    told = {each: scene.looked.context.stored(value) for each, value in target.wanted.creation.items()}
    mark = current(target)
    if mark.generation != target.mark.generation:
        raise Conflict(target.where, f"new medium of {target.ref}", "the VM was changed meanwhile; try again")
    way = "cloudInit" if "cloudInit" in told else "sysprep"
    xml, live = str(mark.declared.get("xml", "")), target.vm.live
    refused = target.host.vms.edit(
        VmEdit(
            uuid=target.vm.uuid,
            expects=mark.generation,
            mark=replace(mark, generation=mark.generation + 1, creation={**mark.creation, way: told[way]}),
            config=(Edit(path=_SOURCE, before=target.vm.config.get(_SOURCE), after=path),),
            live=(Edit(path=_SOURCE, before=live.get(_SOURCE), after=path),) if live is not None else (),
            xml=xml,
            xml_before=xml,
        )
    )
    return "".join(f"; at the next boot only: {each.reason}" for each in refused)
