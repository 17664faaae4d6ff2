"""Catalog: all resources of one revision of a repository, checked. Made by `specs.load.load`, never changed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from specs.errors import Finding
from specs.resource import Ref, Resource
from specs.structs import Struct, field


class Catalog(Struct, frozen=True, kw_only=True, dict=True):
    """`resources` holds all but the repository itself, in order of their refs; `warnings` did not prevent loading.

    `contents` are the files of the same revision that the resources take texts and secrets from, by path.
    """

    repository: Resource
    resources: Mapping[Ref, Resource]
    warnings: tuple[Finding, ...] = ()
    contents: Mapping[str, bytes] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"Catalog({self.repository.name}, {len(self.resources)} resources)"  # no contents: there may be secrets

    @cached_property
    def _by_kind(self) -> Mapping[str, tuple[Resource, ...]]:
        kinds: dict[str, list[Resource]] = {}
        for resource in self.resources.values():
            kinds.setdefault(resource.ref.kind, []).append(resource)
        return {kind: tuple(sorted(each, key=lambda one: one.name)) for kind, each in kinds.items()}

    def of(self, kind: str) -> tuple[Resource, ...]:
        """All resources of that kind, by name."""
        return self._by_kind.get(kind, ())

    def get(self, kind: str, name: str) -> Resource | None:
        """The resource of that name, or None."""
        return self.resources.get(Ref(kind, name))
