"""Affinity groups as they are declared: who belongs to one, and which positive groups come to the same.

Pure. Used by specs/checks/affinity (before any host is touched) and by reconciler/desired (what placement obeys).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from specs.resource import Resource
from specs.structs import Struct

DEFAULT_PRIORITY = 1


class Members:
    """VMs or hosts, to be found by name and by label; made once, since many groups ask."""

    def __init__(self, among: Iterable[Resource]) -> None:
        self._named: dict[str, Resource] = {}
        self._bearing: dict[tuple[str, str], list[Resource]] = {}
        for each in among:
            self._named[each.name] = each
            for label in each.metadata.labels.items():
                self._bearing.setdefault(label, []).append(each)

    def of(self, cluster: str | None, named: Iterable[str], labels: Mapping[str, str] | None) -> tuple[str, ...]:
        """Those of the cluster that are named or bear all of the labels, in order of name."""
        found = {name for name in named if name in self._named and self._named[name].spec.cluster == cluster}
        if labels:
            fewest = min((self._bearing.get(label, []) for label in labels.items()), key=len)
            found.update(each.name for each in fewest if each.spec.cluster == cluster and _bears(each, labels))
        return tuple(sorted(found))


def vms_of(group: Resource, vms: Members) -> tuple[str, ...]:
    """The VMs of its cluster that it names or whose labels it asks for, in order of name."""
    return vms.of(group.spec.cluster, group.spec.vms or (), group.spec.vm_labels)


def hosts_of(group: Resource, hosts: Members) -> tuple[str, ...]:
    """The hosts of its cluster that it names or whose labels it asks for, in order of name."""
    return hosts.of(group.spec.cluster, group.spec.hosts or (), group.spec.host_labels)


def enforcing(rule: object) -> bool:
    """Whether a rule is hard: unless it says otherwise."""
    return rule is not None and getattr(rule, "enforcing", None) is not False


def _bears(resource: Resource, labels: Mapping[str, str]) -> bool:
    own = resource.metadata.labels
    return all(own.get(key) == value for key, value in labels.items())


class Union(Struct, frozen=True):
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
