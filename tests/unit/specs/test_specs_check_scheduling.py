"""Checks of placement's words: policies, filters, weights and parameters that exist, hosts that can be preferred."""

from __future__ import annotations

import pytest
from conftest import BASE, Faults, document


def joined(*documents: str) -> str:
    return "---\n".join(documents)


@pytest.mark.parametrize(
    ("kind", "name", "spec", "said"),
    [
        ("Cluster", "default", "{schedulingPolicy: evenly_distribute}", "did you mean `evenly_distributed`?"),
        (
            "Cluster",
            "default",
            "{schedulingPolicy: mine}",
            "there is no scheduling policy `mine`; use one of none, evenly",
        ),
        ("Cluster", "default", "{schedulingPolicy: {parameters: {HighUtilization: 40}}}", "HighUtilization"),
        (
            "Cluster",
            "default",
            "{schedulingPolicy: {parameters: {highUtilization: 80}}}",
            "did you mean `HighUtilization`?",
        ),
        ("Cluster", "default", "{schedulingPolicy: {parameters: {LowUtilization: 50}}}", "LowUtilization"),
        ("Cluster", "default", "{schedulingPolicy: {parameters: {MigrationThreshold: 1}}}", "MigrationThreshold"),
        ("Cluster", "default", "{memoryOvercommit: 5%}", "memoryOvercommit: 5% is no sensible share"),
        ("Cluster", "default", "{memoryOvercommit: 1500%}", "write 10% to 1000%"),
        ("Cluster", "default", "{memoryOvercommit: 150}", "is not a percentage"),
        ("SchedulingPolicy", "none", "{}", "`none` is a built-in policy"),
        ("SchedulingPolicy", "mine", "{filters: [Memroy]}", "there is no filter `Memroy`; did you mean `Memory`?"),
        (
            "SchedulingPolicy",
            "mine",
            "{weights: {PreferedHosts: 1}}",
            "there is no weight `PreferedHosts`; did you mean",
        ),
        ("SchedulingPolicy", "mine", "{weights: {PreferredHosts: -1}}", "weights"),
        ("SchedulingPolicy", "mine", "{balancer: Often}", "balancer"),
        ("VirtualMachine", "web", "{preferredHosts: [kvm2]}", "there is no host/kvm2; did you mean `kvm1`?"),
    ],
)
def test_a_fault_is_told_at_its_place(kind: str, name: str, spec: str, said: str, faults: Faults) -> None:
    found = faults(joined(document(kind, name, spec)))
    assert any(said in each for each in found), found


def test_a_preferred_host_that_can_never_be_taken_is_told(faults: Faults) -> None:
    other = [
        document("Cluster", "lab", "{}"),
        document("Cluster", "main", "{}"),
        document("Host", "kvm8", "{uri: 'qemu+tls://kvm8/system', cluster: main}"),
        document("Host", "kvm9", "{uri: 'qemu+tls://kvm9/system', cluster: lab}"),
        document("VirtualMachine", "web", "{cluster: main, preferredHosts: [kvm9]}"),
        document("VirtualMachine", "db", "{cluster: main, hosts: [kvm8], preferredHosts: [kvm8, kvm1]}"),
    ]
    found = faults(joined(*other), base=BASE.replace("kvm1.lan/system", "kvm1.lan/system, cluster: main"))
    assert [each.partition("preferredHosts: ")[2] for each in found] == [
        "host/kvm9 cannot run it, it is in cluster lab, the VM in main; name hosts of the VM's cluster",
        "warning: kvm1 is never taken, "
        "`hosts` does not name it, and no other may run the VM; name it in `hosts`, or not here",
    ]


def test_names_of_ovirt_are_taken(faults: Faults) -> None:
    policy = (
        "{filters: [PinToHost, Memory, CPU, ClusterInMaintenance], balancer: OptimalForPowerSaving,"
        " weights: {CPU for high performance VMs: 4, OptimalForHaReservation: 0},"
        " parameters: {HighVmCount: 3, MinFreeMemoryForUnderUtilized: 4GiB}}"
    )
    cluster = (
        "{schedulingPolicy: {policy: mine, parameters: {CpuOverCommitDurationMinutes: 3}}, memoryOvercommit: 200%}"
    )
    assert not faults(joined(document("SchedulingPolicy", "mine", policy), document("Cluster", "default", cluster)))
