"""Observed: what all hosts reported in one pass, and an index of it (the census) that diff and plan look things up in.

Pure. Made by reconciler/observe/collect.py from drivers' SeenHosts, or from a file (`plan --observed`).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property

from drivers.mark import Mark
from drivers.moving import Progress
from drivers.seen import SeenHost, SeenNetwork, SeenPool, SeenVm, SeenVolume, Unseen
from specs.resource import Ref
from specs.structs import Struct, field


class Found(Struct, frozen=True, kw_only=True):
    """A VM and the host that reported it."""

    host: str
    vm: SeenVm


class Flight(Struct, frozen=True, kw_only=True):
    """A VM between two hosts ("": one that was not read). `asked`: the source said whether it is at it: `progress`."""

    source: str = ""
    target: str = ""
    progress: Progress | None = None
    asked: bool = False

    @property
    def percent(self) -> str:
        """`, 43 %`, or "" where that is not known."""
        if self.progress is None or not self.progress.total:
            return ""
        done = max(self.progress.total - self.progress.remaining, 0)
        return f", {min(done * 100 // self.progress.total, 99)} %"


def between(there: Iterable[Found]) -> Flight:
    """The two ends of what is seen of one VM that migrates."""
    ranked = sorted(there, key=lambda each: ("out", "", "in").index(each.vm.migrating))
    source = next((each.host for each in ranked if each.vm.migrating != "in"), "")
    target = next((each.host for each in reversed(ranked) if each.host != source), "")
    return Flight(source=source, target=target)


class FoundVolume(Struct, frozen=True, kw_only=True):
    """A volume and where it was reported."""

    host: str
    pool: str
    volume: SeenVolume


class Observed(Struct, frozen=True, kw_only=True, dict=True):
    """Every declared host, read or not. `taken` is unix seconds; `recorded`: read from a file, without secrets.

    `loads`: the CPU load of hosts in percent over the minutes that their cluster's policy says, where it is known;
    `vm_loads`: the host CPUs that a VM kept busy meanwhile, by host and name.
    """

    hosts: Mapping[str, SeenHost | Unseen]
    taken: int = 0
    repository: str = field(default="")
    recorded: bool = False
    loads: Mapping[str, float] = field(default_factory=dict)
    vm_loads: Mapping[tuple[str, str], float] = field(default_factory=dict)

    @cached_property
    def seen(self) -> dict[str, SeenHost]:
        """The hosts that were read completely, in order of name."""
        return {name: host for name, host in sorted(self.hosts.items()) if isinstance(host, SeenHost)}

    @cached_property
    def unseen(self) -> dict[str, Unseen]:
        """The hosts that were not, with their reasons; not those that are declared lost: they hold nothing any more."""
        return {name: host for name, host in sorted(self.hosts.items()) if isinstance(host, Unseen) and not host.lost}

    @property
    def complete(self) -> bool:
        """True if every declared host was read: only then may an absence be concluded."""
        return not self.unseen

    def vms(self) -> Iterator[Found]:
        """Every VM of every host that was read."""
        for name, host in self.seen.items():
            for vm in host.vms:
                yield Found(host=name, vm=vm)

    def owned_mark(self, uuid: str, mark: Mark | None) -> Mark | None:
        """The mark if it is ours: our repository, and not copied along by a clone."""
        if mark is None or mark.repository != self.repository or mark.uuid != uuid:
            return None
        return mark

    @cached_property
    def owned(self) -> dict[Ref, list[Found]]:
        """Our VMs by the ref in their marks; more than one entry is a VM that is defined twice."""
        return self._marked(arriving=False)

    @cached_property
    def arriving(self) -> dict[Ref, list[Found]]:
        """The shells in which libvirt receives VMs of ours; no copies of them, and not to be touched."""
        return self._marked(arriving=True)

    def _marked(self, *, arriving: bool) -> dict[Ref, list[Found]]:
        found: dict[Ref, list[Found]] = {}
        for each in self.vms():
            if (each.vm.migrating == "in") is arriving and (mark := self.owned_mark(each.vm.uuid, each.vm.mark)):
                found.setdefault(Ref.parse(mark.ref), []).append(each)
        return found

    @cached_property
    def by_name(self) -> dict[str, list[Found]]:
        """VMs by their libvirt name."""
        found: dict[str, list[Found]] = {}
        for each in self.vms():
            found.setdefault(each.vm.name, []).append(each)
        return found

    @cached_property
    def by_uuid(self) -> dict[str, list[Found]]:
        """VMs by UUID."""
        found: dict[str, list[Found]] = {}
        for each in self.vms():
            found.setdefault(each.vm.uuid, []).append(each)
        return found

    @property
    def macs(self) -> Collection[str]:
        """Every MAC of every VM, ours or not."""
        return self.mac_users.keys()

    @cached_property
    def mac_users(self) -> dict[str, list[Found]]:
        """VMs by the MACs of their NICs, defined or running."""
        found: dict[str, list[Found]] = {}
        for each in self.vms():
            own = {
                str(value)
                for fields in (each.vm.config, each.vm.live or {})
                for path, value in fields.items()
                if path.endswith("].mac")
            }
            for mac in own:
                found.setdefault(mac, []).append(each)
        return found

    def network(self, host: str, name: str) -> SeenNetwork | None:
        """A host's network by name."""
        return self._networks.get((host, name))

    @cached_property
    def _networks(self) -> dict[tuple[str, str], SeenNetwork]:
        return {(name, each.name): each for name, host in self.seen.items() for each in host.networks}

    def pool(self, host: str, name: str) -> SeenPool | None:
        """A host's pool by its libvirt name."""
        return self._pools.get((host, name))

    @cached_property
    def _pools(self) -> dict[tuple[str, str], SeenPool]:
        return {(name, each.name): each for name, host in self.seen.items() for each in host.pools}

    def pool_at(self, host: str, path: str) -> SeenPool | None:
        """A host's pool by the directory that it serves."""
        return self._pools_at.get((host, path.rstrip("/")))

    @cached_property
    def _pools_at(self) -> dict[tuple[str, str], SeenPool]:
        return {
            (name, each.path.rstrip("/")): each for name, host in self.seen.items() for each in host.pools if each.path
        }

    def volume_at(self, host: str, path: str) -> FoundVolume | None:
        """A host's volume by path."""
        return self._volumes.get((host, path))

    @cached_property
    def _volumes(self) -> dict[tuple[str, str], FoundVolume]:
        return {
            (name, volume.path): FoundVolume(host=name, pool=pool.name, volume=volume)
            for name, host in self.seen.items()
            for pool in host.pools
            for volume in pool.volumes.values()
        }
