"""Exported files made whole: the pools and networks that their VMs mention, as if a host had them. Pure.

Files of domains say which folders and networks they use, not what is in there. So each folder of a disk or medium
that no exported pool serves becomes a pool, and each network that a NIC names becomes an active one; once the host
is connected, the plan says what of it is not so. Called by reconciler/cli/import_.py.
"""

from __future__ import annotations

from collections.abc import Iterator

from drivers.seen import SeenHost, SeenNetwork, SeenPool
from reconciler.importing.document import Source
from specs.fields import entries
from specs.structs import replace


def completed(source: Source) -> Source:
    """The source with everything that its VMs mention."""
    seen = source.seen
    pools = (*seen.pools, *_pools(seen))
    networks = (*seen.networks, *_networks(seen))
    return replace(source, seen=replace(seen, pools=pools, networks=networks))


def _pools(seen: SeenHost) -> Iterator[SeenPool]:
    there = {each.path.rstrip("/") for each in seen.pools}
    for vm in seen.vms:
        for list_name in ("disks", "cdroms"):
            for device in entries(vm.config, list_name).values():
                folder = str(device.get("source") or "").rpartition("/")[0]
                if folder.startswith("/") and not f"{folder}/".startswith("/dev/") and folder not in there:
                    there.add(folder)
                    yield SeenPool(name=folder.rpartition("/")[2], uuid="", active=True, path=folder)


def _networks(seen: SeenHost) -> Iterator[SeenNetwork]:
    there = {each.name for each in seen.networks}
    for vm in seen.vms:
        for nic in entries(vm.config, "nics").values():
            name = str(nic.get("network") or "")
            if name and ":" not in name and name not in there and name not in _KINDS:
                there.add(name)
                yield SeenNetwork(name=name, uuid="", active=True)


_KINDS = frozenset(
    ("user", "ethernet", "vhostuser", "vdpa", "internal", "null", "hostdev", "direct", "bridge", "network")
)
"""What a reader says of a NIC that is on nothing with a name."""
