"""Standing: how affinity groups stand while a plan is made: their members, counted by host.

Pure, mutable, a part of the Room, which tells it of every VM that comes to a host or leaves one. Only VMs that run (or
will by this plan) count in rules between VMs. Hard positive groups that share VMs are one circle. Asked by
place/affinity.py and by the mover of the same name; a question costs the number of rules of one VM, never of members.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from reconciler.desired.affinity import WantedAffinity
from specs.affinity import united
from specs.structs import Struct, field


class Circle(Struct, kw_only=True):
    """VMs that a rule wants on one host (`positive`) or each on another, and how many run on each host.

    `groups`: the names of the groups that it was made of. `holds`: it does not yield when a host is emptied.
    `common`: the hosts that may run all of its VMs, as far as `hosts:` and hard rules go, None where that is of no
    account; `narrowed`: one of its VMs may run on others, too.
    """

    groups: tuple[str, ...]
    vms: frozenset[str]
    positive: bool
    hard: bool
    priority: int
    holds: bool
    common: frozenset[str] | None = None
    narrowed: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    total: int = 0

    def allows(self, host: str) -> bool:
        """Whether that host may run all of its VMs."""
        return self.common is None or host in self.common

    def came(self, host: str) -> None:
        """One more of its VMs runs there."""
        self.counts[host] = self.counts.get(host, 0) + 1
        self.total += 1

    def went(self, host: str) -> None:
        """One less."""
        self.total -= 1
        self.counts[host] -= 1
        if not self.counts[host]:
            del self.counts[host]

    def pairs(self, host: str, own: str) -> int:
        """Pairs of VMs that a VM breaks by being on a host. `own`: where it is counted now, "" if nowhere."""
        there = self.counts.get(host, 0) - (own == host)
        others = self.total - (own != "")
        return others - there if self.positive else there

    @property
    def broken(self) -> int:
        """Pairs of VMs that are not as the rule wants them."""
        together = sum(count * (count - 1) // 2 for count in self.counts.values())
        return self.total * (self.total - 1) // 2 - together if self.positive else together

    @property
    def label(self) -> str:
        """As messages name it."""
        return " and ".join(f"affinitygroup/{name}" for name in self.groups)


class HostRule(Struct, frozen=True, kw_only=True):
    """Hosts that VMs of a group shall be on (`positive`), or not be on."""

    group: str
    hosts: frozenset[str]
    positive: bool
    hard: bool
    priority: int

    def keeps(self, host: str) -> bool:
        """Whether a VM on that host is where the rule wants it."""
        return (host in self.hosts) == self.positive


class Standing:
    """All groups of a plan. `ha` counts highly available VMs that run, by host.

    `hosts` maps VMs to the hosts that may run them at all.
    """

    def __init__(
        self, groups: Iterable[WantedAffinity] = (), hosts: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    ) -> None:
        listed = sorted(groups, key=lambda each: each.name)
        self.circles = (*_unions(listed), *_singles(listed))
        self.ha: dict[str, int] = {}
        self._circles: dict[str, list[Circle]] = {}
        for circle in self.circles:
            for vm in circle.vms:
                self._circles.setdefault(vm, []).append(circle)
        self._rules: dict[str, list[HostRule]] = {}
        for group in listed:
            if group.host_rule and group.hosts:
                rule = _host_rule(group)
                for vm in group.vms:
                    self._rules.setdefault(vm, []).append(rule)
        for circle in self.circles:
            if circle.hard and circle.positive:
                self._narrow(circle, hosts)

    def _narrow(self, circle: Circle, hosts: Mapping[str, tuple[str, ...]]) -> None:
        """Works out where all VMs of a circle may run."""
        sets = [frozenset(each) for each in {hosts[vm] for vm in circle.vms if vm in hosts}]
        if not sets:
            return
        common = frozenset.intersection(*sets)
        for rule in {each for vm in circle.vms for each in self.rules_of(vm) if each.hard}:
            common = common & rule.hosts if rule.positive else common - rule.hosts
        circle.common, circle.narrowed = common, any(each != common for each in sets)

    @property
    def ruled(self) -> Mapping[str, list[HostRule]]:
        """The VMs that rules about hosts speak of."""
        return self._rules

    def circles_of(self, vm: str) -> list[Circle]:
        """The rules between VMs that a VM is in."""
        return self._circles.get(vm, [])

    def rules_of(self, vm: str) -> list[HostRule]:
        """The rules about hosts that a VM is under."""
        return self._rules.get(vm, [])

    def came(self, vm: str, host: str, ha: bool) -> None:
        """A VM that runs is there now."""
        for circle in self.circles_of(vm):
            circle.came(host)
        if ha:
            self.ha[host] = self.ha.get(host, 0) + 1

    def went(self, vm: str, host: str, ha: bool) -> None:
        """It is there no more."""
        for circle in self.circles_of(vm):
            circle.went(host)
        if ha:
            self.ha[host] -= 1

    def allowed(self, vm: str, host: str) -> bool:
        """Whether that host may run the VM, as far as hard rules about hosts go."""
        return all(each.keeps(host) for each in self.rules_of(vm) if each.hard)


def _unions(groups: list[WantedAffinity]) -> list[Circle]:
    hard = {each.name: each for each in groups if each.vm_rule == "positive" and each.vm_hard}
    return [
        Circle(
            groups=union.groups,
            vms=union.vms,
            positive=True,
            hard=True,
            priority=1,
            holds=any(hard[name].holds for name in union.groups),
        )
        for union in united({name: each.vms for name, each in hard.items()})
    ]


def _singles(groups: list[WantedAffinity]) -> list[Circle]:
    return [
        Circle(
            groups=(each.name,),
            vms=frozenset(each.vms),
            positive=each.vm_rule == "positive",
            hard=each.vm_hard,
            priority=1 if each.vm_hard else each.priority,
            holds=each.holds,
        )
        for each in groups
        if each.vm_rule == "negative" or (each.vm_rule == "positive" and not each.vm_hard)
    ]


def _host_rule(group: WantedAffinity) -> HostRule:
    return HostRule(
        group=group.name,
        hosts=frozenset(group.hosts),
        positive=group.host_rule == "positive",
        hard=group.host_hard,
        priority=group.priority,
    )
