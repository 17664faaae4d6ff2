"""Hosts with another Debian's libvirt beside hosts with the machine's own: what they are, and that guests run there.

It takes minutes to make such a system, so this runs where the lab's cache has one (`gitvirt lab up --debian trixie`).
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.lab.guest import image
from drivers.lab.lab import Lab
from drivers.lab.paths import SHARED_IN_HOST
from tests.live.conftest import Guest, guest_xml, virsh

pytestmark = pytest.mark.live

RELEASE = "trixie"


@pytest.fixture
def mixed(lab_of_session: Lab) -> Iterator[Lab]:
    """kvm1 with the machine's libvirt, kvm2 with another."""
    system = lab_of_session.paths.system(RELEASE)
    if not system.is_dir():
        pytest.skip(f"no {RELEASE} in the lab's cache: it takes minutes to make (gitvirt lab up --debian {RELEASE})")
    lab_of_session.down(keep_cache=True)
    lab_of_session.up(1)
    lab_of_session.up(2, RELEASE)
    yield lab_of_session
    lab_of_session.down(keep_cache=True)


def test_newer_libvirt_runs_guests_beside_the_machines_own(mixed: Lab, tmp_path: Path) -> None:
    assert [host.system for host in mixed.hosts()] == ["", RELEASE]
    programs = [
        subprocess.run(mixed.inside(name, ["libvirtd", "--version"]), capture_output=True, text=True, check=True).stdout
        for name in ("kvm1", "kvm2")
    ]
    assert programs[0] != programs[1]
    image.copy(mixed.guest_image(), mixed.paths.shared / "guest.qcow2")
    (tmp_path / "guest.xml").write_text(guest_xml("newer", SHARED_IN_HOST / "guest.qcow2"), encoding="utf-8")
    virsh(mixed, "kvm2", "define", tmp_path / "guest.xml")
    virsh(mixed, "kvm2", "start", "newer")
    guest = Guest(mixed, "kvm2", "newer")
    guest.wait_for_agent()
    assert guest.run("wc -l < /data/boots") == "1"
    mixed.power_off("kvm2")
    mixed.power_on("kvm2")
    assert (guest.state(), virsh(mixed, "kvm1", "hostname")) == ("shut off", "kvm1")
