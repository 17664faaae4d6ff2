"""A rolling upgrade that stops half-way, is ended, or shares its hosts with an operator: nothing is left behind."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from drivers.mark import Override
from drivers.seen import Power
from reconciler.operations import maintenance, rolling
from reconciler.operations.scene import Declined
from reconciler.place.hosts.hoststate import MAINTENANCE, UPGRADE, State
from specs.structs import replace
from tests.flow.campaigning import campaign, upgraded
from tests.flow.site import Site, vm_yaml
from tests.flow.test_clusters import alter, declare
from tests.flow.test_outages import maintenance as by_hand
from tests.flow.test_outages import overrides, power_of, state_of
from tests.flow.test_powerdown import AskedToStop


@pytest.fixture
def three(tmp_path: Path) -> Site:
    """Three hosts; vm/a is stopped for the maintenance of kvm1, the only host that may have it."""
    site = Site(tmp_path, hosts=3)
    site.vms(vm_yaml("a", "hosts: [kvm1], onHostMaintenance: stop"))
    site.settle()
    return site


def fails(host: str) -> bool:
    return False


def test_what_was_stopped_for_an_upgrade_that_cannot_go_on_runs_again(three: Site) -> None:
    three.vms(
        vm_yaml("a", "hosts: [kvm1], onHostMaintenance: stop"), vm_yaml("b", "hosts: [kvm1], onHostMaintenance: hold")
    )
    three.settle()
    with pytest.raises(rolling.Stuck, match="host/kvm1 is used again"):
        rolling.roll("default", rolling.Task(each=fails), campaign(three))
    assert power_of(three, "a") is Power.RUNNING


def test_what_was_stopped_for_an_upgrade_that_is_ended_runs_again(three: Site) -> None:
    with pytest.raises(rolling.Stuck, match="host/kvm1 stays in maintenance"):
        rolling.roll("default", rolling.Task(each=fails), campaign(three))
    assert power_of(three, "a") is Power.STOPPED
    rolling.abort("default", campaign(three))
    assert power_of(three, "a") is Power.RUNNING
    assert overrides(three).all() == {}


def test_maintenance_that_an_operator_asks_for_during_the_upgrade_stays_his(three: Site) -> None:
    def upgrade(host: str) -> bool:
        if host == "kvm2":
            by_hand(three, "kvm2")
        return True

    told: list[str] = []
    rolling.roll("default", rolling.Task(each=upgrade), campaign(three, told.append))
    assert state_of(three, "kvm2") is State.MAINTENANCE
    assert [each.reason for each in overrides(three).all()["host/kvm2"]] == ["new fans"]
    assert "host/kvm2: upgraded, left in maintenance, as was asked for" in told
    assert state_of(three, "kvm1") is state_of(three, "kvm3") is State.UP


def test_maintenance_that_an_operator_asks_for_before_the_end_of_an_upgrade_outlives_it(three: Site) -> None:
    with pytest.raises(rolling.Stuck):
        rolling.roll("default", rolling.Task(each=fails), campaign(three))
    by_hand(three, "kvm1")
    rolling.abort("default", campaign(three))
    assert state_of(three, "kvm1") is State.MAINTENANCE


def test_a_host_is_not_used_again_by_hand_while_it_is_upgraded(three: Site) -> None:
    with pytest.raises(rolling.Stuck):
        rolling.roll("default", rolling.Task(each=fails), campaign(three))
    with pytest.raises(Declined, match="`gitvirt cluster upgrade default --abort`"):
        maintenance.end("kvm1", campaign(three), three.look().context)
    assert state_of(three, "kvm1") is State.MAINTENANCE


def test_maintenance_for_an_upgrade_that_nobody_knows_of_any_more_can_be_ended(three: Site) -> None:
    with pytest.raises(rolling.Stuck):
        rolling.roll("default", rolling.Task(each=fails), campaign(three))
    overrides(three).drop("cluster/default", UPGRADE)
    assert maintenance.end("kvm1", campaign(three), three.look().context) == "is used again"


def test_an_upgrade_that_is_interrupted_at_a_host_gives_it_back_and_begins_no_other(three: Site) -> None:
    pause = AskedToStop(three.clock)
    came: list[str] = []

    def upgrade(host: str) -> bool:
        came.append(host)
        pause.asked = True
        return True

    with pytest.raises(rolling.Stuck, match="interrupted"):
        rolling.roll("default", rolling.Task(each=upgrade), replace(campaign(three), pause=pause))
    assert came == ["kvm1"]
    assert [state_of(three, name) for name in three.names] == [State.UP] * 3
    rolling.roll("default", rolling.Task(each=partial(upgraded, came)), campaign(three))
    assert came == three.names
    assert power_of(three, "a") is Power.RUNNING


def test_an_upgrade_that_breaks_a_host_does_not_go_on_to_the_next(three: Site) -> None:
    declare(three, "emulation: kvm")
    came: list[str] = []

    def breaks(host: str) -> bool:
        alter(three, host, kvm=False)
        return upgraded(came, host)

    with pytest.raises(rolling.Stuck, match=r"host/kvm1 is non-operational: .*no KVM"):
        rolling.roll("default", rolling.Task(each=breaks), campaign(three))
    assert came == ["kvm1"]
    assert state_of(three, "kvm2") is State.UP
    alter(three, "kvm1", kvm=True)
    rolling.roll("default", rolling.Task(each=partial(upgraded, came)), campaign(three))
    assert came == three.names


def test_only_the_override_that_is_meant_is_ended(three: Site) -> None:
    kept = Override(kind=MAINTENANCE, value="on", author="alice@desk")
    overrides(three).put("host/kvm1", kept)
    assert not overrides(three).drop("host/kvm1", MAINTENANCE, "upgrade")
    assert overrides(three).all() == {"host/kvm1": (kept,)}
