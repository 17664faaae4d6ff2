"""Moves on real hosts, by Git and by `gitvirt migrate`: one guest counts through all of them."""

from __future__ import annotations

import pytest

from drivers.seen import Power
from tests.live import counting
from tests.live.command import Gitvirt
from tests.live.conftest import Guest, virsh
from tests.live.facts import nothing_doubles
from tests.live.site import LiveSite, machine, said

pytestmark = pytest.mark.live


def where(site: LiveSite) -> str:
    return site.vm("web")[0]


def guest(site: LiveSite) -> Guest:
    return Guest(site.lab, where(site), "web")


def test_a_guest_counts_through_moves_by_git_and_by_hand(site: LiveSite) -> None:
    gitvirt = Gitvirt(site)
    site.vms([machine("web", hosts=["kvm1"])])
    site.settle()
    guest(site).wait_for_agent()
    count = counting.begin(guest(site))
    with nothing_doubles(site.lab):
        site.vms([machine("web", hosts=["kvm2"])])
        told = gitvirt.run("apply", "--yes", code=0).stdout
        assert "host  kvm1 → kvm2  migration, its hosts are kvm2" in " ".join(told.split(" ")).replace("   ", "  ")
        assert where(site) == "kvm2"
        assert site.plan().empty, said(site.plan())

        site.vms([machine("web")])
        told = gitvirt.run("migrate", "web", "--to", "kvm1", "--hold", "--reason", "near its tape", code=0).stdout
        assert "near its tape" in told
        assert "migrate to kvm1  done" in told
        assert where(site) == "kvm1"
        assert site.plan().empty, said(site.plan())
        gitvirt.run("migrate", "vm/web", "--to", "kvm2", code=0)
        assert [step.what for step in site.plan().steps] == ["migrate to kvm1"]
        assert "not held on kvm1" in gitvirt.run("migrate", "web", "--clear", code=0).stdout
        assert site.plan().empty, said(site.plan())
    count = counting.assert_went_on(guest(site), count)
    assert "is not on its way" in gitvirt.run("migrate", "web", "--cancel", code=1).stderr
    _left_behind(site)
    counting.assert_went_on(guest(site), count)
    _held_and_off(site, gitvirt)


def _left_behind(site: LiveSite) -> None:
    """An old definition on another host goes, and its disk and the running guest stay."""
    definition = site.folder.parent / "left.xml"
    definition.write_text(virsh(site.lab, "kvm2", "dumpxml", "--inactive", "--security-info", "web"))
    virsh(site.lab, "kvm3", "define", definition)
    assert [step.what for step in site.plan().steps] == ["settle where it is"]
    site.settle()
    assert where(site) == "kvm2"


def _held_and_off(site: LiveSite, gitvirt: Gitvirt) -> None:
    """What cannot migrate is held with the reason; once it is off it goes, and starts there."""
    site.vms([machine("web", hosts=["kvm3"], migration="never")])
    assert "its YAML says migration: never" in gitvirt.run("plan", code=3).stdout
    gitvirt.run("stop", "web", "--force", "--yes", code=0)
    site.settle()
    host, vm = site.vm("web")
    assert (host, vm.power) == ("kvm3", Power.STOPPED)
    gitvirt.run("start", "web", code=0)
    assert site.vm("web")[1].power is Power.RUNNING
    assert site.plan().empty, said(site.plan())


def test_a_guest_takes_its_local_disk_along_and_comes_back(site: LiveSite) -> None:
    (site.folder / "local.yaml").write_text(
        "apiVersion: gitvirt/v1\nkind: StorageDomain\nmetadata: {name: local}\n"
        "spec: {type: local, path: /var/lib/libvirt/images/gitvirt}\n"
    )
    own = {"storageDomain": "local", "cloudInit": {"hostname": "web"}}
    site.vms([machine("web", hosts=["kvm1"], **own)])
    site.settle()
    guest(site).wait_for_agent()
    count = counting.begin(guest(site))
    for target in ("kvm2", "kvm1"):
        site.vms([machine("web", hosts=[target], **own)])
        with nothing_doubles(site.lab):
            site.settle()
        assert where(site) == target
        count = counting.assert_went_on(guest(site), count)
