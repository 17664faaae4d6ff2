"""Invariants over random repositories on the simulated datacenter; tests/live has the same on real libvirt."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from reconciler.plan.plan import Plan
from tests.flow.site import Site, said
from tests.generator import edited, machines


def write(site: Site, documents: list[dict[str, Any]]) -> None:
    site.write("vms.yaml", "---\n".join(json.dumps(each, ensure_ascii=False) + "\n" for each in documents))


def pending_only(plan: Plan) -> bool:
    """Nothing to do; what is shown waits for a power cycle or is a note."""
    return plan.empty and not plan.held


@pytest.mark.parametrize("seed", range(4))
def test_plan_apply_plan_is_empty_and_nothing_unmarked_changes(seed: int, tmp_path: Path) -> None:
    site = Site(tmp_path, hosts=3)
    foreign = [
        site.world.outside("kvm1").define(f"foreign-{each}", {"memory": 1 << 28, "memoryMax": 1 << 28})
        for each in (1, 2)
    ]
    site.world.outside("kvm1").start("foreign-1")
    before = {each.name: site.domain(each.name) for each in foreign}
    documents = machines(seed, 60, 12)
    write(site, documents)
    site.settle()
    write(site, edited(seed + 1000, documents))
    run = site.apply()
    assert run.good, [(each.step.ref, each.error) for each in run.outcomes.values() if each.error]
    after = site.plan()
    assert pending_only(after), said(after)
    assert {each.name: site.domain(each.name) for each in foreign} == before
    assert not site.world.doubles
    assert not site.world.damage
    touched = {call.object for call in site.world.journal if call.changing}
    assert not touched & set(before), touched


@pytest.mark.parametrize("seed", range(3))
def test_the_same_inputs_give_the_same_plan(seed: int, tmp_path: Path) -> None:
    site = Site(tmp_path, hosts=2)
    write(site, machines(seed, 20, 5))
    one, two = site.plan(), site.plan()
    assert one.digest == two.digest
    assert one.steps == two.steps
    assert one.changes == two.changes
