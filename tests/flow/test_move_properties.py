"""Moves over random repositories: a datacenter comes to rest under every policy, and then nothing moves any more."""

from __future__ import annotations

import os
import random
from pathlib import Path

import pytest

from reconciler.plan.plan import MigrateVm, Plan, RelocateVm
from tests.flow.site import BASE, Site, host_yaml, said, vm_yaml

POLICIES = ("none", "evenly_distributed", "vm_evenly_distributed", "power_saving", "cluster_maintenance")
PASSES = 25
SEEDS = int(os.environ.get("GITVIRT_SEEDS", "2"))
FOREIGN = "foreign"


def moved(plan: Plan) -> list[str]:
    return [step.ref.name for step in plan.steps if isinstance(step.call, MigrateVm | RelocateVm)]


def group(name: str, vms: list[str], chance: random.Random) -> str:
    polarity, hard = chance.choice(("positive", "negative")), chance.choice(("true", "false"))
    return (
        f"---\napiVersion: gitvirt/v1\nkind: AffinityGroup\nmetadata: {{name: {name}}}\n"
        f"spec: {{vms: [{', '.join(vms)}], vmRule: {{polarity: {polarity}, enforcing: {hard}}}}}\n"
    )


def write(site: Site, policy: str, chance: random.Random) -> None:
    """Random VMs, some bound to hosts, some in groups; sometimes a host in maintenance."""
    names = [f"vm{number}" for number in range(10)]
    away = chance.choice((None, *site.names))
    hosts = "".join(host_yaml(each, ", maintenance: true" * (each == away)) for each in site.names)
    cluster = (
        "---\napiVersion: gitvirt/v1\nkind: Cluster\nmetadata: {name: default}\n"
        f"spec: {{schedulingPolicy: {policy}}}\n"
    )
    groups = "".join(
        group(f"group{number}", names[2 * number : 2 * number + chance.choice((2, 2, 3))], chance)
        for number in range(0, 4, 2)
    )
    site.write("gitvirt.yaml", BASE + cluster + hosts + groups)
    site.vms(*(vm_yaml(name, _spec(site, chance)) for name in names))


def _spec(site: Site, chance: random.Random) -> str:
    bound = f", hosts: [{', '.join(chance.sample(site.names, 2))}]" if chance.random() < 0.3 else ""
    state = chance.choice(("running", "running", "running", "stopped"))
    return (
        f"=cpu: {chance.choice((1, 2))}, memory: {chance.choice((96, 512, 2048))}MiB, nics: [lan], state: {state}, "
        f"disks: [{{name: root, image: guest}}]{bound}"
    )


def rested(site: Site) -> list[list[str]]:
    """Passes until nothing is to do; what each of them moved."""
    found = []
    for _ in range(PASSES):
        plan = site.plan()
        if plan.empty:
            return found
        run = site.apply()
        assert run.good, [(each.step.what, each.error) for each in run.outcomes.values() if each.error]
        found.append(moved(plan))
        site.clock.advance(60)
    pytest.fail(f"it never comes to rest: {found[-3:]}, {said(site.plan())}")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("seed", range(SEEDS))
def test_after_convergence_nothing_moves_and_nothing_unmarked_ever_did(policy: str, seed: int, tmp_path: Path) -> None:
    chance = random.Random(f"{policy} {seed}")
    site = Site(tmp_path, hosts=3)
    stranger = site.world.outside("kvm1").define(FOREIGN, {"memory": 1 << 30, "memoryMax": 1 << 30})
    site.world.outside("kvm1").start(FOREIGN)
    before = stranger.digest()
    for _ in range(3):
        write(site, policy, chance)
        rested(site)
        for _ in range(3):
            site.clock.advance(600)
            plan = site.plan()
            assert plan.empty, said(plan)
    assert stranger.digest() == before
    assert not [call for call in site.world.journal if call.object == FOREIGN]
    assert not site.world.doubles
    assert not site.world.damage
