"""Places: the hosts' pools as storage domains, and the media in CD-ROM drives as images. Pure.

A storage domain is found by its directory, whatever the pool is called. Only directories that libvirt serves now are
taken: a domain on a pool that is off would be held, and disks there are told as XML instead. Exported files say only
which paths the VMs use, so each folder of a disk becomes a domain.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from drivers.seen import SeenPool
from reconciler.importing.document import Document, Source, name_for
from reconciler.importing.known import Known
from specs.resource import Ref
from specs.structs import Struct, field

_OF_FILES = frozenset(("dir", "fs", "netfs", ""))


class Places(Struct, kw_only=True):
    """Which domain serves which folder of which host, and the documents that say so."""

    known: Known
    hosts: int
    documents: list[Document] = field(default_factory=list)
    passed: list[str] = field(default_factory=list)
    _names: dict[tuple[str, str], str] = field(default_factory=dict)
    _volumes: dict[tuple[str, str], frozenset[str] | None] = field(default_factory=dict)
    _media: dict[tuple[str, str], str] = field(default_factory=dict)

    def at(self, host: str, source: str) -> tuple[str, str] | None:
        """(storage domain, volume) of a path on a host; None if no domain has it."""
        folder, _, volume = source.rpartition("/")
        name = self._names.get((host, folder))
        volumes = self._volumes.get((host, folder))
        if name is None or not volume or (volumes is not None and volume not in volumes):
            return None
        return name, volume

    def medium(self, host: str, source: str) -> str | None:
        """The image that a path is, declared here if nobody has; None if no storage domain has it."""
        found = self.at(host, source)
        if found is None:
            return None
        image = self.known.media.get(found) or self._media.get(found)
        if image is None:
            taken = {*self.known.images, *self._media.values()}
            image = name_for(found[1].rsplit(".", 1)[0], taken, "medium")
            self._media[found] = image
            spec = {"external": True, "type": "iso", "storageDomain": found[0], "volume": found[1]}
            self.documents.append(Document(ref=Ref("Image", image), spec=spec))
        return image

    def add(self, hosts: Sequence[str], path: str, pool: SeenPool, volumes: dict[str, frozenset[str] | None]) -> None:
        """A directory that these hosts serve."""
        name = self.known.domains.get(path)
        if name is None:
            taken = {*self.known.domains.values(), *self._names.values()}
            name = name_for(pool.name, taken, "storage")
            kind = "posix" if pool.type == "netfs" else "local"
            spec: dict[str, object] = {"type": kind, "path": path, "external": True}
            if 0 < len(hosts) < self.hosts:
                spec["hosts"] = list(hosts)
            document = Document(ref=Ref("StorageDomain", name), spec=spec)
            if kind == "local" and len(hosts) > 1 and _alike(volumes.values()):
                document.comment("all its hosts have the same volumes: if it is one folder, write `type: posix`")
            self.documents.append(document)
        for host in hosts:
            self._names[host, path] = name
            self._volumes[host, path] = volumes[host]


def _alike(volumes: Iterable[frozenset[str] | None]) -> bool:
    different = set(volumes)
    return len(different) == 1 and bool(next(iter(different)))


def places(sources: Sequence[Source], known: Known) -> Places:
    """The storage domains of all sources."""
    fresh = sum(not each.declared for each in sources)
    found = Places(known=known, hosts=fresh + len(known.hosts))
    pools: dict[str, list[tuple[Source, SeenPool]]] = {}
    for source in sources:
        for pool in source.seen.pools:
            why = _unfit(pool)
            if why:
                found.passed.append(f"pool {pool.name} on {source.name}: {why}")
            else:
                pools.setdefault(pool.path.rstrip("/"), []).append((source, pool))
    for path, uses in pools.items():
        volumes = {each.name: None if each.hearsay else frozenset(pool.volumes) for each, pool in uses}
        hosts = [each.name for each, _ in uses]
        found.add(hosts, path, uses[0][1], volumes)
    for document in found.documents:
        if any(each.hearsay for each in sources):
            document.spec.pop("hosts", None)
    return found


def _unfit(pool: SeenPool) -> str:
    if pool.type not in _OF_FILES:
        return f"a pool of type {pool.type} is no storage domain yet; disks there are told as XML"
    if not pool.path.startswith("/"):
        return "it has no directory"
    if pool.problem:
        return f"{pool.problem}; disks there are told as XML"
    return "" if pool.active else "it is not active; start it to have its disks told by name"
