"""Power on and power off of one host.

Comes in: a host's name, uuid and address. Goes out: a host that answers over TLS, or nothing left of it.
Called by lab.py, for several hosts at once in threads.
"""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import sys
import time
from ipaddress import IPv4Address
from pathlib import Path

from msgspec.structs import asdict

from drivers.lab import network, processes
from drivers.lab.credentials import pki
from drivers.lab.errors import CommandFailed, HostFailed
from drivers.lab.host import config
from drivers.lab.host.services import SERVICES
from drivers.lab.paths import (
    LOCKS_IN_HOST,
    SHARED_SOURCE_IN_HOST,
    SSHD_IN_HOST,
    SWITCH_IN_HOST,
    LabPaths,
    host_index,
    host_name,
    link_name,
)
from drivers.lab.state import LabRecord
from specs.structs import Struct

INIT = Path(__file__).with_name("init.py")
TLS_PORT = 16514
BOOT_PATIENCE = 60.0


class HostPlan(Struct, frozen=True):
    """One host of one lab."""

    lab: LabPaths
    record: LabRecord
    name: str

    @property
    def uuid(self) -> str:
        return self.record.hosts[self.name]

    @property
    def system(self) -> Path | None:
        """The other Debian that it runs, None if it is the machine's."""
        release = self.record.systems.get(self.name)
        return None if release is None else self.lab.system(release)

    @property
    def address(self) -> IPv4Address:
        return self.record.address(self.name)

    @property
    def mac(self) -> str:
        """Always the same, so that the neighbours' ARP tables hold after a power cut."""
        return f"52:54:00:67:76:{host_index(self.name) or 0:02x}"


def power_on(plan: HostPlan) -> bool:
    """Have the host run, with its cable plugged; True if it was off. Raises HostFailed if it does not answer."""
    running = find(plan.lab, plan.name)
    if running is None:
        power_off(plan.lab, plan.name)  # half a host: a keeper without init, a cable that leads nowhere
        _prepare(plan)
        _start(plan)
    else:
        network.set_cable(plan.name, connected=True)
    _wait_until_it_answers(plan)
    return running is None


def find(lab: LabPaths, name: str) -> processes.HostProcess | None:
    """Process 1 of the host, None if the host is off."""
    found = processes.host_processes(lab.state, name)
    return next((process for process in found if process.is_init), None)


def power_off(lab: LabPaths, name: str) -> bool:
    """Cut the power: silence on the wire first, then everything is gone at once. True if there was anything."""
    cable, found = network.cable_exists(name), processes.host_processes(lab.state, name)
    if cable:
        try:
            network.set_cable(name, connected=False)
        except CommandFailed:
            if network.cable_exists(name):
                raise
    for process in found:
        if not processes.kill(process):
            raise HostFailed(
                f"Process {process.pid} of host {name} does not die: it hangs in the kernel, most likely on the "
                f"shared folder {lab.shared}. See `cat /proc/{process.pid}/stack`, then try again."
            )
    # The kernel removes the cable with the network namespace, but connections that nobody has said farewell to can
    # keep that alive for minutes.
    network.remove([link_name(name)] if network.cable_exists(name) else [])
    return cable or bool(found)


def _prepare(plan: HostPlan) -> None:
    """The host's folder: made once, kept over power cuts."""
    folders = plan.lab.host(plan.name)
    for folder in (folders.etc, folders.lib, folders.log, folders.cache, folders.switch):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folders.lib.chmod(0o755)  # a network's dnsmasq reads its leases and names there, as nobody
    for name, text in config.etc_libvirt(plan.uuid, str(plan.address)).items():
        if not (folders.etc / name).exists():
            (folders.etc / name).write_text(text, encoding="utf-8")
    pki.ensure_host(plan.lab.authority, folders.pki, plan.name, plan.address)
    if plan.system is None:
        seed_capabilities(plan.lab, plan.name)


def seed_capabilities(lab: LabPaths, name: str) -> None:
    """Give the host what another one has found out about QEMU, unless it knows by itself."""
    own = lab.host(name).capabilities
    if lab.capabilities.is_dir() and not any(own.glob("*.xml")):
        shutil.copytree(lab.capabilities, own, dirs_exist_ok=True)


def _start(plan: HostPlan) -> None:
    log = plan.lab.host(plan.name).boot_log
    with log.open("ab") as errors:
        starter = subprocess.Popen(
            [sys.executable, "-I", "-S", str(INIT), processes.MARK, str(plan.lab.state), plan.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
        )
    with starter:
        assert starter.stdin is not None
        assert starter.stdout is not None
        line = starter.stdout.readline()
        if not line:
            raise HostFailed(f"Host {plan.name} did not start: {_last_words(log)}")
        keeper = int(json.loads(line)["keeper"])
        network.plug(plan.lab.state, plan.name, plan.mac, keeper)
        starter.stdin.write(json.dumps(_boot_order(plan)) + "\n")


def _boot_order(plan: HostPlan) -> dict[str, object]:
    folders = plan.lab.host(plan.name)
    indexes = range(1, plan.record.subnet.num_addresses - 2)
    root = plan.system or Path("/")
    accounts = {file: (root / file.lstrip("/")).read_text(encoding="utf-8") for file in config.ACCOUNTS}
    peers = {host_name(i): str(plan.record.subnet.network_address + i) for i in indexes if host_index(host_name(i))}
    return {
        "name": plan.name,
        "system": str(plan.system) if plan.system else None,
        "address": f"{plan.address}/{plan.record.subnet.prefixlen}",
        "gateway": str(plan.record.gateway),
        "binds": [
            [str(folders.etc), "/etc/libvirt"],
            [str(folders.pki), "/etc/pki"],
            [str(folders.lib), "/var/lib/libvirt"],
            [str(folders.log), "/var/log/libvirt"],
            [str(folders.cache), "/var/cache/libvirt"],
            [str(folders.ssh), "/etc/ssh"],
            [str(folders.switch), str(SWITCH_IN_HOST)],
            [str(plan.lab.shared), str(SHARED_SOURCE_IN_HOST)],
            [str(plan.lab.locks), str(LOCKS_IN_HOST)],
            *([[str(plan.lab.sshd), str(SSHD_IN_HOST)]] if plan.lab.sshd.is_dir() else []),
        ],
        "files": config.etc(plan.name, peers, accounts),
        "services": [asdict(made) for service in SERVICES if (made := service(plan.lab)).argv],
    }


def _wait_until_it_answers(plan: HostPlan) -> None:
    give_up = time.monotonic() + BOOT_PATIENCE
    while not answers(plan.lab, plan.address):
        if find(plan.lab, plan.name) is None or time.monotonic() > give_up:
            raise HostFailed(
                f"Host {plan.name} does not answer on {plan.address}:{TLS_PORT}: "
                f"{_last_words(plan.lab.host(plan.name).boot_log)} "
                f"See also {plan.lab.host(plan.name).log}/libvirtd.log."
            )
        time.sleep(0.03)


def answers(lab: LabPaths, address: IPv4Address) -> bool:
    """Does libvirtd take our certificate? It says so with one byte after the TLS handshake."""
    import ssl  # 30 ms that only those pay who wait for a host

    context = ssl.create_default_context(cafile=str(lab.client_pki / "cacert.pem"))
    context.load_cert_chain(lab.client_pki / "clientcert.pem", lab.client_pki / "clientkey.pem")
    try:
        with (
            socket.create_connection((str(address), TLS_PORT), timeout=2) as plain,
            context.wrap_socket(plain, server_hostname=str(address)) as secured,
        ):
            return secured.recv(1) == b"\1"
    except OSError:
        return False


def _last_words(log: Path) -> str:
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()[-3:]
    except OSError:
        lines = []
    return " / ".join(lines) or f"it said nothing in {log}."
