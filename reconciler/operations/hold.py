"""Holds: the reconciler leaves an object, a host, a cluster or everything alone until they are taken back.

A hold on a VM that exists is in its mark, where every gitvirt sees it; any other in this machine's state directory
(reconciler/observe/holds.py).
"""

from __future__ import annotations

from reconciler.diff.holding import KIND, owned
from reconciler.observe.holds import Holds
from reconciler.operations.overrides import put, until, write
from reconciler.operations.scene import Declined, Scene, locate
from reconciler.place.moving.movers.override import KIND as PLACED
from specs.resource import Ref
from specs.structs import Struct

_HEEDED = frozenset(("VirtualMachine", "Network", "StorageDomain", "Image", "Host", "Cluster", "Repository"))
"""Kinds whose holds reconciler/diff/holding.py looks for."""


class Holding(Struct, frozen=True, kw_only=True):
    """The two deeds, with the place for holds that no mark can bear."""

    holds: Holds

    def hold(self, ref: Ref, scene: Scene) -> str:
        """Holds it; a hold that is there is replaced. Declined for what is only declared: nothing would heed it."""
        if ref.kind not in _HEEDED:
            raise Declined("is nothing that is made on hosts; hold what uses it: VMs, hosts, clusters, or --all")
        override = scene.by.override(KIND, KIND)
        end = until(scene.by.until) if scene.by.until else f"until `gitvirt unhold {ref}`"
        if not _in_mark(ref, scene):
            self.holds.put(str(ref), override)
            return f"is on hold {end}; {_reach(ref)} (on this machine's gitvirt)"
        target = locate(ref, scene, trashed=True)
        write(target, lambda mark: put(mark, KIND, override))
        return f"is on hold {end}; nothing of it is changed or deleted"

    def unhold(self, ref: Ref, scene: Scene) -> str:
        """Takes the hold back, wherever it is kept, also that on one host; Declined if there is none."""
        dropped = self.holds.drop(str(ref))
        if _in_mark(ref, scene):
            target = locate(ref, scene, trashed=True)
            before = target.mark.override(KIND) or target.mark.override(PLACED)
            write(target, lambda mark: put(put(mark, KIND, None), PLACED, None))
            if before is not None:
                gone = "" if target.wanted or target.mark.trashed else "; it is not declared: the next apply deletes it"
                return f"is not on hold any more{gone}"
        if not dropped:
            raise Declined("is not on hold itself" + _held_above(scene))
        return "is not on hold any more"


def _in_mark(ref: Ref, scene: Scene) -> bool:
    """True for a VM of ours that a host has (or that is defined twice, which `locate` refuses)."""
    return ref.kind == "VirtualMachine" and bool(owned(ref, scene.looked.context))


def _reach(ref: Ref) -> str:
    return {
        "Repository": "nothing at all is changed",
        "Cluster": "nothing on its hosts, and none of its VMs, is changed",
        "Host": "nothing on it is changed",
    }.get(ref.kind, "nothing of it is made, changed or deleted")


def _held_above(scene: Scene) -> str:
    names = sorted(scene.looked.context.holds)
    return f"; on hold are {', '.join(names)}" if names else ""
