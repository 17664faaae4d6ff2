"""Affinity groups: members of one cluster, rules that say something, hard rules that can all be kept."""

from __future__ import annotations

import pytest
from conftest import BASE, Faults, Read, document

from specs import affinity

WEB = "{cpu: 1}"


def labelled(kind: str, name: str, spec: str, labels: str) -> str:
    return document(kind, name, spec).replace(f"{{name: {name}}}", f"{{name: {name}, labels: {labels}}}")


MORE = "---\n".join(
    [
        document("Host", "kvm2", "{uri: qemu+tls://kvm2.lan/system}"),
        document("Host", "kvm3", "{uri: qemu+tls://kvm3.lan/system}"),
        *(labelled("VirtualMachine", name, WEB, "{tier: web}") for name in "abc"),
        document("VirtualMachine", "pinned", "{hosts: [kvm1]}"),
        document("VirtualMachine", "elsewhere", "{hosts: [kvm2, kvm3]}"),
        "",
    ]
)
SOFT = "{polarity: negative, enforcing: false}"


def groups(*specs: str) -> str:
    return MORE + "---\n".join(document("AffinityGroup", f"g{number}", spec) for number, spec in enumerate(specs))


@pytest.mark.parametrize(
    "specs",
    [
        ["{vms: [a, b], vmRule: negative}"],
        ["{vmLabels: {tier: web}, vmRule: {polarity: positive, enforcing: false}, priority: 5}"],
        ["{vms: [a], hosts: [kvm2], hostRule: positive, duringMaintenance: hold}"],
        ["{vms: [a, b], vmRule: positive}", "{vms: [b, c], vmRule: negative}"],
        ["{vms: [a], hosts: [kvm1, kvm2], hostRule: positive}", "{vms: [a], hosts: [kvm1], hostRule: negative}"],
        ["{vms: [pinned], hosts: [kvm1, kvm2], hostRule: positive}"],
    ],
)
def test_groups_that_can_be_kept_have_no_fault(specs: list[str], faults: Faults) -> None:
    assert faults(groups(*specs)) == []


@pytest.mark.parametrize(
    ("specs", "said"),
    [
        (["{vms: [a, x], vmRule: negative}"], "vms: there is no vm/x"),
        (["{vms: [a], hosts: [kvm9], hostRule: positive}"], "hosts: there is no host/kvm9; did you mean"),
        (["{vms: [a, b], vmRule: near}"], "vmRule.polarity: `near` cannot be used here; use positive or negative"),
        (["{vms: [a, b], vmRule: {enforcing: true}}"], "polarity"),
        (["{vms: [a, b], vmRule: negative, priority: 0}"], "priority: `0` is less than 1"),
        (["{vmLabels: {}, vmRule: negative}"], "vmLabels: no label, it would take everything in"),
        (["{vms: [a, b]}"], "warning: affinitygroup/g0 has no rule; write `vmRule:` or `hostRule:`"),
        (["{vmLabels: {tier: db}, vmRule: negative}"], "vmLabels: warning: affinitygroup/g0 has no VM"),
        (["{vms: [a], vmRule: negative}"], "vmRule: warning: affinitygroup/g0 has one VM only, a"),
        (["{vms: [a], hostRule: positive}"], "hostRule: affinitygroup/g0 has no host, its VMs could run nowhere"),
        (["{vms: [a], hostRule: negative}"], "hostRule: warning: affinitygroup/g0 has no host"),
        (["{vms: [a], hostLabels: {rack: x}, hostRule: positive}"], "hostLabels: affinitygroup/g0 has no host"),
        (
            ["{vms: [a, b], vmRule: positive}", "{vms: [a, b], vmRule: negative}"],
            "vmRule: affinitygroup/g1 keeps a, b apart, affinitygroup/g0 keeps them together",
        ),
        (
            [
                "{vms: [a, b], vmRule: positive}",
                "{vms: [b, c], vmRule: positive}",
                "{vms: [a, c], vmRule: negative}",
            ],
            "affinitygroup/g2 keeps a, c apart, affinitygroup/g0 and affinitygroup/g1 keeps them together",
        ),
        (
            ["{vms: [a, b], vmRule: positive}", f"{{vms: [a, b], vmRule: {SOFT}}}"],
            "warning: affinitygroup/g1 keeps a, b apart",
        ),
        (
            ["{vms: [a], hosts: [kvm1], hostRule: positive}", "{vms: [a], hosts: [kvm1], hostRule: negative}"],
            "affinitygroup/g1 leaves no host for vm/a, together with affinitygroup/g0",
        ),
        (
            [
                "{vms: [a], hosts: [kvm1], hostRule: positive}",
                "{vms: [b], hosts: [kvm2], hostRule: positive}",
                "{vms: [a, b], vmRule: positive}",
            ],
            "leaves no host for vm/a, vm/b, together with affinitygroup/g0 and affinitygroup/g2",
        ),
        (
            ["{vms: [pinned, elsewhere], vmRule: positive}"],
            "vmRule: affinitygroup/g0 leaves no host for vm/elsewhere, vm/pinned, their `hosts:` have none in common",
        ),
        (
            ["{vms: [pinned], hosts: [kvm2], hostRule: positive}"],
            "hostRule: affinitygroup/g0 leaves no host for vm/pinned, its hosts and the VM's `hosts:` have none",
        ),
    ],
)
def test_what_cannot_be_is_told_with_its_place_and_group(specs: list[str], said: str, faults: Faults) -> None:
    (found,) = faults(groups(*specs))
    assert said in found
    assert found.startswith("more.yaml:")


def test_more_vms_to_keep_apart_than_there_are_hosts_is_a_warning(faults: Faults) -> None:
    (found,) = faults(groups("{vms: [a, b, c, pinned], vmRule: negative}"))
    assert "warning: affinitygroup/g0 keeps 4 running VMs apart, and its cluster has 3 hosts" in found


def test_members_are_of_the_group_s_own_cluster(faults: Faults, read: Read) -> None:
    two = "---\n".join(
        [
            document("Cluster", "one", "{}"),
            document("Cluster", "two", "{}"),
            labelled("VirtualMachine", "a", "{cluster: one}", "{tier: web}"),
            labelled("VirtualMachine", "b", "{cluster: two}", "{tier: web}"),
            labelled("VirtualMachine", "c", "{cluster: one}", "{tier: web, zone: x}"),
            "",
        ]
    )
    host = "metadata: {name: kvm1}\nspec: {cluster: one,"
    base = BASE.replace("metadata: {name: kvm1}\nspec: {", host)
    wrong = two + document("AffinityGroup", "g", "{cluster: one, vms: [a, b], vmRule: positive}")
    (found,) = faults(wrong, base=base)
    assert "vms: vm/b cannot be a member, it is in cluster two, the group in one; make one group per cluster" in found
    right = two + document("AffinityGroup", "g", "{cluster: one, vmLabels: {tier: web}, vmRule: positive}")
    catalog = read(right, base=base)
    group = catalog.get("AffinityGroup", "g")
    assert group is not None
    assert affinity.vms_of(group, affinity.Members(catalog.of("VirtualMachine"))) == ("a", "c")


def test_the_only_cluster_need_not_be_named_and_one_of_several_must(faults: Faults) -> None:
    assert faults(groups("{vms: [a, b], vmRule: negative}")) == []
    clusters = document("Cluster", "one", "{}") + "---\n" + document("Cluster", "two", "{}")
    found = faults(clusters + "---\n" + document("AffinityGroup", "g", "{vmRule: negative}"))
    assert any("AffinityGroup" in each or "cluster: `cluster` is missing" in each for each in found)


def test_groups_that_share_vms_are_one() -> None:
    found = affinity.united({"x": ["a", "b"], "y": ["c", "d"], "z": ["b", "e"], "w": ["e", "c"]})
    assert [(sorted(each.vms), each.groups) for each in found] == [(["a", "b", "c", "d", "e"], ("w", "x", "y", "z"))]
