"""The repositories in examples/ are real: they load, plan, apply and settle on simulated hosts of their names."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from drivers.errors import Busy
from drivers.seen import Power
from tests.flow.site import IMAGE, Site, vm_yaml

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(params=["homelab", "three-hosts"])
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    """A site whose repository is a copy of an example, with an image where it wants one."""
    name = request.param
    site = Site(tmp_path, hosts=3)
    shutil.rmtree(site.repository)
    shutil.copytree(EXAMPLES / name, site.repository)
    (site.repository / "images").mkdir(exist_ok=True)
    for wanted in ("debian-12-genericcloud-amd64.qcow2", "guest.qcow2"):
        (site.repository / "images" / wanted).write_bytes(IMAGE)
    site.world.add_host("nuc")
    site.world.add_directory("/srv/vms", hosts=["nuc"])
    return site


def test_an_example_settles_as_it_is(example: Site) -> None:
    example.settle()
    wanted = example.look().context.wanted
    running = {each.name for each in wanted.vms.values() if each.power == "running"}
    assert running
    assert {each.vm.name for each in example.look().context.observed.vms() if each.vm.running} == running


def test_one_machine_at_home_needs_at_most_25_lines_before_its_first_vm() -> None:
    text = (EXAMPLES / "homelab" / "gitvirt.yaml").read_text()
    assert len([line for line in text.splitlines() if line.strip()]) <= 25
    assert "VirtualMachine\n" not in text


def test_a_vm_on_local_disks_starts_with_its_host_once_they_are_made(tmp_path: Path) -> None:
    site = Site(tmp_path, hosts=1)
    site.world.add_directory("/srv/local", hosts=["kvm1"])
    text = (site.repository / "gitvirt.yaml").read_text()
    site.write("gitvirt.yaml", text.replace("type: posix, path: /srv/shared", "type: local, path: /srv/local"))
    site.vms(vm_yaml("web"))
    site.world.faults.fail(1, Busy, where=lambda call: call.method == "create" and "-root-" in call.object)
    site.apply()
    assert not site.domain("web")[1].autostart
    site.world.faults.revive()
    site.apply()
    assert site.domain("web")[1].power is Power.RUNNING
    assert site.domain("web")[1].autostart
