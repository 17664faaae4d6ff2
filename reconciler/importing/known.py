"""Known: what the repository declares already, so that an import adds to it and writes nothing twice. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from specs.catalog import Catalog
from specs.structs import Struct, field


class Known(Struct, frozen=True, kw_only=True):
    """`hosts`: (server, port, path) → name. `domains`: path → name. `media`: (domain, volume) → image."""

    repository: str
    hosts: Mapping[tuple[str, int | None, str], str] = field(default_factory=dict)
    clusters: frozenset[str] = frozenset()
    networks: frozenset[str] = frozenset()
    domains: Mapping[str, str] = field(default_factory=dict)
    images: frozenset[str] = frozenset()
    media: Mapping[tuple[str, str], str] = field(default_factory=dict)
    vms: Mapping[str, str] = field(default_factory=dict)
    macs: frozenset[str] = frozenset()

    def host_at(self, uri: str) -> str | None:
        """The declared host of that libvirt."""
        return self.hosts.get(place_of(uri))


def place_of(uri: str) -> tuple[str, int | None, str]:
    """What makes two URIs lead to one libvirt."""
    parts = urlsplit(uri)
    return parts.hostname or "", parts.port, parts.path


def known(catalog: Catalog) -> Known:
    """What a checked catalog declares."""
    images = catalog.of("Image")
    machines = catalog.of("VirtualMachine")
    return Known(
        repository=str(catalog.repository.spec.id),
        hosts={place_of(each.spec.uri): each.name for each in catalog.of("Host")},
        clusters=frozenset(each.name for each in catalog.of("Cluster") if not each.implied),
        networks=frozenset(each.name for each in catalog.of("Network")),
        domains={each.spec.path: each.name for each in catalog.of("StorageDomain")},
        images=frozenset(each.name for each in images),
        media={(each.spec.storage_domain, each.spec.volume): each.name for each in images if each.spec.volume},
        vms={each.name: str(each.spec.uuid or "") for each in machines},
        macs=frozenset(nic.mac for each in machines for nic in each.spec.nics or () if nic.mac),
    )
