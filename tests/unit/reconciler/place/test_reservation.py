"""HA reservation: hosts whose loss the others could not bear, and highly available VMs that are spread."""

from __future__ import annotations

import pytest
from site_on_paper import GIB, document, group, host, paper, vm

from reconciler.place.choose import choose, demand
from reconciler.place.headroom import reservation

CLUSTER = document("Cluster", "default", "{haReservation: true}")
HOSTS = host("kvm1") + host("kvm2") + host("kvm3")


def ha(name: str, memory: str, spec: str = "highAvailability: true") -> str:
    return vm(name, spec).replace("64MiB", memory)


def told(documents: str, where: str, **options: object) -> list[str]:
    return [text for _, text in reservation.warnings(paper(documents, where, **options).room())]


def test_a_loss_that_the_others_can_bear_is_not_spoken_of() -> None:
    assert told(CLUSTER + HOSTS + ha("a", "3GiB") + ha("b", "3GiB"), "kvm1: a b") == []


@pytest.mark.parametrize(
    ("more", "where", "hosts"),
    [
        (ha("a", "5GiB") + ha("b", "5GiB") + ha("c", "5GiB"), "kvm1: a, kvm2: b, kvm3: c", ["kvm1", "kvm2", "kvm3"]),
        (ha("a", "3GiB") + ha("b", "7GiB", "") + ha("c", "7GiB", ""), "kvm1: a, kvm2: b, kvm3: c", ["kvm1"]),
        (ha("a", "1GiB", "highAvailability: true, hosts: [kvm1]"), "kvm1: a", ["kvm1"]),
        (
            ha("a", "1GiB") + group("g", "vms: [a], hosts: [kvm1, kvm2], hostRule: positive") + ha("b", "7GiB", ""),
            "kvm1: a, kvm2: b",
            ["kvm1"],
        ),
    ],
)
def test_a_loss_that_cannot_be_borne_names_the_host_and_its_vms(more: str, where: str, hosts: list[str]) -> None:
    texts = told(CLUSTER + HOSTS + more, where)
    assert [text.split("host/")[1].split(":")[0] for text in texts] == hosts
    assert "for vm/a" in texts[0]


def test_the_most_important_vms_are_given_their_place_first() -> None:
    low, high = "highAvailability: {priority: 1}", "highAvailability: {priority: 100}"
    others = ha("x", "4GiB", "") + ha("y", "7GiB", "")
    (text,) = told(
        CLUSTER + HOSTS + ha("a", "3GiB", low) + ha("b", "3GiB", high) + others, "kvm1: a b, kvm2: x, kvm3: y"
    )
    assert text.endswith("for vm/a")


def test_a_host_that_is_alone_is_told() -> None:
    (text,) = told(CLUSTER + host("kvm1") + ha("a", "1GiB"), "kvm1: a")
    assert "no other host is up, for vm/a" in text


def test_nothing_is_told_where_nobody_asked_or_where_a_default_is_taken_back() -> None:
    assert told(host("kvm1") + ha("a", "1GiB"), "kvm1: a") == []
    assert (
        told(CLUSTER + host("kvm1") + ha("a", "1GiB", "highAvailability: {enabled: false, priority: 9}"), "kvm1: a")
        == []
    )


def test_highly_available_vms_are_spread() -> None:
    documents = HOSTS + "".join(vm(name, "highAvailability: {priority: 7}") for name in "abc")
    site = paper(documents, "", memory=8 * GIB)
    room = site.room()
    assert {choose(demand(site.wanted.vms[name]), room).host for name in "abc"} == {"kvm1", "kvm2", "kvm3"}
