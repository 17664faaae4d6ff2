"""A cluster's power-down and return that end half-way, are asked for again, or do not reach everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from drivers.seen import Power
from reconciler import cycle
from reconciler.apply.outcome import Run
from reconciler.operations import powerdown
from reconciler.operations.campaign import Campaign
from specs.structs import replace
from tests.flow.campaigning import campaign
from tests.flow.site import NoWait, Site, vm_yaml
from tests.flow.test_outages import overrides, power_of, powered

WEB = vm_yaml("web")
APP = vm_yaml("app", "highAvailability: {priority: 40}")
DB = vm_yaml("db", "highAvailability: {priority: 80}")
ALL = ("web", "app", "db")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Three VMs of three priorities that run."""
    made = Site(tmp_path)
    made.vms(WEB, APP, DB)
    made.settle()
    return made


class AskedToStop(NoWait):
    """Time in which somebody presses Ctrl-C when `asked` is set."""

    asked = False

    def wait(self, seconds: float) -> bool:
        return self.asked or super().wait(seconds)


def interrupted(site: Site) -> Campaign:
    """A campaign in whose first pass somebody presses Ctrl-C: what it began is let end."""
    mine, pause = campaign(site), AskedToStop(site.clock)

    def act(looked: cycle.Pass) -> Run | Mapping[str, str]:
        run = mine.act(looked)
        pause.asked = True
        return run

    return replace(mine, act=act, pause=pause)


def beside_a_daemon(site: Site, seen: Callable[[], None] = lambda: None) -> Campaign:
    """A campaign beside a daemon that makes a pass of its own whenever somebody looks."""
    mine = campaign(site)

    def look() -> cycle.Pass:
        site.apply()
        seen()
        return site.look()

    return replace(mine, look=look)


def powers(site: Site) -> list[Power]:
    return [power_of(site, name) for name in ALL]


def test_an_interrupted_power_down_says_what_runs_still(site: Site) -> None:
    assert set(powerdown.down("default", interrupted(site))) == {"vm/app", "vm/db"}
    assert powers(site) == [Power.STOPPED, Power.RUNNING, Power.RUNNING]
    assert powerdown.down("default", campaign(site)) == {}
    assert powers(site) == [Power.STOPPED] * 3


def test_an_interrupted_return_says_what_is_off_still(site: Site) -> None:
    powerdown.down("default", campaign(site))
    assert set(powerdown.up("default", interrupted(site))) == {"vm/app", "vm/web"}
    assert powers(site) == [Power.STOPPED, Power.STOPPED, Power.RUNNING]
    assert powerdown.up("default", campaign(site)) == {}
    assert powers(site) == [Power.RUNNING] * 3


def test_a_power_down_that_is_asked_for_again_starts_nothing(site: Site) -> None:
    powerdown.down("default", campaign(site))

    def still_off() -> None:
        assert powers(site) == [Power.STOPPED] * 3

    assert powerdown.down("default", beside_a_daemon(site, still_off)) == {}


def test_a_return_that_is_asked_for_again_stops_nothing(site: Site) -> None:
    powerdown.down("default", campaign(site))
    powered(site, "starting", "40")
    site.apply()
    up = [Power.STOPPED, Power.RUNNING, Power.RUNNING]
    assert powers(site) == up

    def still_on() -> None:
        assert powers(site)[1:] == up[1:]

    assert powerdown.up("default", beside_a_daemon(site, still_on)) == {}
    assert powers(site) == [Power.RUNNING] * 3


def test_a_power_down_that_is_given_up_half_way_stops_nothing_more(site: Site) -> None:
    powered(site, "stopped", "0")
    site.apply()
    higher = [Power.RUNNING, Power.RUNNING]
    assert powers(site)[1:] == higher

    def untouched() -> None:
        assert powers(site)[1:] == higher

    assert powerdown.up("default", beside_a_daemon(site, untouched)) == {}
    assert powers(site) == [Power.RUNNING] * 3


def test_a_power_down_in_the_midst_of_a_return_starts_nothing(site: Site) -> None:
    powerdown.down("default", campaign(site))
    powered(site, "starting", "80")
    site.apply()

    def lower_are_off() -> None:
        assert powers(site)[:2] == [Power.STOPPED] * 2

    assert powerdown.down("default", beside_a_daemon(site, lower_are_off)) == {}
    assert powers(site) == [Power.STOPPED] * 3


def test_what_is_not_declared_and_runs_on_is_named(site: Site) -> None:
    outside = site.world.outside("kvm1")
    outside.define("stranger", {"memory": 1 << 28, "memoryMax": 1 << 28})
    outside.start("stranger")
    site.vms(WEB, APP)
    left = powerdown.down("default", campaign(site))
    assert set(left) == {"vm/db", "vm/stranger"}
    assert "left alone" in left["vm/stranger"]
    assert powers(site) == [Power.STOPPED, Power.STOPPED, Power.RUNNING]


def test_a_cluster_is_not_up_again_while_a_host_of_it_was_not_read(site: Site) -> None:
    powerdown.down("default", campaign(site))
    host, _ = site.domain("web")
    site.world.cut(host)
    left = powerdown.up("default", campaign(site))
    assert f"host/{host}" in left
    site.world.restore(host)
    assert powerdown.up("default", campaign(site)) == {}
    assert powers(site) == [Power.RUNNING] * 3
    assert overrides(site).all() == {}
