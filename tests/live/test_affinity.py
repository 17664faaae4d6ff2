"""Affinity on real hosts: two guests that shall be apart are put on one host by hand, and one of them migrates away."""

from __future__ import annotations

import pytest

from tests.live import counting
from tests.live.command import Gitvirt
from tests.live.conftest import Guest, virsh
from tests.live.facts import nothing_doubles
from tests.live.site import LiveSite, machine, said

pytestmark = pytest.mark.live

APART = {
    "apiVersion": "gitvirt/v1",
    "kind": "AffinityGroup",
    "metadata": {"name": "apart"},
    "spec": {"vms": ["one", "two"], "vmRule": "negative"},
}


def where(site: LiveSite) -> dict[str, str]:
    return {name: site.vm(name)[0] for name in ("one", "two")}


def test_guests_that_were_put_together_by_hand_are_parted_by_a_migration_and_then_left_alone(site: LiveSite) -> None:
    gitvirt = Gitvirt(site)
    site.vms([machine("one"), machine("two"), APART])
    site.settle()
    before = where(site)
    assert before["one"] != before["two"]
    two = Guest(site.lab, before["two"], "two")
    two.wait_for_agent()
    count = counting.begin(two)
    with nothing_doubles(site.lab):
        by_hand = ("--live", "--p2p", "--persistent", "--undefinesource", "two", site.lab.libvirt_uri(before["one"]))
        virsh(site.lab, before["two"], "migrate", *by_hand)
        assert where(site) == {"one": before["one"], "two": before["one"]}
        assert "broken" in gitvirt.run("get", "affinitygroups", code=0).stdout
        (step,) = site.plan().steps
        assert step.what.startswith("migrate to ")
        assert "affinitygroup/apart: not on one host with" in gitvirt.run("plan", code=2).stdout
        site.settle()
        after = where(site)
        assert after["one"] != after["two"]
        assert site.plan().empty, said(site.plan())
    counting.assert_went_on(Guest(site.lab, after["two"], "two"), count)
    assert "kept" in gitvirt.run("get", "affinitygroups", code=0).stdout
