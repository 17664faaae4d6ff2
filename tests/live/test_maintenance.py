"""Maintenance, rolling upgrade and power-down on real hosts, as the commands do them: one guest lives through all."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.seen import Power
from tests.live import counting
from tests.live.command import Gitvirt
from tests.live.conftest import Guest
from tests.live.facts import assert_each_runs_once, assert_nothing_runs_twice
from tests.live.site import LiveSite, machine

pytestmark = pytest.mark.live

HOSTS = ("kvm1", "kvm2", "kvm3")


def where(site: LiveSite, name: str) -> str:
    return site.vm(name)[0]


def guest(site: LiveSite, name: str) -> Guest:
    return Guest(site.lab, where(site, name), name)


def test_a_guest_counts_through_maintenance_and_a_rolling_upgrade_and_returns_from_a_power_down(
    site: LiveSite, tmp_path: Path
) -> None:
    gitvirt = Gitvirt(site)
    site.vms([machine("web"), machine("cold", state="stopped")])
    site.settle()
    guest(site, "web").wait_for_agent()
    count = counting.begin(guest(site, "web"))

    home = where(site, "web")
    on = gitvirt.run("maintenance", home, "on", "--yes", "--reason", "new fans", code=0)
    assert "vm/web" in on.stdout
    assert "migrates to" in on.stdout
    assert f"host/{home} is in maintenance" in on.stdout
    assert home not in (where(site, "web"), where(site, "cold"))
    assert f"{home}  maintenance" in " ".join(gitvirt.run("get", "hosts").stdout.split(" ")).replace("   ", "  ")
    assert "new fans" in gitvirt.run("describe", f"host/{home}", code=0).stdout
    count = counting.assert_went_on(guest(site, "web"), count)
    assert f"host/{home} is used again" in gitvirt.run("maintenance", home, "off", code=0).stdout
    assert "is not in maintenance; it is up" in gitvirt.run("maintenance", home, "off", code=0).stdout

    came = tmp_path / "came"
    upgrade = tmp_path / "upgrade"
    upgrade.write_text(f'#!/bin/sh\necho "$1" >> {came}\n')
    upgrade.chmod(0o755)
    rolled = gitvirt.run("cluster", "upgrade", "lab", "--yes", "--each", f"{upgrade} {{host}}", code=0)
    assert came.read_text().split() == list(HOSTS), rolled.stdout
    counting.assert_went_on(guest(site, "web"), count)
    assert_each_runs_once(site, "web")

    gitvirt.run("cluster", "stop", "lab", "--yes", code=0)
    assert site.vm("web")[1].power is Power.STOPPED
    assert site.plan().empty
    assert "powered down" in gitvirt.run("explain", "vm/web", code=0).stdout
    gitvirt.run("cluster", "start", "lab", code=0)
    assert site.vm("web")[1].power is Power.RUNNING
    assert site.vm("cold")[1].power is Power.STOPPED
    assert site.plan().empty
    assert_nothing_runs_twice()
