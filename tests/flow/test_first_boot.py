"""What a first boot is told, over the life of a VM: written once, lost, edited, purged."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.memory.faults import Crash
from reconciler.operations.reseed import reseed
from tests.flow.operator import Operator
from tests.flow.site import Site, vm_yaml

WAYS = {
    "cloudInit": "cloudInit: {timezone: UTC, network: {lan: {addresses: [192.168.150.20/24]}}}",
    "ignition": "ignition: {config: {ignition: {version: 3.4.0}}}",
    "sysprep": 'sysprep: "<unattend/>"',
}
EDITED = {
    "cloudInit": "cloudInit: {timezone: Europe/Vienna}",
    "ignition": "ignition: {config: {ignition: {version: 3.3.0}}}",
    "sysprep": 'sysprep: "<unattend> </unattend>"',
}


def media(site: Site) -> list[str]:
    """The volumes of first boots, without their markers."""
    host = site.world.observe()["kvm1"]
    names = [name for pool in host.pools for name in pool.volumes]  # type: ignore[union-attr]
    return sorted(name for name in names if name.startswith("gv-seed-") and not name.endswith(".ready"))


def source(site: Site) -> str:
    config = site.domain("web")[1].config
    return str(config.get("cdroms[cloud-init].source") or config["ignition"])


@pytest.mark.parametrize("way", WAYS)
def test_it_is_written_once_and_an_edit_is_a_note_that_does_nothing(way: str, site: Site) -> None:
    site.vms(vm_yaml("web", WAYS[way]))
    site.settle()
    (volume,) = media(site)
    assert source(site).endswith(f"/{volume}")
    before = site.domain("web")
    site.vms(vm_yaml("web", EDITED[way]))
    plan = site.plan()
    assert plan.empty
    assert [(each.path, each.kind) for change in plan.changes for each in change.fields] == [(way, "note")]
    assert site.domain("web") == before
    assert media(site) == [volume]
    site.vms(vm_yaml("web"))
    assert not site.plan().changes, "what is not declared any more is no edit"


@pytest.mark.parametrize("way", WAYS)
def test_one_that_was_lost_is_written_again_before_the_vm_starts(way: str, site: Site) -> None:
    site.vms(vm_yaml("web", f"{WAYS[way]}, state: stopped"))
    site.settle()
    (volume,) = media(site)
    host = site.world.host("kvm1")
    (pool,) = (each.name for each in site.world.observe()["kvm1"].pools)  # type: ignore[union-attr]
    for name in (volume, f"{volume}.ready"):
        host.volumes.delete(pool, name)
    site.vms(vm_yaml("web", EDITED[way]))
    site.apply()
    assert site.plan().empty
    assert media(site) == [volume]


@pytest.mark.parametrize("way", ["ignition"])
def test_it_goes_when_the_vm_is_purged_however_often_we_are_killed(way: str, tmp_path: Path) -> None:
    for number in range(1, 9):
        site = Site(tmp_path / str(number))
        site.vms(vm_yaml("web", WAYS[way]))
        site.settle()
        site.vms()
        site.settle()
        assert len(media(site)) == 1
        site.clock.advance(8 * 86400)
        site.world.faults.crash(number, "after")
        try:
            site.apply()
        except Crash:
            site.world.faults.revive()
            for _ in range(3):
                site.apply()
            assert site.plan().empty
            assert media(site) == []
        else:
            assert number > 2
            break
    assert media(site) == []


@pytest.mark.parametrize("way", ["cloudInit"])
def test_killed_while_it_is_made_and_edited_before_the_next_pass_it_starts_with_the_edit(
    way: str, tmp_path: Path
) -> None:
    for number in range(1, 15):
        site = Site(tmp_path / str(number))
        site.vms()
        site.settle()
        site.vms(vm_yaml("web", WAYS[way]))
        site.world.faults.crash(number, "after")
        try:
            site.apply()
        except Crash:
            site.world.faults.revive()
        else:
            assert number > 5
            return
        site.vms(vm_yaml("web", EDITED[way]))
        for _ in range(3):
            run = site.apply()
        assert run.good, [(each.step.what, each.error) for each in run.outcomes.values()]
        assert site.plan().empty
        assert str(site.domain("web")[1].power) == "running"
        assert source(site).rpartition("/")[2] in media(site)


@pytest.mark.parametrize("way", ["cloudInit", "sysprep"])
@pytest.mark.parametrize("state", ["running", "stopped"])
def test_by_hand_a_vm_gets_a_new_medium_and_the_note_goes(way: str, state: str, site: Site) -> None:
    site.vms(vm_yaml("web", f"{WAYS[way]}, state: {state}"))
    site.settle()
    before = source(site)
    operator = Operator(site)
    assert operator.done(reseed, "vm/web") == "has the medium that is declared on kvm1"
    site.vms(vm_yaml("web", f"{EDITED[way]}, state: {state}"))
    assert site.plan().changes
    assert operator.done(reseed, "vm/web").startswith("has a new medium of its first boot on kvm1")
    assert not site.plan().changes
    assert source(site) != before
    assert source(site).rpartition("/")[2] in media(site)
    live = site.domain("web")[1].live
    assert live is None or live["cdroms[cloud-init].source"] == source(site)


def test_a_vm_without_such_a_drive_is_declined(site: Site) -> None:
    site.vms(vm_yaml("web"), vm_yaml("core", WAYS["ignition"]))
    site.settle()
    operator = Operator(site)
    assert "has nothing declared" in operator.declined(reseed, "vm/web")
    assert "was made without such a drive" in operator.declined(reseed, "vm/core")
    site.vms(vm_yaml("web", WAYS["cloudInit"]), vm_yaml("core"))
    assert "was made without such a drive" in operator.declined(reseed, "vm/web")
