"""Balancing: few moves, only for the better by the policy's measure, and after some passes none."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from site_on_paper import GIB, MIB, Paper, document, group, host, paper, vm

from reconciler.place.moving.movers import balance
from specs.kinds.schedulingpolicy import Balancer

HOSTS = host("kvm1") + host("kvm2") + host("kvm3")
NAMES = "abcdefghijklmnopqrstuvwxyz"


def vms(count: int, spec: str = "") -> str:
    return "".join(vm(name, spec) for name in NAMES[:count])


def cluster(policy: str, parameters: str = "") -> str:
    said = f"{{policy: {policy}, parameters: {{{parameters}}}}}" if parameters else policy
    return document("Cluster", "default", f"{{schedulingPolicy: {said}}}")


def guests(parameters: str = "HighVmCount: 3, MigrationThreshold: 2") -> str:
    return cluster("vm_evenly_distributed", parameters)


def counts(site: Paper) -> list[int]:
    return sorted(list(site.where.values()).count(name) for name in site.wanted.hosts)


def balanced(site: Paper) -> list[str]:
    """What the balancer moves in this pass."""
    return [name for name, move in site.moves().items() if move.mover == "balance"]


@pytest.mark.parametrize(
    ("parameters", "where", "after"),
    [
        ("HighVmCount: 3, MigrationThreshold: 2", "kvm1: a b c d e f", [2, 2, 2]),
        ("HighVmCount: 3, MigrationThreshold: 5", "kvm1: a b c d e f", [1, 1, 4]),
        ("HighVmCount: 10, MigrationThreshold: 2", "kvm1: a b c d e f", [0, 0, 6]),
        ("HighVmCount: 5, MigrationThreshold: 2", "kvm1: a b c d e f", [1, 1, 4]),
        ("HighVmCount: 3, MigrationThreshold: 2", "kvm1: a b c, kvm2: d e, kvm3: f", [2, 2, 2]),
        ("HighVmCount: 3, MigrationThreshold: 3", "kvm1: a b c, kvm2: d e, kvm3: f", [1, 2, 3]),
    ],
)
def test_guests_are_distributed_as_far_as_the_parameters_ask(parameters: str, where: str, after: list[int]) -> None:
    site = paper(guests(parameters) + HOSTS + vms(6), where)
    assert len(site.step()) <= 1
    site.settle()
    assert counts(site) == after
    assert site.step() == []


def test_a_policy_without_a_balancer_moves_nothing() -> None:
    site = paper(HOSTS + vms(12), "kvm1: a b c d e f g h i j k l", loads={"kvm1": 99.0, "kvm2": 1.0, "kvm3": 1.0})
    assert site.moves() == {}


def test_only_one_vm_is_moved_in_each_cluster_and_pass() -> None:
    more = document("Cluster", "other", "{schedulingPolicy: vm_evenly_distributed}")
    documents = guests() + more + host("kvm1", "cluster: default") + host("kvm2", "cluster: default")
    documents += host("kvm8", "cluster: other") + host("kvm9", "cluster: other")
    documents += vms(6, "cluster: default") + "".join(vm(f"z{number}", "cluster: other") for number in range(12))
    others = " ".join(f"z{number}" for number in range(12))
    site = paper(documents, f"kvm1: a b c d e f, kvm8: {others}")
    assert len(site.step()) == 2


def test_the_smallest_vm_is_moved_first() -> None:
    sizes = {"a": 1024, "b": 512, "c": 256, "d": 512}
    documents = "".join(vm(name).replace("64MiB", f"{size}MiB") for name, size in sizes.items())
    (done,) = paper(guests() + HOSTS + documents, "kvm1: a b c d").step()
    assert done.startswith("c: ")


@pytest.mark.parametrize("trouble", ["unseen", "migrating"])
def test_nothing_is_balanced_while_a_host_is_in_trouble_or_a_vm_migrates(trouble: str) -> None:
    more = {"unseen": frozenset({"kvm3"})} if trouble == "unseen" else {"migrating": frozenset({"a"})}
    assert balanced(paper(guests() + HOSTS + vms(6), "kvm1: a b c d e f", **more)) == []


def test_balancing_breaks_no_soft_rule_and_so_is_not_undone() -> None:
    soft = group("g", "vms: [a, b, c, d], vmRule: {polarity: positive, enforcing: false}")
    site = paper(guests() + HOSTS + vms(4) + soft, "kvm1: a b c d")
    assert site.moves() == {}


def test_balancing_takes_no_vm_off_a_host_that_it_prefers() -> None:
    site = paper(guests() + HOSTS + vms(4, "preferredHosts: [kvm1]"), "kvm1: a b c d")
    assert site.moves() == {}


EVEN = cluster("evenly_distributed", "HighUtilization: 80")


def test_the_most_loaded_host_gives_a_vm_to_one_that_stays_clear_of_the_limit() -> None:
    site = paper(EVEN + HOSTS + vms(3), "kvm1: a b, kvm2: c", loads={"kvm1": 90.0, "kvm2": 40.0, "kvm3": 10.0})
    assert site.step() == ["a: kvm1 → kvm3"]


@pytest.mark.parametrize(
    "loads",
    [
        {},
        {"kvm1": 90.0},
        {"kvm1": 79.0, "kvm2": 1.0, "kvm3": 1.0},
        {"kvm1": 90.0, "kvm2": 78.0, "kvm3": 78.0},
        {"kvm1": 85.0, "kvm2": 36.0, "kvm3": 36.0},
    ],
)
def test_nothing_moves_by_load_where_it_is_not_known_or_would_not_be_better_by_a_margin(
    loads: dict[str, float],
) -> None:
    assert balanced(paper(EVEN + HOSTS + vms(3), "kvm1: a b, kvm2: c", loads=loads)) == []


def loaded(site: Paper, busy: dict[str, float]) -> dict[str, float]:
    """Loads of hosts (of 4 CPUs) whose VMs keep that many CPUs busy."""
    found = dict.fromkeys(site.wanted.hosts, 0.0)
    for name, at in site.where.items():
        found[at] += busy[name] / 4 * 100
    return found


@pytest.mark.parametrize("policy", ["evenly_distributed", "power_saving"])
def test_with_measured_loads_balancing_comes_to_an_end(policy: str) -> None:
    busy = {"a": 1.9, "b": 1.6, "c": 0.3, "d": 0.2, "e": 0.1}
    site = paper(cluster(policy) + HOSTS + vms(5), "kvm1: a b, kvm2: c, kvm3: d e")
    for _ in range(20):
        site.loads = loaded(site, busy)
        if not site.step():
            break
    assert site.step() == []
    assert max(site.loads.values()) < 80


def test_power_saving_empties_the_least_loaded_hosts() -> None:
    site = paper(cluster("power_saving") + HOSTS + vms(4), "kvm1: a b, kvm2: c, kvm3: d")
    for _ in range(20):
        site.loads = loaded(site, dict.fromkeys("abcd", 0.1))
        if not site.step():
            break
    assert counts(site) == [0, 0, 4]


def test_without_loads_power_saving_goes_by_memory_where_its_policy_says_so() -> None:
    saving = cluster("power_saving", "MinFreeMemoryForUnderUtilized: 7GiB")
    site = paper(saving + HOSTS + vms(3), "kvm1: a, kvm2: b, kvm3: c")
    site.settle()
    assert counts(site) == [0, 0, 3]
    assert paper(cluster("power_saving") + HOSTS + vms(3), "kvm1: a, kvm2: b, kvm3: c").settle() == []


@pytest.mark.parametrize("policy", ["evenly_distributed", "power_saving"])
def test_a_host_with_too_little_memory_left_gives_the_smallest_vm_that_is_enough(policy: str) -> None:
    even = cluster(policy, "MaxFreeMemoryForOverUtilized: 2GiB")
    sizes = {"a": 4096, "b": 1024, "c": 2048}
    documents = even + HOSTS + "".join(vm(name).replace("64MiB", f"{size}MiB") for name, size in sizes.items())
    site = paper(documents, "kvm1: a b c", memory=8 * GIB)
    (done,) = site.settle()
    assert done.startswith(("b: ", "c: "))
    assert sum(sizes[name] * MIB for name, at in site.where.items() if at == "kvm1") <= 7 * GIB


def test_every_balancer_that_a_policy_can_name_is_there() -> None:
    assert set(balance.BALANCERS) == set(get_args(Balancer))


@settings(max_examples=30, deadline=None)
@given(
    policy=st.sampled_from(("evenly_distributed", "power_saving")),
    limits=st.sampled_from(("", "MaxFreeMemoryForOverUtilized: 2GiB", "MinFreeMemoryForUnderUtilized: 4GiB")),
    busy=st.lists(st.floats(0.0, 2.5), min_size=6, max_size=6),
    sizes=st.lists(st.sampled_from((256, 1024, 3072)), min_size=6, max_size=6),
    places=st.lists(st.integers(0, 2), min_size=6, max_size=6),
    known=st.lists(st.booleans(), min_size=3, max_size=3),
)
def test_balancing_never_flaps_whatever_the_loads_are(policy, limits, busy, sizes, places, known) -> None:
    """Loads follow the VMs; hosts whose load is not known never learn it."""
    names = NAMES[:6]
    documents = "".join(vm(name).replace("64MiB", f"{size}MiB") for name, size in zip(names, sizes, strict=True))
    site = paper(cluster(policy, limits) + HOSTS + documents, "")
    site.where = {name: f"kvm{place + 1}" for name, place in zip(names, places, strict=True)}
    of = dict(zip(names, busy, strict=True))
    hidden = [name for name, is_known in zip(site.wanted.hosts, known, strict=True) if not is_known]
    been = []
    while True:
        site.loads = {name: each for name, each in loaded(site, of).items() if name not in hidden}
        site.vm_loads = {(at, name): of[name] for name, at in site.where.items()}
        assert site.where not in been, "it came back to where it was"
        been.append(dict(site.where))
        if not site.step():
            return


def test_vms_that_must_not_move_do_not_keep_others_from_it() -> None:
    policy = "{policy: vm_evenly_distributed, parameters: {HighVmCount: 2, MigrationThreshold: 2}}"
    bound = [f"a{number:02}" for number in range(25)]
    vms = "".join(vm(name, f"migration: {'never' if name < 'a12' else 'manual'}") for name in bound) + vm("z")
    documents = document("Cluster", "default", f"{{schedulingPolicy: {policy}}}") + host("kvm1") + host("kvm2") + vms
    assert paper(documents, f"kvm1: {' '.join(bound)} z").step() == ["z: kvm1 → kvm2"]
