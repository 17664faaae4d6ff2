"""Clusters whose hosts are not alike: what is told, where VMs go, which host breaks it."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.node import CpuModel
from drivers.seen import Capabilities
from reconciler.observe.baselines import Baseline, Baselines
from reconciler.place.hosts.clusters import report
from reconciler.place.hosts.hoststate import State, state
from specs.structs import replace
from tests.flow.site import Site, vm_yaml

CLUSTER = "---\napiVersion: gitvirt/v1\nkind: Cluster\nmetadata: {name: default}\nspec: {SPEC}\n"
SKYLAKE, HASWELL = (CpuModel(name=each, vendor="Intel") for each in ("Skylake-Server", "Haswell"))
EPYC = CpuModel(name="EPYC", vendor="AMD")


def alter(site: Site, host: str, **changes: object) -> None:
    """Other capabilities of one host."""
    state = site.world.hosts[host]
    state.capabilities = replace(state.capabilities, **changes)  # type: ignore[arg-type]


def declare(site: Site, spec: str) -> None:
    site.write("cluster.yaml", CLUSTER.replace("SPEC", spec))


def warned(site: Site) -> list[str]:
    return [each.text for each in site.plan().warnings]


def test_hosts_that_are_alike_are_nothing_to_talk_about(site: Site) -> None:
    declare(site, "emulation: auto")
    looked = site.look()
    assert warned(site) == []
    found = report(looked.context.wanted.clusters["default"], looked.context)
    assert (found.hosts, found.emulation, found.broken, found.remarks) == (("kvm1", "kvm2"), "kvm", {}, ())
    assert found.common == SKYLAKE
    assert found.versions["kvm1"] == "libvirt 9.0.0, QEMU 7.2.0"


@pytest.mark.parametrize(
    ("spec", "kvm", "why"),
    [
        ("emulation: kvm", False, "no KVM, which cluster default asks for (`emulation: kvm`)"),
        ("cpu: Haswell", True, "cannot provide CPU Haswell of cluster default"),
    ],
)
def test_a_host_that_lacks_what_its_cluster_declares_breaks_it(spec: str, kvm: bool, why: str, site: Site) -> None:
    declare(site, spec)
    alter(site, "kvm1", kvm=kvm, cpu_models=frozenset({"qemu64"}))
    site.vms(vm_yaml("web"))
    looked = site.look()
    assert state("kvm1", looked.context).state is State.NON_OPERATIONAL
    assert f"cluster default: kvm1 breaks it: {why}" in warned(site)
    assert looked.plan.placements["web"].host == "kvm2"


def test_with_auto_new_vms_go_to_hosts_with_kvm_and_to_no_other(site: Site) -> None:
    alter(site, "kvm1", kvm=False)
    site.vms(vm_yaml("web"))
    placed = site.plan().placements["web"]
    assert placed.host == "kvm2"
    assert placed.rejected["kvm1"].startswith("no KVM, which other hosts of its cluster have")
    told = "cluster default: no KVM on kvm1, so new VMs go to the other hosts (`emulation: auto`)"
    assert told in warned(site)
    declare(site, "emulation: tcg")
    assert told not in warned(site)


def test_with_auto_and_no_kvm_anywhere_the_plan_says_so(site: Site) -> None:
    for host in site.names:
        alter(site, host, kvm=False)
    site.vms(vm_yaml("web"))
    assert any("no KVM on its hosts, so software emulation is used" in each for each in warned(site))
    site.settle()
    assert site.domain("web")[1].config["emulation"] == "tcg"


def test_two_vendors_make_two_pools(site: Site) -> None:
    site.world.hosts["kvm2"].cpu_model = EPYC
    assert any("CPUs of several vendors (AMD: kvm2, Intel: kvm1)" in each for each in warned(site))
    declare(site, "emulation: tcg")
    assert warned(site) == []


def test_the_direction_of_moves_follows_the_versions(site: Site) -> None:
    site.world.hosts["kvm2"].libvirt = 11_003_000
    looked = site.look()
    found = report(looked.context.wanted.clusters["default"], looked.context)
    assert found.remarks == (
        "libvirt and QEMU differ: running VMs move from the older (kvm1) to the newer (kvm2), not back",
    )


def test_the_baseline_is_asked_for_once_and_again_when_the_hosts_change(site: Site, tmp_path: Path) -> None:
    hosts = {name: site.world.host(name) for name in site.names}
    kept = Baselines(tmp_path / "kept")
    models = {"kvm1": SKYLAKE, "kvm2": HASWELL}
    assert kept.of(models, hosts, True) == Baseline(model=HASWELL)
    assert Baselines(tmp_path / "kept").of(models, {}, True) == Baseline(model=HASWELL)
    assert kept.of(models, {}, False).why == "none of its hosts can be asked"
    assert kept.of({"kvm1": SKYLAKE, "kvm2": SKYLAKE}, {}, True) == Baseline(model=SKYLAKE)
    assert kept.of({}, hosts, True).why == "no host tells its CPU"


def test_cpus_of_two_vendors_have_no_baseline_and_the_reason_is_libvirts(site: Site, tmp_path: Path) -> None:
    hosts = {name: site.world.host(name) for name in site.names}
    found = Baselines(tmp_path).of({"kvm1": SKYLAKE, "kvm2": EPYC}, hosts, True)
    assert found.model is None
    assert "vendors do not match" in found.why


def test_a_host_that_tells_no_models_is_not_blamed(site: Site) -> None:
    declare(site, "cpu: Haswell")
    site.world.hosts["kvm1"].capabilities = Capabilities(kvm=True)
    assert state("kvm1", site.look().context).state is State.UP
