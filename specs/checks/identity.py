"""Identity: what must not be there twice: UUIDs, hosts, former names."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from typing import TypeVar
from urllib.parse import urlsplit

from specs.checks.scope import Scope, wrong
from specs.errors import Finding
from specs.resource import Ref, Resource

_Key = TypeVar("_Key", bound=Hashable)


def findings(scope: Scope) -> Iterator[Finding]:
    """Every second use, at its place, naming the first."""
    yield from _uuids(scope)
    yield from _hosts(scope)
    yield from _renames(scope)


def repeated(uses: Iterable[tuple[_Key, Resource, str]]) -> Iterator[tuple[_Key, Resource, str, str]]:
    """(key, resource, path, the first use in words) of all but the first, in order of file and line."""
    first: dict[_Key, tuple[Resource, str]] = {}
    for key, resource, path in sorted(uses, key=lambda use: (use[1].where(use[2]), str(use[1].ref), use[2])):
        if key in first:
            other, other_path = first[key]
            yield key, resource, path, f"{other.ref} has it ({other.where(other_path)})"
        else:
            first[key] = (resource, path)


def _uuids(scope: Scope) -> Iterator[Finding]:
    uses = [
        ((kind, resource.spec.uuid), resource, "uuid")
        for kind in ("VirtualMachine", "Network")
        for resource in scope.of(kind)
        if resource.spec.uuid is not None
    ]
    for _, resource, path, other in repeated(uses):
        yield wrong(resource, path, "this UUID is used twice", other, "take it away, or correct one of them")


def _hosts(scope: Scope) -> Iterator[Finding]:
    uses = []
    for resource in scope.of("Host"):
        parts = urlsplit(resource.spec.uri)
        uses.append(((parts.hostname or "", parts.port, parts.path), resource, "uri"))
    for _, resource, path, other in repeated(uses):
        why = f"{other}; a VM must not be seen on two hosts that are one"
        yield wrong(resource, path, "this is the same libvirt as another host's", why, "remove one of the two hosts")


def _renames(scope: Scope) -> Iterator[Finding]:
    renamed = [each for each in scope.catalog.resources.values() if each.metadata.renamed_from]
    path = "metadata.renamedFrom"
    for resource in renamed:
        former = Ref(resource.ref.kind, resource.metadata.renamed_from)
        if resource.ref.kind != "VirtualMachine":
            why = "only a VirtualMachine is renamed in place"
            yield wrong(resource, path, f"a {resource.ref.kind} with a former name", why, "take it away")
        elif resource.name != former.name and former in scope.names:
            yield wrong(resource, path, f"{former} is still declared", "one object cannot have two names", "remove one")
    uses = [(Ref(each.ref.kind, each.metadata.renamed_from), each, path) for each in renamed]
    for former, resource, _, other in repeated(uses):
        yield wrong(resource, path, f"{former} was renamed twice", other, "keep one of them")
