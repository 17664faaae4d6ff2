"""Affinity groups as they are declared: who belongs to one, and which positive groups come to the same.

Pure. Used by specs/checks/affinity (before any host is touched) and by reconciler/desired (what placement obeys).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from specs.resource import Resource

DEFAULT_PRIORITY = 1


def vms_of(group: Resource, vms: Iterable[Resource]) -> tuple[str, ...]:
    """The VMs of its cluster that it names or whose labels it asks for, in order of name."""
    spec = group.spec
    return _members(spec.cluster, spec.vms or (), spec.vm_labels, vms)


def hosts_of(group: Resource, hosts: Iterable[Resource]) -> tuple[str, ...]:
    """The hosts of its cluster that it names or whose labels it asks for, in order of name."""
    spec = group.spec
    return _members(spec.cluster, spec.hosts or (), spec.host_labels, hosts)


def enforcing(rule: object) -> bool:
    """Whether a rule is hard: unless it says otherwise."""
    return rule is not None and getattr(rule, "enforcing", None) is not False


def _members(
    cluster: str | None, named: tuple[str, ...], labels: Mapping[str, str] | None, among: Iterable[Resource]
) -> tuple[str, ...]:
    names = frozenset(named)
    found = (each for each in among if each.spec.cluster == cluster)
    return tuple(sorted(each.name for each in found if each.name in names or _bears(each, labels)))


def _bears(resource: Resource, labels: Mapping[str, str] | None) -> bool:
    if not labels:
        return False
    own = resource.metadata.labels
    return all(own.get(key) == value for key, value in labels.items())


@dataclass(frozen=True, slots=True)
class Union:
    """VMs that hard positive groups hold together, and the names of these groups."""

    vms: frozenset[str]
    groups: tuple[str, ...]


def united(groups: Mapping[str, Iterable[str]]) -> list[Union]:
    """Groups (name → VMs) that share a member become one, transitively; in order of their first group's name."""
    leader: dict[str, str] = {}

    def top(name: str) -> str:
        while leader[name] != name:
            leader[name] = leader[leader[name]]
            name = leader[name]
        return name

    first: dict[str, str] = {}  # VM → the first group that has it
    for name in sorted(groups):
        leader[name] = name
        for vm in groups[name]:
            one, other = top(first.setdefault(vm, name)), top(name)
            leader[max(one, other)] = min(one, other)
    together: dict[str, list[str]] = {}
    for name in sorted(groups):
        together.setdefault(top(name), []).append(name)
    return [Union(frozenset(vm for name in names for vm in groups[name]), tuple(names)) for names in together.values()]
