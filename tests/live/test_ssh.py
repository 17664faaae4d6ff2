"""Hosts by ssh: libvirt's three ssh transports with a pinned host key; a changed key and a stranger's key are refused.

An sshd of the test runs inside a lab host; it dies with it.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from drivers.errors import Denied
from drivers.lab.lab import Lab
from drivers.libvirt.access import Access
from drivers.libvirt.host import connect

pytestmark = pytest.mark.live

TRANSPORTS = ("qemu+ssh", "qemu+libssh", "qemu+libssh2")
CONFIG = """Port 22
HostKey {folder}/host
AuthorizedKeysFile {folder}/authorized
PermitRootLogin prohibit-password
PasswordAuthentication no
UsePAM no
StrictModes no
PidFile none
"""


@dataclass(frozen=True, slots=True)
class Door:
    """An sshd in a lab host: its address, and a folder with the keys of both sides."""

    address: str
    folder: Path

    def access(self, transport: str, *, key: str = "client", pinned: str = "host") -> Access:
        """How to reach it, with that private key, and that public key as the only one that is known for the host."""
        public = " ".join((self.folder / f"{pinned}.pub").read_text().split()[:2])
        known = self.folder / f"known-{pinned}"
        known.write_text(f"{self.address} {public}\n")
        return Access(uri=f"{transport}://root@{self.address}/system", keyfile=self.folder / key, known_hosts=known)


@pytest.fixture
def door(lab: Lab, tmp_path: Path) -> Iterator[Door]:
    sshd = shutil.which("sshd", path="/usr/sbin:/usr/bin")
    if sshd is None:
        pytest.skip(
            "there is no sshd (Debian: openssh-server); `make setup` does not install one, since it would start"
        )
    for name in ("host", "other", "client", "stranger"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / name)], check=True)
    (tmp_path / "authorized").write_text((tmp_path / "client.pub").read_text())
    config = tmp_path / "config"
    config.write_text(CONFIG.format(folder=tmp_path))
    subprocess.run(lab.inside("kvm1", ["mkdir", "-p", "/run/sshd"]), check=True)
    with subprocess.Popen(lab.inside("kvm1", [sshd, "-D", "-e", "-f", str(config)]), stderr=subprocess.PIPE) as server:
        address = next(host.address for host in lab.hosts() if host.name == "kvm1")
        time.sleep(0.5)
        assert server.poll() is None, server.stderr and server.stderr.read()
        yield Door(address=str(address), folder=tmp_path)
        subprocess.run(lab.inside("kvm1", ["pkill", "-f", str(config)]), check=False)
        server.wait(timeout=30)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_host_with_the_pinned_key_is_read(door: Door, transport: str) -> None:
    with closing(connect("kvm1", door.access(transport))) as host:
        assert host.reader.read().hostname == "kvm1"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_changed_host_key_is_refused(door: Door, transport: str) -> None:
    with closing(connect("kvm1", door.access(transport, pinned="other"))) as host, pytest.raises(Denied):
        host.reader.ping()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_strangers_key_is_refused(door: Door, transport: str) -> None:
    with closing(connect("kvm1", door.access(transport, key="stranger"))) as host, pytest.raises(Denied):
        host.reader.ping()
