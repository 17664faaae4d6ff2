"""Scope: what the checks look at, and the few questions that several of them ask."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from specs.catalog import Catalog
from specs.errors import Finding, Severity
from specs.resource import Ref, Resource
from specs.structs import Struct


class Scope(Struct, frozen=True, dict=True):
    """`names` are all refs that are declared, also those whose spec is refused; `complete` is false if some document
    could not be read, so that an unknown name may be in there; `files` are the paths of the tree; `partial` are the
    resources that their model refused, without what it refused: only what they do say may be judged.
    """

    catalog: Catalog
    names: Collection[Ref]
    complete: bool
    files: Collection[str]
    partial: tuple[Resource, ...] = ()

    def of(self, kind: str) -> tuple[Resource, ...]:
        """All sound resources of a kind."""
        return self.catalog.of(kind)

    def get(self, kind: str, name: str | None) -> Resource | None:
        """A sound resource."""
        return self.catalog.get(kind, name) if name is not None else None

    def serves(self, spec: Any, cluster: str | None) -> bool:
        """Whether a network or storage domain is there for a cluster; true also if that cannot be told."""
        if spec.clusters is not None:
            return cluster is None or cluster in spec.clusters
        found = self.get("Cluster", cluster)
        center = found.spec.data_center if found is not None else None
        return center is None or spec.data_center is None or spec.data_center == center

    def hosts_of(self, spec: Any) -> frozenset[str]:
        """The hosts that a network or storage domain is on."""
        only = getattr(spec, "hosts", None)
        return frozenset(
            host.name
            for host in self.of("Host")
            if self.serves(spec, host.spec.cluster) and (only is None or host.name in only)
        )


def wrong(resource: Resource, path: str, what: str, why: str = "", fix: str = "") -> Finding:
    """An error at the place where that path of the resource was written."""
    return _finding("error", resource, path, (what, why, fix))


def doubtful(resource: Resource, path: str, what: str, why: str = "", fix: str = "") -> Finding:
    """A warning at that place."""
    return _finding("warning", resource, path, (what, why, fix))


def _finding(severity: Severity, resource: Resource, path: str, said: tuple[str, str, str]) -> Finding:
    what, why, fix = said
    return Finding(severity=severity, where=resource.where(path), path=path, what=what, why=why, fix=fix)
