"""Hosts by ssh: libvirt's three ssh transports with pinned host keys; other keys are refused, on both sides."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

from drivers.errors import Denied
from drivers.lab import state
from drivers.lab.credentials import ssh
from drivers.lab.lab import Lab
from drivers.lab.repository import write_repository
from drivers.libvirt.access import Access
from drivers.libvirt.host import connect
from specs.structs import Struct
from tests.live.command import PROGRAM
from tests.live.facts import wait_until

pytestmark = pytest.mark.live

TRANSPORTS = ("qemu+ssh", "qemu+libssh", "qemu+libssh2")


class Door(Struct, frozen=True):
    """The way into a lab host, with a folder of keys that are not its own."""

    address: str
    keys: Path
    others: Path

    def access(self, transport: str, *, stranger: bool = False, changed: bool = False) -> Access:
        """How to reach it: with a key that it does not know; with another host key pinned than it has."""
        known = self.keys / "known_hosts"
        if changed:
            public = " ".join((self.others / "key.pub").read_text().split()[:2])
            known = self.others / "known_hosts"
            known.write_text(f"{self.address} {public}\n")
        keyfile = self.others / "key" if stranger else self.keys / "client"
        return Access(uri=f"{transport}://root@{self.address}/system", keyfile=keyfile, known_hosts=known)


@pytest.fixture
def door(lab: Lab, tmp_path: Path) -> Door:
    if not ssh.server(lab.paths):
        pytest.skip("there is no sshd (Debian: openssh-server), and its package could not be downloaded")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True)
    address = lab.hosts()[0].address
    wait_until(lambda: listens(address), what="sshd")  # a host that has just booted answers by TLS, perhaps only so
    return Door(address=address, keys=lab.paths.ssh, others=tmp_path)


def listens(address: str) -> bool:
    try:
        socket.create_connection((address, 22), timeout=10).close()
    except OSError:
        return False
    return True


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_host_with_the_pinned_key_is_read(door: Door, transport: str) -> None:
    with closing(connect("kvm1", door.access(transport))) as host:
        assert host.reader.read().hostname == "kvm1"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_changed_host_key_is_refused(door: Door, transport: str) -> None:
    with closing(connect("kvm1", door.access(transport, changed=True))) as host, pytest.raises(Denied):
        host.reader.ping()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_strangers_key_is_refused(door: Door, transport: str) -> None:
    with closing(connect("kvm1", door.access(transport, stranger=True))) as host, pytest.raises(Denied):
        host.reader.ping()


def test_hosts_reach_each_other_by_ssh_with_pinned_keys(lab: Lab, door: Door) -> None:
    """As peer-to-peer migration does; a host whose key is not the pinned one is refused."""
    there = ["virsh", "-c", "qemu+ssh://root@kvm2/system", "hostname"]
    asked = subprocess.run(lab.inside("kvm1", there), capture_output=True, text=True, check=True)
    assert asked.stdout.strip() == "kvm2"
    known = lab.paths.host("kvm1").ssh / "ssh_known_hosts"
    pinned = known.read_text(encoding="utf-8")
    try:
        known.write_text(pinned.replace("kvm2", "kvmX").replace("kvm1", "kvm1,kvm2"), encoding="utf-8")
        refused = subprocess.run(lab.inside("kvm1", there), capture_output=True, text=True, check=False)
    finally:
        known.write_text(pinned, encoding="utf-8")
    assert refused.returncode != 0
    assert "Host key verification failed" in refused.stderr


def test_a_repository_by_ssh_is_planned_with_the_keys_of_the_settings(lab: Lab, door: Door, tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    list(write_repository(lab, folder, "ssh"))
    for spare in (folder / "hosts").iterdir():
        if spare.stem != "kvm1":
            spare.unlink()
    assert "keyfile=lab&known_hosts=lab" in (folder / "hosts" / "kvm1.yaml").read_text(encoding="utf-8")
    record = state.load(lab.paths)
    assert record is not None
    (tmp_path / "settings.d").mkdir()
    shutil.copy(record.settings_file, tmp_path / "settings.d")
    (tmp_path / "settings.yaml").write_text(f"state: {tmp_path}/state\n", encoding="utf-8")
    environment = {**os.environ, "GITVIRT_CONFIG": str(tmp_path / "settings.yaml")}
    planned = subprocess.run(
        [*PROGRAM, "plan", str(folder)], env=environment, capture_output=True, text=True, check=False
    )
    assert planned.returncode == 2, planned.stderr
    assert "create" in planned.stdout
