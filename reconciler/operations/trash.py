"""Out of the trash, and out of our hands: undelete and release.

`undelete` takes a VM that no document declares out of the trash, and holds it, so that no pass deletes it again before
its YAML is back. `release` takes our mark off a VM or a network, which stays as it is and is never touched again.
"""

from __future__ import annotations

from drivers.errors import Missing
from drivers.mark import Mark
from reconciler.apply.dispatch import restore_volume
from reconciler.diff.holding import KIND
from reconciler.diff.pools import pool_on
from reconciler.operations.overrides import current, put, until, write
from reconciler.operations.scene import Declined, Scene, Target, locate
from specs.resource import Ref
from specs.structs import replace


def undelete(ref: Ref, scene: Scene) -> str:
    """Disks first, then the VM's mark, as a restore does it; the VM stays off."""
    target = locate(ref, scene, trashed=True)
    if not target.mark.trashed:
        raise Declined(f"does not lie in the trash; it is {target.vm.power} on {target.where}")
    if target.wanted is not None:
        raise Declined("is declared: `gitvirt apply` takes it out of the trash and makes it as declared")
    for volume in _made(target.mark):
        domain, _, name = volume.partition("/")
        restore_volume(target.host, _pool(domain, target, scene), name)
    hold = scene.by.override(KIND, KIND)
    write(target, lambda mark: put(replace(mark, trashed=0), KIND, hold))
    return f"is out of the trash on {target.where}, off and on hold {_end(scene, ref)}\n{_advice(ref, target.mark)}"


def _end(scene: Scene, ref: Ref) -> str:
    return until(scene.by.until) if scene.by.until else f"until `gitvirt unhold {ref}`"


def _advice(ref: Ref, mark: Mark) -> str:
    return (
        f"  It is not declared, so without the hold it is deleted again. To keep it: bring its YAML back (it was gone"
        f" at {mark.revision[:12] or 'the last revision'};\n"
        f"  `git log -p -S 'name: {ref.name}'` finds it, `git revert` brings it back), commit, `gitvirt unhold {ref}`."
    )


def _made(mark: Mark) -> list[str]:
    """ "pool/volume" of the disks that went to the trash with the VM."""
    return [device.volume for _, device in sorted(mark.devices.items()) if device.made and device.volume]


def _pool(domain: str, target: Target, scene: Scene) -> str:
    context = scene.looked.context
    wanted = context.wanted.pools.get(domain)
    seen = pool_on(context, wanted, target.where) if wanted else context.observed.pool(target.where, domain)
    if seen is None:
        raise Missing(target.where, f"undelete {target.ref}", f"storage domain {domain}, where its disks are, is gone")
    return seen.name


def release(ref: Ref, scene: Scene) -> str:
    """Takes the mark off. The next plan treats the object as somebody else's."""
    return _release_network(ref, scene) if ref.kind == "Network" else _release_vm(ref, scene)


def _release_vm(ref: Ref, scene: Scene) -> str:
    target = locate(ref, scene, trashed=True)
    if target.mark.trashed:
        raise Declined(f"lies in the trash, where its disks are marked to be deleted; `gitvirt undelete {ref}` first")
    mark = current(target)
    target.host.vms.mark(target.vm.uuid, mark.generation, None)
    return f"is released: it stays {target.vm.power} on {target.where} and is not gitvirt's any more{_declared(target)}"


def _declared(target: Target) -> str:
    if target.wanted is None:
        return ""
    if target.wanted.uuid == target.vm.uuid:
        return "; it is declared with its uuid: the next apply adopts it again"
    return "; it is still declared: plans say NameTaken until its YAML is removed"


def _release_network(ref: Ref, scene: Scene) -> str:
    observed = scene.looked.context.observed
    hosts = []
    for name in observed.seen:
        seen = observed.network(name, ref.name)
        mark = observed.owned_mark(seen.uuid, seen.mark) if seen else None
        if mark is not None:
            scene.looked.hosts[name].networks.release(ref.name, mark.generation)
            hosts.append(name)
    if not hosts:
        raise Declined("no host that was read has a network of this name that is gitvirt's")
    still = ref.name in scene.looked.context.wanted.networks
    hint = "; it is still declared: make it `external: true`, or plans say NameTaken" if still else ""
    return f"is released on {', '.join(hosts)}: it stays as it is{hint}"
