"""A rolling upgrade that meets hosts which others put into maintenance: it upgrades them and leaves them in it."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from reconciler.operations import rolling
from reconciler.place.hosts.hoststate import State
from tests.flow.campaigning import campaign, upgraded
from tests.flow.site import Site, host_yaml, vm_yaml
from tests.flow.test_maintenance import where
from tests.flow.test_outages import maintenance, overrides, state_of


@pytest.fixture
def three(tmp_path: Path) -> Site:
    """Three hosts, and vm/a on kvm2."""
    site = Site(tmp_path, hosts=3)
    site.vms(vm_yaml("a", "hosts: [kvm2]"))
    site.settle()
    return site


def test_maintenance_that_is_not_over_yet_stays_the_operators(three: Site) -> None:
    three.vms(vm_yaml("a"))
    maintenance(three, "kvm2")
    assert state_of(three, "kvm2") is State.PREPARING
    came: list[str] = []
    rolling.roll("default", rolling.Task(each=partial(upgraded, came)), campaign(three))
    assert came == ["kvm1", "kvm2", "kvm3"]
    assert where(three, "a") != "kvm2"
    assert state_of(three, "kvm2") is State.MAINTENANCE
    assert [each.reason for each in overrides(three).all()["host/kvm2"]] == ["new fans"]


def test_maintenance_that_git_declares_is_left_alone_and_nothing_is_asked_for_by_hand(three: Site) -> None:
    text = (three.repository / "gitvirt.yaml").read_text()
    three.write("gitvirt.yaml", text.replace(host_yaml("kvm2"), host_yaml("kvm2", ", maintenance: true")))
    three.vms(vm_yaml("a"))
    told: list[str] = []

    def upgrade(host: str) -> bool:
        assert "host/kvm2" not in overrides(three).all()
        return True

    rolling.roll("default", rolling.Task(each=upgrade), campaign(three, told.append))
    assert "host/kvm2: upgraded, left in maintenance, as was asked for" in told
    assert state_of(three, "kvm2") is State.MAINTENANCE


def test_an_operators_maintenance_that_cannot_end_stops_the_upgrade_and_stays(three: Site) -> None:
    three.vms(vm_yaml("a", "hosts: [kvm2], onHostMaintenance: hold"))
    three.settle()
    maintenance(three, "kvm2")
    with pytest.raises(rolling.Stuck, match=r"host/kvm2 stays in maintenance, as it was: .*onHostMaintenance: hold"):
        rolling.roll("default", rolling.Task(each=lambda host: True), campaign(three))
    assert state_of(three, "kvm2") is State.PREPARING
    assert [each.reason for each in overrides(three).all()["host/kvm2"]] == ["new fans"]
    rolling.abort("default", campaign(three))
    assert state_of(three, "kvm2") is State.PREPARING
