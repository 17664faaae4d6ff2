"""Placement: which host is chosen under each policy, and which filter says no to which host and why."""

from __future__ import annotations

import pytest
from site_on_paper import GIB, MIB, Paper, document, host, paper, vm

from drivers.seen import Capabilities, SeenHost
from reconciler.place.choose import Room, choose, demand, survey
from reconciler.place.filters import FILTERS
from reconciler.place.policies import POLICIES
from reconciler.place.rules import Filter, Reads
from reconciler.place.weights import WEIGHTS
from specs.kinds import schedulingpolicy as known
from specs.structs import replace

HOSTS = host("kvm1") + host("kvm2") + host("kvm3")


def cluster(spec: str) -> str:
    return document("Cluster", "main", f"{{{spec}}}")


def placed(site: Paper, *names: str) -> list[str]:
    """Where VMs go, one after the other."""
    room = site.room()
    return [choose(demand(site.wanted.vms[name]), room).host for name in names]


def why_not(site: Paper, name: str, **changes: object) -> dict[str, str]:
    """Why hosts cannot take a VM; `changes` are those of kvm1 as it is seen."""
    room = site.room()
    room.seen = {**room.seen, "kvm1": replace(room.seen["kvm1"], **changes)}  # type: ignore[arg-type]
    return dict(choose(demand(site.wanted.vms[name]), room).rejected)


@pytest.mark.parametrize(
    ("says", "asked", "why"),
    [
        ("memory: 4GiB", 4 * GIB, "2GiB free, 4GiB needed and 144MiB for QEMU (Memory)"),
        ("memory: 4GiB, memoryPolicy: {locked: true}", 4 * GIB, "2GiB free, 4GiB needed and 144MiB for QEMU (Memory)"),
        (
            "memory: 4GiB, memoryPolicy: {guaranteed: 3GiB}",
            3 * GIB,
            "2GiB free, 3GiB guaranteed memory needed and 144MiB for QEMU (Memory)",
        ),
        ("memory: 4GiB, memoryPolicy: {guaranteed: 1GiB}", GIB, ""),
        ("memory: 4GiB, memoryPolicy: {guaranteed: 0B}", 0, ""),
        ("instanceType: lean", GIB, ""),
    ],
)
def test_a_host_must_have_what_is_guaranteed_or_else_all_of_the_memory(says: str, asked: int, why: str) -> None:
    lean = document("InstanceType", "lean", "{memory: 4GiB, memoryPolicy: {guaranteed: 1GiB}}")
    site = paper(host("kvm1") + lean + document("VirtualMachine", "web", f"{{cpu: 1, {says}}}"), "")
    room = site.room()
    room.seen = {"kvm1": replace(room.seen["kvm1"], memory_free=2 * GIB)}
    found = choose(demand(site.wanted.vms["web"]), room)
    assert found.host == ("" if why else "kvm1")
    assert found.rejected == ({"kvm1": why} if why else {})
    assert room.free("kvm1") == 2 * GIB - (0 if why else asked + 144 * MIB)


def test_every_filter_and_weight_that_can_be_named_is_in_the_tables() -> None:
    assert {each.name for each in FILTERS} == {*known.MANDATORY_FILTERS, *known.OPTIONAL_FILTERS}
    assert {each.name for each in WEIGHTS} == set(known.WEIGHTS)
    assert {name for each in POLICIES.values() for name in each.weights} <= set(known.WEIGHTS)


@pytest.mark.parametrize(
    ("policy", "where", "hosts"),
    [
        ("none", "kvm1: a", ["kvm2", "kvm3", "kvm1"]),
        ("evenly_distributed", "kvm1: a, kvm3: b", ["kvm2", "kvm1", "kvm2"]),
        ("power_saving", "kvm2: a", ["kvm2", "kvm2", "kvm2"]),
        ("vm_evenly_distributed", "kvm1: a b, kvm2: big", ["kvm3", "kvm2", "kvm3"]),
        ("cluster_maintenance", "kvm1: a", ["", "", ""]),
    ],
)
def test_each_policy_has_its_own_idea_of_the_best_host(policy: str, where: str, hosts: list[str]) -> None:
    vms = "".join(vm(name) for name in "abxyz") + vm("big").replace("cpu: 1", "cpu: 4")
    site = paper(cluster(f"schedulingPolicy: {policy}") + HOSTS + vms, where)
    assert placed(site, "x", "y", "z") == hosts


def test_power_saving_leaves_a_host_that_is_overutilized_and_one_that_is_empty_for_last() -> None:
    says = "schedulingPolicy: {policy: power_saving, parameters: {HighUtilization: 50}}"
    site = paper(cluster(says) + HOSTS + vm("a") + vm("b") + vm("c") + vm("x"), "kvm1: a b c")
    assert survey(demand(site.wanted.vms["x"]), site.room()).scores == {
        "kvm1": 2 * 1 + 3,
        "kvm2": 2 * 3 + 2,
        "kvm3": 2 * 3 + 2,
    }
    assert placed(site, "x") == ["kvm2"]


def test_in_a_cluster_that_is_maintained_only_highly_available_vms_are_started() -> None:
    vms = vm("x") + vm("ha", "highAvailability: {priority: 10}")
    site = paper(cluster("schedulingPolicy: cluster_maintenance") + HOSTS + vms, "")
    assert placed(site, "x", "ha") == ["", "kvm1"]
    told = "the cluster is in maintenance: only highly available VMs are started (ClusterInMaintenance)"
    assert why_not(site, "x")["kvm3"] == told


def test_a_preferred_host_is_taken_until_it_is_full_and_then_another() -> None:
    vms = "".join(vm(name, "preferredHosts: [kvm3]").replace("64MiB", "3GiB") for name in "xyz")
    assert placed(paper(HOSTS + vms, ""), "x", "y", "z") == ["kvm3", "kvm3", "kvm1"]


def test_what_a_plan_gives_counts_for_the_next_vm_of_the_plan() -> None:
    vms = "".join(vm(name).replace("64MiB", "5GiB") for name in "wxyz")
    assert placed(paper(HOSTS + vms, ""), "w", "x", "y", "z") == ["kvm1", "kvm2", "kvm3", ""]


@pytest.mark.parametrize(("percent", "host"), [("100%", ""), ("150%", "kvm1")])
def test_no_more_is_promised_than_the_cluster_overcommits(percent: str, host: str) -> None:
    balloon = "{cpu: 1, memory: 6GiB, memoryPolicy: {guaranteed: 5GiB}}"
    vms = document("VirtualMachine", "a", balloon) + document("VirtualMachine", "x", balloon)
    site = paper(cluster(f"memoryOvercommit: {percent}") + globals()["host"]("kvm1") + vms, "kvm1: a")
    room = site.room()
    room.seen = {"kvm1": replace(room.seen["kvm1"], memory_free=8 * GIB)}  # the guest gave it back
    found = choose(demand(site.wanted.vms["x"]), room)
    assert found.host == host
    told = "2924MiB left to promise to VMs, 5GiB guaranteed memory needed and 148MiB for QEMU (Memory)"
    assert found.rejected == ({} if host else {"kvm1": told})


def test_vms_that_nobody_declares_count_for_what_a_host_may_promise() -> None:
    site = paper(HOSTS + vm("a"), "kvm1: a")
    there = site.context().observed.seen["kvm1"].vms
    room: Room = paper(HOSTS + vm("b"), "").room()
    before = room.promisable("kvm1")
    room.foreign(there[0], "kvm1")
    assert before - room.promisable("kvm1") == demand(site.wanted.vms["a"]).overhead + 64 * MIB
    assert (room.of("kvm1").guests, room.load("kvm1")) == (1, 0.25)


@pytest.mark.parametrize(
    ("spec", "changes", "why"),
    [
        ("cpu: 6", {}, "4 CPUs, 6 needed (CPU)"),
        ("nics: [lan]", {}, "network lan: not on this host (Network)"),
        (
            "machine: pc-q35-9.2",
            {"capabilities": Capabilities(machines=frozenset({"q35"}))},
            "QEMU on kvm1 has no machine pc-q35-9.2 (it has q35) (Emulated-Machine)",
        ),
        ("cpu: 1", {"memory_free": 0}, "0B free, 64MiB needed and 136MiB for QEMU (Memory)"),
        ("cpu: 1", {"memory": GIB >> 4}, "64MiB left to promise to VMs, 64MiB needed and 136MiB for QEMU (Memory)"),
    ],
)
def test_a_filter_tells_why_it_takes_a_host_out(spec: str, changes: dict[str, object], why: str) -> None:
    networks = document("Network", "lan", "{subnet: 192.168.150.0/24}") if "lan" in spec else ""
    machine = document("VirtualMachine", "x", f"{{memory: 64MiB, {spec}}}")
    found = why_not(paper(HOSTS + networks + machine, ""), "x", **changes)
    assert found.get("kvm1", "") == why


def test_a_policy_of_ones_own_has_only_the_filters_and_weights_that_it_names() -> None:
    own = document(
        "SchedulingPolicy", "quiet",
        "{filters: [Memory], weights: {OptimalForEvenGuestDistribution: 1, PreferredHosts: 0}}",
    )  # fmt: skip
    vms = vm("a") + document("VirtualMachine", "x", "{cpu: 64, memory: 64MiB, preferredHosts: [kvm1]}")
    site = paper(cluster("schedulingPolicy: quiet") + own + HOSTS + vms, "kvm1: a")
    found = survey(demand(site.wanted.vms["x"]), site.room())
    assert (found.rejected, found.scores) == ({}, {"kvm1": 1, "kvm2": 3, "kvm3": 3})


def test_a_rank_is_the_number_of_hosts_that_are_no_better() -> None:
    site = paper(HOSTS + vm("a") + vm("b") + vm("x"), "kvm1: a, kvm2: b")
    found = survey(demand(site.wanted.vms["x"]), site.room())
    assert found.scores == {"kvm1": 2 * 2 + 2, "kvm2": 2 * 2 + 2, "kvm3": 2 * 3 + 3}
    assert found.host == "kvm3"


def test_a_host_whose_cpus_are_busy_takes_nothing_more() -> None:
    site = paper(HOSTS + vm("x"), "", loads={"kvm1": 95.0, "kvm2": 30.0, "kvm3": 20.0})
    assert placed(site, "x") == ["kvm3"]
    assert why_not(site, "x") == {"kvm1": "its CPUs are busy at 95%, more than 80% (CPUOverloaded)"}


def test_a_vm_that_may_stay_is_not_counted_against_its_own_host() -> None:
    site = paper(HOSTS + vm("a").replace("64MiB", "7GiB"), "kvm2: a")
    room = site.room()
    asked = room.on("kvm2")["a"]
    before = room.free("kvm2")
    assert choose(asked, room).host in ("kvm1", "kvm2", "kvm3")
    assert choose(asked, room, but=frozenset({"kvm1", "kvm3"})).host == "kvm2"
    assert (room.where, room.free("kvm2")) == ({"a": "kvm2"}, before)


def test_hosts_without_a_reading_are_out() -> None:
    site = paper(HOSTS + vm("x"), "", unseen=frozenset({"kvm1"}))
    room = site.room()
    assert isinstance(room.seen["kvm2"], SeenHost)
    assert choose(demand(site.wanted.vms["x"]), room).rejected == {"kvm1": "not reachable (Reachable)"}


VARIETY = (
    "{cpu: 1, memory: 1GiB}",
    "{cpu: 2, memory: 1GiB}",
    "{cpu: 9, memory: 1GiB}",
    "{cpu: 1, memory: 9GiB}",
    "{cpu: 1, memory: 9GiB, memoryPolicy: {guaranteed: 1GiB}}",
    "{cpu: 1, memory: 9GiB, memoryPolicy: {hugepages: default}}",
    "{cpu: {count: 1, model: EPYC}, memory: 1GiB}",
    "{cpu: {count: 1, model: host-passthrough}, memory: 1GiB}",
    "{cpu: {count: 1, features: +aes}, memory: 1GiB}",
    "{cpu: 1, memory: 1GiB, nics: [lan]}",
    "{cpu: 1, memory: 1GiB, nics: [{name: lan, model: igb}]}",
    "{cpu: 1, memory: 1GiB, nics: [{name: lan, network: 'bridge:br0', vlan: {tags: [5]}}]}",
    "{cpu: 1, memory: 1GiB, disks: [{name: a, size: 1GiB, storageDomain: nfs}]}",
    "{cpu: 1, memory: 1GiB, machine: pc-q35-9.2}",
    "{cpu: 1, memory: 1GiB, firmware: uefi}",
    "{cpu: 1, memory: 1GiB, tpm: {enabled: true}}",
    "{cpu: 1, memory: 1GiB, graphics: spice}",
    "{cpu: 1, memory: 1GiB, state: stopped}",
    "{cpu: 1, memory: 1GiB, highAvailability: true}",
    "{cpu: 1, memory: 1GiB, preferredHosts: [kvm2]}",
)


@pytest.mark.parametrize("emulation", ["auto", "kvm", "tcg"])
def test_vms_of_which_a_rule_says_the_same_key_get_the_same_answers(emulation: str) -> None:
    domains = document("StorageDomain", "nfs", "{type: posix, path: /srv}") + document(
        "Network", "lan", "{subnet: 192.168.150.0/24}"
    )
    vms = "".join(document("VirtualMachine", f"v{number}", spec) for number, spec in enumerate(VARIETY))
    site = paper(cluster(f"emulation: {emulation}") + HOSTS + domains + vms, "")
    room = site.room()
    able = Capabilities(
        kvm=True, machines=frozenset({"q35"}), firmwares=frozenset({"bios"}), graphics=frozenset({"vnc"}),
        offers={"tpm.supported": frozenset({"no"}), "cpu.kvm": frozenset({"qemu64"})},
    )  # fmt: skip
    old = replace(room.seen["kvm1"], libvirt=9_000_000, hypervisor=7_002_000, capabilities=able)
    room.seen = {**room.seen, "kvm1": old}
    demands = [demand(each) for each in site.wanted.vms.values()]
    rejecting = set()
    for rule in (*FILTERS, *WEIGHTS):
        answers: dict[object, object] = {}
        for asked in demands if rule.reads is not Reads.ROOM else ():
            if not rule.concerns(asked, room):
                continue
            ask = rule.why if isinstance(rule, Filter) else rule.weigh
            said = [ask(asked, name, room) for name in ("kvm1", "kvm2")]
            assert answers.setdefault(rule.key(asked), said) == said, (rule.name, asked.vm.fields)
            rejecting |= {rule.name} if isinstance(rule, Filter) and said[0] else set()
    assert rejecting >= {"Network", "Storage", "Emulated-Machine", "CPU", "Memory"}, rejecting
