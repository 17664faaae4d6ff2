"""The lab for live tests: one per run, three hosts, put back to empty between tests.

A developer's own lab is used if $GITVIRT_LAB names one, and is left up; else one is made in a temporary folder.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.lab.guest import image
from drivers.lab.lab import Lab
from drivers.lab.paths import SHARED_IN_HOST
from specs.structs import Struct
from tests.live.command import Gitvirt
from tests.live.site import HOSTS, LiveSite

NAT = """<network><name>lan</name><forward mode='nat'/><ip address='192.168.150.1' netmask='255.255.255.0'>
<dhcp><range start='192.168.150.10' end='192.168.150.99'/></dhcp></ip></network>"""


@pytest.fixture
def lab(lab_of_session: Lab) -> Lab:
    """Three running hosts with nothing on them."""
    lab_of_session.up(HOSTS)
    for host in lab_of_session.hosts():
        lab_of_session.set_cable(host.name, connected=True)
        empty(lab_of_session, host.name)
    for left in lab_of_session.paths.shared.iterdir():
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    return lab_of_session


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Iterator[LiveSite]:
    """A repository folder for the lab's hosts, and a gitvirt of its own."""
    found = LiveSite(lab, tmp_path)
    yield found
    found.close()


@pytest.fixture
def gitvirt(site: LiveSite) -> Gitvirt:
    """The command, on the site's repository."""
    return Gitvirt(site)


def virsh(lab: Lab, host: str, *words: str | Path) -> str:
    """One virsh command over TLS; its output. Raises CalledProcessError, with what virsh said in `stderr`."""
    argv = ["virsh", "--quiet", "--connect", lab.libvirt_uri(host), *map(str, words)]
    return subprocess.run(argv, capture_output=True, text=True, check=True, timeout=400).stdout.strip()


def empty(lab: Lab, host: str) -> None:
    """Remove all domains, networks and pools of a host. Their volumes are the caller's affair."""
    undefine = "--managed-save --snapshots-metadata --checkpoints-metadata --nvram --tpm"
    for listed, deed in (
        ("list", "destroy &"),
        ("list --all", f"undefine & {undefine}"),
        ("net-list", "net-destroy &"),
        ("net-list --all", "net-undefine &"),
        ("pool-list", "pool-destroy &"),
        ("pool-list --all", "pool-undefine &"),
    ):  # one connection for all of a kind: there may be hundreds
        script = f"virsh -q {listed} --name | sed -n 's/..*/{deed}/p' | virsh -q"
        subprocess.run(lab.inside(host, ["sh", "-c", script]), capture_output=True, check=False, timeout=600)


class Guest(Struct, frozen=True):
    """A tiny guest, wherever it runs: move it by making another one of the same name."""

    lab: Lab
    host: str
    name: str

    def virsh(self, command: str, *words: str | Path) -> str:
        return virsh(self.lab, self.host, command, self.name, *words)

    def state(self) -> str:
        return self.virsh("domstate")

    def wait_for_agent(self, patience: float = 240) -> None:
        give_up = time.monotonic() + patience
        while True:
            try:
                self.agent("guest-ping")
                return
            except subprocess.CalledProcessError:
                if time.monotonic() > give_up:
                    raise
                time.sleep(0.3)

    def agent(self, command: str, **arguments: Any) -> Any:
        request = json.dumps({"execute": command, "arguments": arguments})
        return json.loads(self.virsh("qemu-agent-command", request))["return"]

    def run(self, script: str) -> str:
        """Run a shell script in the guest; its standard output."""
        started = self.agent("guest-exec", path="/bin/sh", arg=["-c", script], **{"capture-output": True})
        while not (done := self.agent("guest-exec-status", pid=started["pid"]))["exited"]:
            time.sleep(0.1)
        assert done["exitcode"] == 0, done
        return base64.b64decode(done.get("out-data", "")).decode().strip()


@pytest.fixture
def clone_guest(lab: Lab) -> Callable[[str], Path]:
    """Makes a disk for a guest: a linked clone of the tiny guest on the shared folder; gives its path in the hosts."""

    def clone(name: str) -> Path:
        base = lab.paths.shared / "base.qcow2"
        if not base.exists():
            image.copy(lab.guest_image(), base)
        argv = ["qemu-img", "create", "-q", "-u", "-f", "qcow2", "-F", "qcow2", "-b", str(SHARED_IN_HOST / base.name)]
        subprocess.run([*argv, str(lab.paths.shared / f"{name}.qcow2"), "128M"], check=True)
        return SHARED_IN_HOST / f"{name}.qcow2"

    return clone


@pytest.fixture
def start_guest(lab: Lab, clone_guest: Callable[[str], Path], tmp_path: Path) -> Callable[..., Guest]:
    """Defines and starts a tiny guest: start_guest(host, name, bus="virtio", devices="<more XML/>")."""

    def start(host: str, name: str, bus: str = "virtio", devices: str = "") -> Guest:
        definition = tmp_path / f"{name}.xml"
        definition.write_text(guest_xml(name, clone_guest(name), bus, devices), encoding="utf-8")
        virsh(lab, host, "define", definition)
        virsh(lab, host, "start", name)
        return Guest(lab, host, name)

    return start


def guest_xml(name: str, disk: Path, bus: str = "virtio", devices: str = "") -> str:
    target = {"virtio": "vda", "scsi": "sda"}[bus]
    ports = "<controller type='pci' model='pcie-root-port'/>" * 14
    return f"""
        <domain type='qemu'>
          <name>{name}</name>
          <memory unit='MiB'>{image.MINIMUM_MEMORY_MIB}</memory>
          <vcpu current='1'>2</vcpu>
          <os><type arch='x86_64' machine='q35'>hvm</type></os>
          <features><acpi/><tcg><tb-cache unit='MiB'>32</tb-cache></tcg></features>
          <cpu mode='maximum'/>
          <devices>
            <controller type='pci' index='0' model='pcie-root'/>{ports}
            <controller type='scsi' model='virtio-scsi'/>
            <disk type='file' device='disk'>
              <driver name='qemu' type='qcow2' cache='none'/>
              <source file='{disk}'/><target dev='{target}' bus='{bus}'/>
            </disk>
            <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
            <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
            <serial type='file'><source path='/var/log/libvirt/{name}.serial'/></serial>
            {devices}
          </devices>
        </domain>"""
