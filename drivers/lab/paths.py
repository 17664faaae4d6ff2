"""Where everything of a lab lives, and what its things are called. Pure: no file is touched here.

<state>/lab.json                       what this lab is (state.py)
<state>/lock                           held by whoever changes the lab
<state>/pki/{ca,client}/               certificate authority; the client certificate of `pkipath=lab`
<state>/ssh/                           the client key and the pinned host keys of `keyfile=lab&known_hosts=lab`
<state>/bmc/                           certificate, password and log of the Redfish BMCs
<state>/locks/                         disk leases, seen by virtlockd of every host
<state>/shared/                        the folder behind the storage domain `shared`
<state>/cache/                         guest image by content, QEMU capabilities
<state>/hosts/<host>/                  one host: etc lib log cache pki ssh, boot.log
"""

from __future__ import annotations

import os
from pathlib import Path

from specs.structs import Struct

DEFAULT_STATE = Path("/var/lib/gitvirt-lab")
STATE_VARIABLE = "GITVIRT_LAB"

BRIDGE = "gv-lab0"
LINK_PREFIX = "gv-"
"""Every link that the lab makes on the machine starts like this (at most 15 bytes in all: IFNAMSIZ)."""
MAX_HOSTS = 200

SHARED_IN_HOST = Path("/var/lib/libvirt/shared")
"""Inside each host; /var/lib/libvirt is private to the host, so nothing has to be made on the machine itself."""

SHARED_SOURCE_IN_HOST = Path("/run/gitvirt-lab/shared")
"""The machine's folder itself, inside each host, for the file server that serves it under SHARED_IN_HOST."""

LOCKS_IN_HOST = Path("/run/gitvirt-lab/locks")
"""Inside each host: the folder of the disk leases. Not on the shared storage, whose locks end at each mount."""

SWITCH_IN_HOST = Path("/etc/openvswitch")
"""Inside each host: the database of its Open vSwitch."""

SSHD_IN_HOST = Path("/run/gitvirt-lab/sshd")
"""Inside each host: the unpacked ssh server, on a machine that has none of its own."""


def host_name(index: int) -> str:
    return f"kvm{index}"


def host_index(name: str) -> int | None:
    """The number in a host name, None if it is no name of a lab host."""
    digits = name.removeprefix("kvm")
    if not name.startswith("kvm") or not digits.isdecimal() or digits != str(int(digits)):
        return None
    return int(digits) if 1 <= int(digits) <= MAX_HOSTS else None


def link_name(host: str) -> str:
    """The machine's end of the host's network cable."""
    return LINK_PREFIX + host


class LabPaths(Struct, frozen=True):
    """The files of one lab, below its state directory (absolute)."""

    state: Path

    @classmethod
    def from_environment(cls) -> LabPaths:
        return cls(Path(os.environ.get(STATE_VARIABLE) or DEFAULT_STATE).absolute())

    @property
    def record(self) -> Path:
        return self.state / "lab.json"

    @property
    def lock(self) -> Path:
        return self.state / "lock"

    @property
    def authority(self) -> Path:
        return self.state / "pki" / "ca"

    @property
    def client_pki(self) -> Path:
        """cacert.pem, clientcert.pem, clientkey.pem: what libvirt expects behind `pkipath`."""
        return self.state / "pki" / "client"

    @property
    def ssh(self) -> Path:
        """`client` (private key), `known_hosts`: what a Host names with `keyfile=lab&known_hosts=lab`."""
        return self.state / "ssh"

    @property
    def bmc(self) -> Path:
        return self.state / "bmc"

    @property
    def locks(self) -> Path:
        return self.state / "locks"

    @property
    def shared(self) -> Path:
        return self.state / "shared"

    @property
    def cache(self) -> Path:
        return self.state / "cache"

    @property
    def capabilities(self) -> Path:
        """QEMU capabilities that one host has probed, for the others to start with."""
        return self.cache / "qemu-capabilities"

    @property
    def sshd(self) -> Path:
        """The ssh server, unpacked from Debian's package, for a machine that has none."""
        return self.cache / "sshd"

    def system(self, release: str) -> Path:
        """Another release of Debian, whole; hosts take its /usr and /etc."""
        return self.cache / f"system-{release}"

    @property
    def hosts(self) -> Path:
        return self.state / "hosts"

    def host(self, name: str) -> HostPaths:
        return HostPaths(self.hosts / name)


class HostPaths(Struct, frozen=True):
    """The folder of one host; `etc`, `lib`, `log`, `cache` become its /etc/libvirt, /var/lib/libvirt …"""

    root: Path

    @property
    def etc(self) -> Path:
        return self.root / "etc"

    @property
    def lib(self) -> Path:
        return self.root / "lib"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def cache(self) -> Path:
        return self.root / "cache"

    @property
    def switch(self) -> Path:
        return self.root / "switch"

    @property
    def capabilities(self) -> Path:
        """Where its libvirtd keeps what it has found out about QEMU."""
        return self.cache / "qemu" / "capabilities"

    @property
    def pki(self) -> Path:
        return self.root / "pki"

    @property
    def ssh(self) -> Path:
        """Becomes its /etc/ssh: server and client configuration, host key, who may log in, who is known."""
        return self.root / "ssh"

    @property
    def boot_log(self) -> Path:
        return self.root / "boot.log"
