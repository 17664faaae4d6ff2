"""The backing graph: which volumes something still needs. libvirt itself protects none of them.

Pure. A path is in use if a definition (next boot or running) of any VM on any host names it, or if another volume is
an overlay of it, however far down the chain. Read by plan before anything is put into the trash or purged.
"""

from __future__ import annotations

from reconciler.observe.observed import Observed
from specs.fields import entry_of


def users(observed: Observed) -> dict[str, set[str]]:
    """Path → what uses it: "vm/NAME on HOST" for VMs (whoever owns them), or the path of an overlay."""
    found: dict[str, set[str]] = {}
    for each in observed.vms():
        for fields in (each.vm.config, each.vm.live or {}):
            for path, value in fields.items():
                parts = entry_of(path)
                if parts and parts[2] == "source" and isinstance(value, str) and value:
                    found.setdefault(value, set()).add(f"vm/{each.vm.name} on {each.host}")
    for host in observed.seen.values():
        for pool in host.pools:
            for volume in pool.volumes.values():
                if volume.backing:
                    found.setdefault(volume.backing, set()).add(volume.path)
    return found
