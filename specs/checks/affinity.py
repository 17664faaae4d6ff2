"""Affinity groups: members of one cluster, rules that say something, and hard rules that can all be kept at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from specs import affinity
from specs.checks.scope import Scope, doubtful, wrong
from specs.errors import Finding
from specs.resource import Resource
from specs.structs import Struct

_SHOWN = 5


class _Group(Struct, frozen=True, kw_only=True):
    """A group with its members."""

    resource: Resource
    vms: tuple[str, ...]
    hosts: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.resource.name

    def rule(self, of: str) -> tuple[str, bool]:
        """(polarity, hard) of `vm_rule` or `host_rule`; polarity "" where there is none."""
        found = getattr(self.resource.spec, of)
        return (found.polarity if found is not None else "", affinity.enforcing(found))


def findings(scope: Scope) -> Iterator[Finding]:
    """What is wrong with each group, and with all of them together."""
    if not scope.of("AffinityGroup"):
        return
    vms, hosts = affinity.Members(scope.of("VirtualMachine")), affinity.Members(scope.of("Host"))
    groups = [_group(each, vms, hosts) for each in scope.of("AffinityGroup")]
    for group in groups:
        yield from _clusters(group, scope)
    groups = [each for each in groups if _known(each, scope)]
    if not scope.complete or scope.partial:
        return  # members may be missing
    sizes = Counter(each.spec.cluster for each in scope.of("Host"))
    for group in groups:
        yield from _says_nothing(group)
        yield from _too_many(group, sizes[group.resource.spec.cluster], scope)
    unions = affinity.united({each.name: each.vms for each in groups if each.rule("vm_rule") == ("positive", True)})
    yield from _apart_and_together(groups, unions)
    yield from _nowhere(groups, unions, scope)


def _group(resource: Resource, vms: affinity.Members, hosts: affinity.Members) -> _Group:
    return _Group(resource=resource, vms=affinity.vms_of(resource, vms), hosts=affinity.hosts_of(resource, hosts))


def _known(group: _Group, scope: Scope) -> bool:
    """Whether every member that it names can be one; else that fault is told, and nothing that may follow from it."""
    spec = group.resource.spec
    named = [scope.get("VirtualMachine", name) for name in spec.vms or ()]
    named += [scope.get("Host", name) for name in spec.hosts or ()]
    return all(each is not None and each.spec.cluster == spec.cluster for each in named)


def _clusters(group: _Group, scope: Scope) -> Iterator[Finding]:
    spec = group.resource.spec
    for path, kind, names in (("vms", "VirtualMachine", spec.vms), ("hosts", "Host", spec.hosts)):
        for name in names or ():
            found = scope.get(kind, name)
            if found is not None and found.spec.cluster != spec.cluster:
                why = f"it is in cluster {found.spec.cluster}, the group in {spec.cluster}"
                yield wrong(group.resource, path, f"{found.ref} cannot be a member", why, "make one group per cluster")


def _says_nothing(group: _Group) -> Iterator[Finding]:
    resource, spec = group.resource, group.resource.spec
    if spec.vm_rule is None and spec.host_rule is None:
        yield doubtful(resource, "", f"{resource.ref} has no rule", fix="write `vmRule:` or `hostRule:`")
    if not group.vms:
        path = "vmLabels" if spec.vm_labels else "vms"
        yield doubtful(resource, path, f"{resource.ref} has no VM", fix="name VMs, or labels that they bear")
    elif spec.vm_rule is not None and spec.host_rule is None and len(group.vms) == 1:
        what = f"{resource.ref} has one VM only, {group.vms[0]}"
        yield doubtful(resource, "vmRule", what, "it takes two to be together or apart", "name another one")
    polarity, hard = group.rule("host_rule")
    if polarity and not group.hosts:
        path = "hostLabels" if spec.host_labels else "hostRule"
        what, fix = f"{resource.ref} has no host", "name hosts, or labels that they bear"
        if polarity == "positive" and hard and group.vms:
            yield wrong(resource, path, what, "its VMs could run nowhere", fix)
        else:
            yield doubtful(resource, path, what, fix=fix)


def _too_many(group: _Group, hosts: int, scope: Scope) -> Iterator[Finding]:
    """More VMs to keep apart than hosts: declared perhaps for hosts to come, so no error."""
    if group.rule("vm_rule") != ("negative", True):
        return
    machines = (scope.get("VirtualMachine", name) for name in group.vms)
    running = sum(each is not None and each.spec.state in (None, "running") for each in machines)
    if running > hosts:
        what = f"{group.resource.ref} keeps {running} running VMs apart, and its cluster has {_count(hosts)}"
        fix = "make the rule soft (`enforcing: false`), or add hosts"
        yield doubtful(group.resource, "vmRule", what, "not all of them can run", fix)


def _apart_and_together(groups: list[_Group], unions: list[affinity.Union]) -> Iterator[Finding]:
    soft = [affinity.Union(frozenset(each.vms), (each.name,)) for each in groups if _soft_positive(each)]
    for group in groups:
        polarity, hard = group.rule("vm_rule")
        if polarity != "negative":
            continue
        for union, union_hard in [(each, True) for each in unions] + [(each, False) for each in soft]:
            both = sorted(union.vms.intersection(group.vms))
            if len(both) < 2:
                continue
            what = f"{group.resource.ref} keeps {_some(both)} apart"
            why = f"{_named(union.groups)} keeps them together"
            said = wrong if hard and union_hard else doubtful
            yield said(group.resource, "vmRule", what, why, "take them out of one of the groups")


def _soft_positive(group: _Group) -> bool:
    return group.rule("vm_rule") == ("positive", False)


def _nowhere(groups: list[_Group], unions: list[affinity.Union], scope: Scope) -> Iterator[Finding]:
    """VMs, alone or held together, for which hard rules leave no host."""
    named = {each.name: each for each in groups}
    ruled: dict[str, list[_Group]] = {}
    for group in groups:
        if group.rule("host_rule") in (("positive", True), ("negative", True)) and group.hosts:
            for vm in group.vms:
                ruled.setdefault(vm, []).append(group)
    alone = [affinity.Union(frozenset((vm,)), ()) for vm in ruled]
    told: set[str] = set()
    for union in [*alone, *unions]:
        rules = {each.name: each for vm in union.vms for each in ruled.get(vm, ())}
        if told.intersection(union.vms) or not (rules or _narrowed(union, scope)):
            continue
        if _left(union.vms, rules.values(), scope):
            continue
        told.update(union.vms)
        last = rules[max(rules)] if rules else named[union.groups[-1]]
        others = [name for name in (*rules, *union.groups) if name != last.name]
        what = f"{last.resource.ref} leaves no host for {_some([f'vm/{each}' for each in sorted(union.vms)])}"
        hosts = "its hosts and the VM's `hosts:`" if rules else "their `hosts:`"
        why = f"together with {_named(others)}" if others else f"{hosts} have none in common"
        fix = "take one of the rules away, or make it soft"
        yield wrong(last.resource, "hostRule" if rules else "vmRule", what, why, fix)


def _narrowed(union: affinity.Union, scope: Scope) -> bool:
    """Whether one of the VMs may run on some hosts only."""
    machines = (scope.get("VirtualMachine", name) for name in union.vms)
    return any(each is not None and each.spec.hosts for each in machines)


def _left(vms: frozenset[str], rules: Iterable[_Group], scope: Scope) -> frozenset[str]:
    """The hosts that remain for all of these VMs."""
    machines = [each for name in vms if (each := scope.get("VirtualMachine", name)) is not None]
    left = frozenset(
        host.name for host in scope.of("Host") if all(host.spec.cluster == each.spec.cluster for each in machines)
    )
    for each in machines:
        left = left.intersection(each.spec.hosts) if each.spec.hosts else left
    for group in rules:
        positive = group.rule("host_rule")[0] == "positive"
        left = left.intersection(group.hosts) if positive else left.difference(group.hosts)
    return left


def _named(groups: Iterable[str]) -> str:
    return " and ".join(f"affinitygroup/{name}" for name in dict.fromkeys(groups))


def _count(hosts: int) -> str:
    return f"{hosts} host" + ("" if hosts == 1 else "s")


def _some(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
