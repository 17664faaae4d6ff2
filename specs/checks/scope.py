"""Scope: what the checks look at, and the few questions that several of them ask."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from specs.catalog import Catalog
from specs.errors import Finding, Severity
from specs.resource import Ref, Resource


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A finding about an object: the place follows from the path."""

    what: str
    why: str = ""
    fix: str = ""
    severity: Severity = "error"


@dataclass(frozen=True)
class Scope:
    """`names` are all refs that are declared, also those whose spec is refused; `complete` is false if some document
    could not be read, so that an unknown name may be in there; `files` are the paths of the tree.
    """

    catalog: Catalog
    names: Collection[Ref]
    complete: bool
    files: Collection[str]

    def of(self, kind: str) -> tuple[Resource, ...]:
        """All sound resources of a kind."""
        return self.catalog.of(kind)

    def get(self, kind: str, name: str | None) -> Resource | None:
        """A sound resource."""
        return self.catalog.get(kind, name) if name is not None else None

    def center_of(self, cluster: str | None) -> str | None:
        """The data center of a cluster."""
        found = self.get("Cluster", cluster)
        return found.spec.data_center if found is not None else None

    def serves(self, spec: Any, cluster: str | None) -> bool:
        """Whether a network or storage domain is there for a cluster; true also if that cannot be told."""
        center = self.center_of(cluster)
        if spec.clusters is not None:
            return cluster in spec.clusters
        return center is None or spec.data_center is None or spec.data_center == center


def finding(resource: Resource, path: str, said: Said) -> Finding:
    """The finding at the place where that path of the resource was written."""
    return Finding(
        severity=said.severity, where=resource.where(path), path=path, what=said.what, why=said.why, fix=said.fix
    )
