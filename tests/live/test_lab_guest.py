"""The lab's tiny guest: it boots from its image, reads its seed, keeps its bytes, and follows live changes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from drivers.lab.lab import Lab
from drivers.lab.paths import SHARED_IN_HOST
from tests.live.conftest import NAT, Guest, virsh
from tests.live.facts import wait_until

pytestmark = pytest.mark.live


def seed(lab: Lab, name: str, **files: str) -> str:
    """A NoCloud seed on the shared folder, as the device XML of a CD-ROM."""
    import pycdlib

    iso = pycdlib.PyCdlib()
    iso.new(joliet=3, rock_ridge="1.09", vol_ident="cidata")
    for number, (stem, text) in enumerate(files.items()):
        content, file = text.encode(), stem.replace("_", "-")
        iso.add_fp(BytesIO(content), len(content), f"/F{number}.;1", rr_name=file, joliet_path=f"/{file}")
    iso.write(str(lab.paths.shared / f"{name}.iso"))
    iso.close()
    return (
        "<disk type='file' device='cdrom'><driver name='qemu' type='raw'/>"
        f"<source file='{SHARED_IN_HOST}/{name}.iso'/><target dev='sdb' bus='scsi'/><readonly/></disk>"
    )


@pytest.mark.parametrize("bus", ["virtio", "scsi"])
def test_guest_boots_reads_its_seed_and_keeps_its_bytes(lab: Lab, start_guest: Callable[..., Guest], bus: str) -> None:
    user_data = "#cloud-config\nruncmd:\n  - echo ran >> /data/ran\n"
    devices = seed(lab, "web", meta_data="instance-id: i-1\nlocal-hostname: web-01\n", user_data=user_data)
    guest = start_guest("kvm1", "web", bus, devices)
    guest.wait_for_agent()
    assert guest.run("hostname") == "web-01"
    wait_until(lambda: guest.run("cat /data/ran || true") == "ran")
    guest.run("echo kept > /data/kept; sync")
    guest.virsh("shutdown", "--mode", "acpi")
    wait_until(lambda: guest.state() == "shut off")
    guest.virsh("start")
    guest.wait_for_agent()
    assert guest.run("cat /data/kept /data/ran; wc -l < /data/boots") == "kept\nran\n2"
    guest.virsh("shutdown", "--mode", "agent")
    wait_until(lambda: guest.state() == "shut off")


def test_guest_takes_static_and_leased_addresses(lab: Lab, start_guest: Callable[..., Guest], tmp_path: Path) -> None:
    (tmp_path / "lan.xml").write_text(NAT, encoding="utf-8")
    virsh(lab, "kvm1", "net-define", tmp_path / "lan.xml")
    virsh(lab, "kvm1", "net-start", "lan")
    config = {
        "version": 2,
        "ethernets": {"lan": {"addresses": ["192.168.150.200/24"], "match": {"macaddress": "52:54:00:00:00:02"}}},
    }
    cards = "".join(
        f"<interface type='network'><mac address='52:54:00:00:00:0{n}'/><source network='lan'/>"
        "<model type='virtio'/></interface>"
        for n in (1, 2)
    )
    devices = seed(lab, "net", meta_data="instance-id: i-1\n", network_config=json.dumps(config)) + cards
    guest = start_guest("kvm1", "net", "virtio", devices)
    guest.wait_for_agent()
    assert "192.168.150.200/24" in guest.run("ip -4 addr show eth1")
    wait_until(lambda: "inet 192.168.150." in guest.run("ip -4 addr show eth0"))
    assert "192.168.150.200" not in guest.run("ip -4 addr show eth0")


def test_guest_follows_live_changes(lab: Lab, start_guest: Callable[..., Guest], tmp_path: Path) -> None:
    (tmp_path / "lan.xml").write_text(NAT, encoding="utf-8")
    virsh(lab, "kvm1", "net-define", tmp_path / "lan.xml")
    virsh(lab, "kvm1", "net-start", "lan")
    guest = start_guest("kvm1", "plug")
    guest.wait_for_agent()
    guest.virsh("setvcpus", "2", "--live")
    wait_until(lambda: guest.run("nproc") == "2")
    for disk, target, bus in (("more", "vdb", "virtio"), ("most", "sdb", "scsi")):
        subprocess.run(
            ["qemu-img", "create", "-q", "-f", "qcow2", lab.paths.shared / f"{disk}.qcow2", "16M"], check=True
        )
        path = SHARED_IN_HOST / f"{disk}.qcow2"
        guest.virsh("attach-disk", path, target, "--targetbus", bus, "--subdriver", "qcow2", "--live")
    wait_until(lambda: guest.run("ls /dev/vdb /dev/sda || true") == "/dev/sda\n/dev/vdb")
    guest.virsh("attach-interface", "network", "lan", "--model", "virtio", "--live")
    wait_until(lambda: "inet 192.168.150." in guest.run("ip -4 addr show eth0 || true"))


def test_guest_moves_between_hosts_on_the_shared_storage(lab: Lab, start_guest: Callable[..., Guest]) -> None:
    guest = start_guest("kvm1", "mover")
    guest.wait_for_agent()
    guest.run("echo before > /data/moved; sync")
    guest.virsh("migrate", "--live", "--p2p", "--persistent", "--undefinesource", "--tls", "qemu+tls://kvm2/system")
    moved = Guest(lab, "kvm2", "mover")
    assert moved.state() == "running"
    moved.wait_for_agent()
    assert moved.run("cat /data/moved; wc -l < /data/boots") == "before\n1"
