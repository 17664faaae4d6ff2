"""The four migration policies, and what clusters and VMs say instead."""

from __future__ import annotations

from typing import Any

import pytest

from reconciler.desired.migration import POLICIES, MigrationRules, migration_rules
from specs.kinds.migration import ClusterMigration, VmMigration


def rules(cluster: dict[str, Any] | None = None, vm: dict[str, Any] | None = None) -> MigrationRules:
    return migration_rules(
        ClusterMigration.model_validate(cluster) if cluster is not None else None,
        VmMigration.model_validate(vm) if vm is not None else None,
    )


def test_without_a_word_it_is_minimal_downtime() -> None:
    assert rules() == POLICIES["minimalDowntime"]
    assert rules().ladder == ((0, 100), (1, 150), (2, 200), (3, 300), (4, 400), (6, 500))
    assert (rules().concurrent, rules().last_resort, rules().auto_converge) == (2, "abort", True)


@pytest.mark.parametrize(
    ("policy", "concurrent", "begins", "last", "downtime"),
    [
        ("minimalDowntime", 2, 100, "abort", 0),
        ("suspendIfNeeded", 1, 100, "suspend", 5000),
        ("postCopy", 2, 100, "postcopy", 0),
        ("veryLarge", 1, 300, "suspend", 5000),
    ],
)
def test_each_policy_has_its_ladder_and_its_last_resort(
    policy: str, concurrent: int, begins: int, last: str, downtime: int
) -> None:
    found = rules({"policy": policy})
    assert found.policy == policy
    assert (found.concurrent, found.ladder[0]) == (concurrent, (0, begins))
    assert (found.last_resort, found.last_downtime) == (last, downtime)
    assert list(found.ladder) == sorted(found.ladder)


def test_post_copy_is_only_where_it_is_declared() -> None:
    assert [name for name, each in POLICIES.items() if each.last_resort == "postcopy"] == ["postCopy"]


def test_what_a_vm_says_comes_before_its_cluster_and_that_before_the_policy() -> None:
    cluster = {"policy": "suspendIfNeeded", "encrypted": True, "concurrent": 3}
    found = rules(cluster, {"policy": "minimalDowntime", "encrypted": False, "autoConverge": False, "mode": "manual"})
    assert (found.policy, found.encrypted, found.auto_converge, found.mode) == (
        "minimalDowntime",
        False,
        False,
        "manual",
    )
    assert found.concurrent == 3
    assert rules(cluster).compressed
    assert not found.compressed


def test_bandwidth_is_shared_by_those_that_may_go_at_once() -> None:
    assert rules({"bandwidth": "100MiB"}).share == 50
    assert rules({"bandwidth": "100MiB", "policy": "veryLarge"}).share == 100
    assert rules({"bandwidth": "100MiB", "concurrent": 4}).share == 25
    assert rules({"bandwidth": "1MiB"}).share == 1
    assert rules({"bandwidth": "0B"}).share == rules().share == 0


def test_what_qemu_cannot_do_together_is_not_asked_for() -> None:
    assert not rules({"policy": "veryLarge"}).zero_copy
    assert rules({"policy": "veryLarge", "parallel": 4}).zero_copy
    assert not rules({"policy": "veryLarge", "parallel": 4, "encrypted": True}).zero_copy
    assert rules({"policy": "postCopy", "parallel": 4}).last_resort == "abort"
    assert not rules({"policy": "suspendIfNeeded", "parallel": 2}).compressed
