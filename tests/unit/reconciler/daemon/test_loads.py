"""Loads: percents come from counters over the policy's minutes, and only while the same VMs ran."""

from __future__ import annotations

import threading

import pytest

from drivers.seen import Power, SeenHost, SeenVm
from reconciler.daemon.loads import Loads
from reconciler.desired.resolve import Sources, resolve
from reconciler.desired.wanted import Wanted
from reconciler.observe.observed import Observed
from specs.fields import Secret
from specs.load import load
from specs.structs import replace
from specs.tree import Folder
from tests.flow.site import Site, vm_yaml

DOCUMENTS = """
apiVersion: gitvirt/v1
kind: Repository
metadata: {name: home}
spec: {id: 5a1d1f0e-6f0f-4c7b-9d8e-0f3c6f6e5b11}
---
apiVersion: gitvirt/v1
kind: Cluster
metadata: {name: default}
spec: {schedulingPolicy: {policy: POLICY, parameters: {CpuOverCommitDurationMinutes: 2}}}
---
apiVersion: gitvirt/v1
kind: Host
metadata: {name: kvm1}
spec: {uri: "qemu+tls://kvm1/system"}
"""


CLUSTER = "apiVersion: gitvirt/v1\nkind: Cluster\nmetadata: {name: default}\nspec: "


class Counter:
    """A host of four CPUs whose counter is set by hand, and a clock."""

    def __init__(self, folder, policy: str = "none") -> None:
        (folder / "gitvirt.yaml").write_text(DOCUMENTS.replace("POLICY", policy))
        self.wanted: Wanted = resolve(load(Folder(folder)), "r1", Sources(files={}, reveal=lambda *_: Secret("x")))
        self.now = 0.0
        self.loads = Loads(clock=lambda: self.now)
        self.seen = SeenHost(name="kvm1", uuid="", cpus=4, cpu_time=1)

    def after(self, seconds: float, busy: float = 0.0) -> Observed:
        """The next sample: that many seconds later, with that many CPUs busy meanwhile."""
        self.now += seconds
        self.seen = replace(self.seen, cpu_time=self.seen.cpu_time + int(seconds * busy * 1e9))
        return self.loads.measured(self.wanted, Observed(hosts={"kvm1": self.seen}), {})


@pytest.fixture
def counter(tmp_path) -> Counter:
    return Counter(tmp_path)


def test_a_load_is_known_after_the_minutes_of_the_policy(counter):
    assert counter.after(0).loads == {}
    assert counter.after(60, busy=2).loads == {}
    assert counter.after(60, busy=4).loads == {"kvm1": 75.0}


def test_a_load_is_that_of_the_last_minutes_not_of_all_times(counter):
    counter.after(0)
    for _ in range(5):
        counter.after(60, busy=4)
    for _ in range(2):
        found = counter.after(60, busy=0)
    assert found.loads == {"kvm1": 0.0}


def test_a_load_is_unknown_again_when_vms_came_or_went(counter):
    counter.after(0)
    assert counter.after(120, busy=4).loads == {"kvm1": 100.0}
    vm = SeenVm(name="web", uuid="1", power=Power.RUNNING, live={})
    counter.seen = replace(counter.seen, vms=(vm,))
    assert counter.after(120, busy=4).loads == {}
    assert counter.after(120, busy=3).loads == {"kvm1": 75.0}
    counter.seen = replace(counter.seen, vms=(replace(vm, power=Power.STOPPED, live=None),))
    assert counter.after(120, busy=1).loads == {}


def test_a_host_that_booted_or_has_no_counter_is_unknown(counter):
    counter.after(0)
    counter.seen = replace(counter.seen, cpu_time=0)
    assert counter.after(120).loads == {}


def test_a_host_that_was_not_read_begins_anew(counter):
    counter.after(0)
    counter.loads.measured(counter.wanted, Observed(hosts={}), {})
    assert counter.after(120, busy=1).loads == {}


@pytest.mark.parametrize("policy", ["evenly_distributed", "none"])
def test_vms_are_asked_for_only_where_a_cluster_is_balanced_by_load(policy, tmp_path):
    site = Site(tmp_path / "site", hosts=1)
    site.write("cluster.yaml", f"{CLUSTER}{{schedulingPolicy: {policy}}}")
    site.vms(vm_yaml("web"))
    site.settle()
    now = [0.0]
    loads = Loads(clock=lambda: now[0])
    passes = []
    for _ in range(2):
        looked = site.look()
        passes.append(loads.measured(looked.context.wanted, looked.context.observed, looked.hosts))
        site.world.outside("kvm1").burn("web", 60)
        now[0] += 120
    assert passes[0].loads == {}
    assert passes[1].vm_loads == ({("kvm1", "web"): 0.5} if policy == "evenly_distributed" else {})


class Patient:
    """A host that answers for its usage when all of them were asked."""

    def __init__(self, host, together):
        self.node, self._host, self._together = self, host, together

    def usage(self):
        self._together.wait()
        return self._host.node.usage()


def test_hosts_are_asked_for_their_vms_side_by_side(tmp_path):
    site = Site(tmp_path / "site", hosts=3)
    site.write("cluster.yaml", f"{CLUSTER}{{schedulingPolicy: evenly_distributed}}")
    looked, together = site.look(), threading.Barrier(3, timeout=30)
    hosts = {name: Patient(host, together) for name, host in looked.hosts.items()}
    Loads().measured(looked.context.wanted, looked.context.observed, hosts)
    assert not together.broken
