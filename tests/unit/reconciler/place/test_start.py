"""A VM that is off is started where there is room for it."""

from __future__ import annotations

import pytest
from site_on_paper import Paper, document, group, host, paper, vm

HOSTS = host("kvm1") + host("kvm2")


def big(name: str, more: str = "") -> str:
    return vm(name, more).replace("64MiB", "5GiB")


def to(site: Paper) -> dict[str, str]:
    """Where VMs go, those that leave."""
    return {name: move.target for name, move in site.moves().items() if move.held is None}


@pytest.mark.parametrize(
    ("vms", "where", "off", "gone"),
    [
        (big("a") + big("b"), "kvm1: a b", "b", {"b": "kvm2"}),
        (big("a") + big("b"), "kvm1: a b", "ab", {"a": "kvm2"}),
        (big("a", "highAvailability: true") + big("b"), "kvm1: a b", "ab", {"b": "kvm2"}),
        (big("a") + big("b"), "kvm1: a, kvm2: b", "b", {}),
        (big("a") + big("b", "state: stopped"), "kvm1: a b", "b", {}),
        (big("a") + big("b", "hosts: [kvm1]"), "kvm1: a b", "b", {}),
        (big("a") + big("b") + big("c"), "kvm1: a b, kvm2: c", "b", {}),
    ],
)
def test_it_goes_where_it_can_be_started_if_its_host_is_full(
    vms: str, where: str, off: str, gone: dict[str, str]
) -> None:
    site = paper(HOSTS + vms, where, off=frozenset(off))
    assert to(site) == gone
    site.step()
    assert to(site) == {}


def test_what_a_host_has_promised_is_out_of_reach_for_those_that_start() -> None:
    site = paper(
        document("Cluster", "main", "{memoryOvercommit: 50%}") + HOSTS + big("a").replace("5GiB", "3GiB") + vm("b"),
        "kvm1: a b",
        off=frozenset("b"),
    )
    assert to(site) == {}
    full = paper(
        document("Cluster", "main", "{memoryOvercommit: 50%}") + HOSTS + big("a") + vm("b"),
        "kvm1: a b",
        off=frozenset("b"),
    )
    assert to(full) == {"b": "kvm2"}
    told = "kvm1 cannot start it: 0B left to promise to VMs, 64MiB needed and 136MiB for QEMU (Memory)"
    assert full.moves()["b"].why == told


@pytest.mark.parametrize(
    "more", ["", vm("d") + group("h", "vms: [d, a], vmRule: {polarity: positive, enforcing: false}")]
)
def test_vms_that_start_follow_one_that_runs_and_not_each_other(more: str) -> None:
    together = group("g", "vms: [a, b, c], vmRule: positive")
    site = paper(HOSTS + vm("a") + vm("b") + vm("c") + together + more, "kvm1: a b, kvm2: c", off=frozenset("ab"))
    assert to(site) == {"a": "kvm2", "b": "kvm2"}
