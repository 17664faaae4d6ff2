"""Affinity: hard rules filter, soft ones weigh; what is broken is put right, one step in each pass."""

from __future__ import annotations

import pytest
from site_on_paper import group, host, paper, vm

from drivers.mark import Override
from reconciler.place import affinity
from reconciler.place.choose import choose, demand

HOSTS = host("kvm1", labels="{rack: a}") + host("kvm2", labels="{rack: a}") + host("kvm3", labels="{rack: b}")
VMS = vm("a", labels="{tier: web}") + vm("b", labels="{tier: web}") + vm("c", labels="{tier: web}")
APART = "vms: [a, b, c], vmRule: negative"
TOGETHER = "vms: [a, b, c], vmRule: positive"


def rejected(groups: str, where: str, name: str = "c") -> dict[str, str]:
    """Why hosts cannot take a VM that is nowhere yet."""
    site = paper(HOSTS + VMS + groups, where)
    found = choose(demand(site.wanted.vms[name]), site.room()).rejected
    return {host: why.removesuffix(")").rpartition(" (")[0] for host, why in found.items()}


@pytest.mark.parametrize(
    ("groups", "where", "said"),
    [
        (group("g", APART), "kvm1: a, kvm2: b", {"kvm1": "affinitygroup/g: vm/a is there"}),
        (group("g", "vmLabels: {tier: web}, vmRule: negative"), "kvm1: a", {"kvm1": "affinitygroup/g: vm/a is there"}),
        (group("g", TOGETHER), "kvm2: a", {"kvm1": "affinitygroup/g: vm/a is on kvm2"}),
        (
            group("g", "vms: [a, b], vmRule: positive") + group("h", "vms: [b, c], vmRule: positive"),
            "kvm2: a",
            {"kvm1": "affinitygroup/g and affinitygroup/h: vm/a is on kvm2"},
        ),
        (group("g", "vms: [c], hosts: [kvm2], hostRule: positive"), "", {"kvm1": "affinitygroup/g wants it on kvm2"}),
        (
            group("g", "vms: [c], hostLabels: {rack: a}, hostRule: negative"),
            "",
            {"kvm1": "affinitygroup/g keeps it off this host", "kvm2": "affinitygroup/g keeps it off this host"},
        ),
        (group("g", APART.replace("negative", "{polarity: negative, enforcing: false}")), "kvm1: a", {}),
        (group("g", TOGETHER), "", {}),
    ],
)
def test_a_hard_rule_tells_which_hosts_are_out_and_for_whose_sake(
    groups: str, where: str, said: dict[str, str]
) -> None:
    found = rejected(groups, where)
    assert {name: why for name, why in found.items() if name in said} == said
    assert bool(found) == bool(said)


def test_a_vm_that_is_off_neither_keeps_others_away_nor_binds_them() -> None:
    stopped = vm("a", "state: stopped", "{tier: web}") + vm("b", labels="{tier: web}")
    for rule in ("negative", "positive"):
        group_of_two = group("g", f"vms: [a, b], vmRule: {rule}")
        site = paper(HOSTS + stopped + group_of_two, "kvm1: a b", off=frozenset({"a"}))
        assert site.moves() == {}
        assert choose(demand(site.wanted.vms["b"]), site.room()).rejected == {}
        assert affinity.broken(site.wanted.affinity["g"], site.where, frozenset({"b"})) == ()


def test_a_vm_that_the_plan_starts_counts_as_running() -> None:
    site = paper(HOSTS + VMS + group("g", APART), "kvm1: a b", off=frozenset({"a", "b"}))
    assert len(site.moves()) == 1


@pytest.mark.parametrize(
    ("spec", "where", "names"),
    [
        (APART, {"a": "kvm1", "b": "kvm1", "c": "kvm2"}, ("a", "b")),
        (APART, {"a": "kvm1", "b": "kvm2"}, ()),
        (TOGETHER, {"a": "kvm1", "b": "kvm1", "c": "kvm2"}, ("c",)),
        (TOGETHER, {"a": "kvm2", "b": "kvm1"}, ("a",)),
        ("vms: [a, b], hosts: [kvm1], hostRule: positive", {"a": "kvm1", "b": "kvm2"}, ("b",)),
        ("vms: [a, b], hosts: [kvm1], hostRule: negative", {"a": "kvm1", "b": "kvm2"}, ("a",)),
    ],
)
def test_who_breaks_a_group_is_told_by_name(spec: str, where: dict[str, str], names: tuple[str, ...]) -> None:
    site = paper(HOSTS + VMS + group("g", spec), "")
    assert affinity.broken(site.wanted.affinity["g"], where, frozenset("abc")) == names


@pytest.mark.parametrize(
    ("groups", "where", "steps"),
    [
        (group("g", APART), "kvm1: a b c", 2),
        (group("g", TOGETHER), "kvm1: a b, kvm2: c", 1),
        (group("g", TOGETHER), "kvm1: a, kvm2: b, kvm3: c", 2),
        (group("g", "vms: [a], hosts: [kvm2], hostRule: positive"), "kvm1: a", 1),
        (group("g", "vms: [a, b], hosts: [kvm1], hostRule: negative"), "kvm1: a b", 2),
        (group("g", "vms: [a, b], vmRule: {polarity: negative, enforcing: false}"), "kvm1: a b", 1),
        (group("g", "vms: [a, b], vmRule: {polarity: positive, enforcing: false}"), "kvm1: a, kvm2: b", 1),
        (group("g", "vms: [a], hosts: [kvm2], hostRule: {polarity: positive, enforcing: false}"), "kvm1: a", 1),
    ],
)
def test_a_broken_rule_is_restored_one_step_in_each_pass_and_then_all_is_quiet(
    groups: str, where: str, steps: int
) -> None:
    site = paper(HOSTS + VMS + groups, where)
    for _ in range(steps):
        assert len(site.step()) == 1
    assert site.step() == []
    spec = site.wanted.affinity["g"]
    assert affinity.broken(spec, site.where, frozenset(site.where)) == ()


def test_hard_rules_come_before_soft_ones_and_hosts_before_vms() -> None:
    soft = group("a-soft", "vms: [a, b], vmRule: {polarity: negative, enforcing: false}")
    hosts = group("hosts", "vms: [c], hosts: [kvm3], hostRule: positive")
    between = group("vms", "vms: [b, d], vmRule: positive")
    site = paper(HOSTS + VMS + vm("d") + soft + hosts + between, "kvm1: a b c, kvm2: d")
    assert site.step() == ["c: kvm1 → kvm3"]
    assert [each.split(":")[0] for each in site.step()] == ["b"]
    assert site.step() == []


def test_vms_that_belong_together_leave_a_host_that_is_not_allowed_in_one_pass() -> None:
    rules = group("g", TOGETHER) + group("h", "vms: [a], hosts: [kvm1], hostRule: negative")
    site = paper(HOSTS + VMS + rules, "kvm1: a b c")
    assert len(site.step()) == 3
    assert len(set(site.where.values())) == 1
    assert site.step() == []


def test_a_hard_rule_that_cannot_be_kept_is_held_with_the_reason_of_every_host() -> None:
    rules = group("g", "vms: [a, b], vmRule: negative") + group("h", "vms: [a, b], hosts: [kvm1], hostRule: positive")
    site = paper(HOSTS + VMS + rules, "kvm1: a b")
    (move,) = site.moves().values()
    assert move.held is not None
    assert move.why == "affinitygroup/g: not on one host with vm/b"
    assert site.step() == []


def test_a_soft_rule_that_cannot_be_kept_is_left_in_silence() -> None:
    soft = group("g", "vms: [a, b], vmRule: {polarity: negative, enforcing: false}")
    site = paper(HOSTS + VMS + soft + group("h", "vms: [a, b], hosts: [kvm1], hostRule: positive"), "kvm1: a b")
    assert site.moves() == {}


def test_of_soft_rules_that_contradict_the_one_of_more_weight_wins() -> None:
    rules = group("apart", "priority: 5, vms: [a, b], vmRule: {polarity: negative, enforcing: false}")
    rules += group("together", "vms: [a, b], vmRule: {polarity: positive, enforcing: false}")
    assert len(paper(HOSTS + VMS + rules, "kvm1: a b").settle()) == 1
    assert paper(HOSTS + VMS + rules, "kvm1: a, kvm2: b").settle() == []


@pytest.mark.parametrize("trouble", ["unseen", "migrating", "maintenance", "upgrade", "power"])
def test_nothing_is_enforced_while_a_host_is_in_trouble_or_a_vm_migrates(trouble: str) -> None:
    documents, more = HOSTS + VMS + group("g", APART), {}
    if trouble == "unseen":
        more["unseen"] = frozenset({"kvm3"})
    elif trouble in ("upgrade", "power"):
        more["overrides"] = {"cluster/default": (Override(kind=trouble, value="starting", field="1"),)}
    elif trouble == "migrating":
        more["migrating"] = frozenset({"c"})
    else:
        documents = documents.replace("kvm3/system'", "kvm3/system', maintenance: true")
    site = paper(documents, "kvm1: a b, kvm3: c", **more)
    assert [name for name, each in site.moves().items() if each.mover == "affinity"] == []


def test_rules_yield_to_a_drain_and_are_restored_after_it() -> None:
    documents = HOSTS + VMS + group("g", APART)
    site = paper(documents.replace("kvm3/system'", "kvm3/system', maintenance: true"), "kvm1: a, kvm2: b, kvm3: c")
    (left,) = site.settle()
    assert left.startswith("c: kvm3 → ")
    site.wanted = paper(documents, "").wanted
    assert len(site.settle()) == 1
    assert len(set(site.where.values())) == 3


def test_a_group_that_says_hold_keeps_its_vm_on_a_host_that_is_to_be_emptied() -> None:
    documents = HOSTS + VMS + group("g", APART + ", duringMaintenance: hold")
    site = paper(documents.replace("kvm3/system'", "kvm3/system', maintenance: true"), "kvm1: a, kvm2: b, kvm3: c")
    (move,) = site.moves().values()
    assert move.held is not None
    assert "affinitygroup/g: vm/a is there" in move.held.text


def test_a_rule_about_hosts_never_yields_to_a_drain() -> None:
    documents = HOSTS + VMS + group("g", "vms: [a], hosts: [kvm1], hostRule: positive")
    site = paper(documents.replace("kvm1/system'", "kvm1/system', maintenance: true"), "kvm1: a")
    (move,) = site.moves().values()
    assert move.held is not None
    assert "affinitygroup/g wants it on kvm1" in move.held.text


def test_where_a_vm_s_move_failed_another_one_is_moved_instead_and_else_it_is_held() -> None:
    rules = group("g", "vms: [a, b], vmRule: negative")
    tired = {"vm/a": "its last move failed"}
    assert paper(HOSTS + VMS + rules, "kvm1: a b").step()[0].startswith("a: ")
    assert paper(HOSTS + VMS + rules, "kvm1: a b", backoff=tired).step()[0].startswith("b: ")
    at_home = group("g", "vms: [a], hosts: [kvm2], hostRule: positive")
    (move,) = paper(HOSTS + VMS + at_home, "kvm1: a", backoff=tired).moves().values()
    assert move.held is not None
    assert move.held.reason == "BackingOff"


def test_vms_that_belong_together_follow_their_hosts_together() -> None:
    together = group("g", "vms: [a, b], vmRule: positive")
    moved = vm("a", "hosts: [kvm2]") + vm("b", "hosts: [kvm2, kvm3]")
    site = paper(HOSTS + moved + together, "kvm1: a b")
    site.settle()
    assert site.where == {"a": "kvm2", "b": "kvm2"}


BOUND = vm("a") + vm("b", "hosts: [kvm2, kvm3]") + vm("c")


def test_the_first_of_a_group_goes_where_all_of_it_may_run() -> None:
    site = paper(HOSTS + BOUND + group("g", TOGETHER), "")
    room = site.room()
    found = choose(demand(site.wanted.vms["a"]), room)
    assert found.rejected == {"kvm1": "affinitygroup/g: not all of its VMs may run there (VmAffinityGroups)"}
    assert {choose(demand(site.wanted.vms[name]), room).host for name in "bc"} == {found.host}


def test_a_rule_about_hosts_counts_for_all_that_belong_together() -> None:
    groups = group("g", TOGETHER) + group("h", "vms: [c], hosts: [kvm1, kvm2], hostRule: negative")
    site = paper(HOSTS + VMS + groups, "")
    assert choose(demand(site.wanted.vms["a"]), site.room()).host == "kvm3"


def test_where_no_host_that_is_up_may_run_all_of_a_group_each_goes_where_it_may() -> None:
    site = paper(HOSTS + BOUND + group("g", TOGETHER), "", unseen=frozenset({"kvm2", "kvm3"}))
    assert choose(demand(site.wanted.vms["a"]), site.room()).host == "kvm1"


@pytest.mark.parametrize("hard", ["true", "false"])
def test_vms_that_must_not_move_do_not_keep_others_from_being_put_right(hard: str) -> None:
    bound = [f"a{number:02}" for number in range(60)]
    vms = "".join(vm(name, "migration: never") for name in bound) + vm("z")
    rule = f"vms: [{', '.join(bound)}, z], vmRule: {{polarity: negative, enforcing: {hard}}}"
    site = paper(HOSTS + vms + group("g", rule), f"kvm1: {' '.join(bound)} z")
    assert site.step() == ["z: kvm1 → kvm2"]
