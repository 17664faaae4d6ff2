"""Connections to real hosts: silence on the wire, hanging guests, wrong certificates, the end of our own process."""

from __future__ import annotations

import queue
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from lxml import etree

from drivers.base import Once
from drivers.errors import Denied, Unknown, Unreachable
from drivers.lab.lab import Lab
from drivers.libvirt.access import Access
from drivers.libvirt.host import LibvirtHost, connect
from drivers.seen import Power
from tests.live.facts import wait_until

pytestmark = pytest.mark.live

UUID = "11111111-2222-3333-4444-555555555555"
VM = f"""<domain type='qemu'><name>hangs</name><uuid>{UUID}</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type machine='pc'>hvm</type></os><cpu mode='custom' match='exact' check='none'><model>qemu64</model></cpu>
<devices><console type='pty'/><video><model type='none'/></video></devices></domain>"""


def access(lab: Lab, name: str, pki: Path | None = None) -> Access:
    return Access(uri=lab.uri(name).partition("?")[0], pki=pki or lab.paths.client_pki)


@pytest.fixture
def host(lab: Lab) -> Iterator[LibvirtHost]:
    with closing(connect("kvm1", access(lab, "kvm1"))) as made:
        yield made


def test_a_silent_host_is_noticed_and_found_again(lab: Lab, host: LibvirtHost) -> None:
    woken: queue.SimpleQueue[str] = queue.SimpleQueue()
    host.watch(lambda name, ref: woken.put(ref))
    wait_until(lambda: hears(host, woken), what="the watch")
    lab.set_cable("kvm1", connected=False)
    wait_for_everything(woken)
    with pytest.raises(Unreachable):
        host.reader.ping()
    lab.set_cable("kvm1", connected=True)
    wait_for_everything(woken)
    assert host.reader.read().name == "kvm1"


def hears(host: LibvirtHost, woken: queue.SimpleQueue[str]) -> bool:
    """Makes changes that are told; has the watch begun, which is made in a thread of its own?"""
    with host.connections.changes() as conn:
        host.connections.call("define", conn.defineXML, VM)
        host.connections.call("undefine", conn.lookupByUUIDString(UUID).undefine)
    return not woken.empty()


def wait_for_everything(woken: queue.SimpleQueue[str]) -> None:
    """Until it is told to look at everything again; what was told of single VMs before is passed over."""
    while woken.get(timeout=240) != "":
        pass


def test_a_process_with_a_handle_of_a_silent_host_ends_all_the_same(lab: Lab) -> None:
    script = """
import sys
from drivers.lab.lab import Lab
from drivers.libvirt.access import Access
from drivers.libvirt.connect import Connections
connections = Connections("kvm1", Access(uri=sys.argv[1], pki=sys.argv[2]))
with connections.reads() as conn:
    kept = connections.call("list", conn.listAllInterfaces, 0)
assert kept
Lab().set_cable("kvm1", connected=False)
print("leaving")
"""
    words = [sys.executable, "-c", script, access(lab, "kvm1").uri, str(lab.paths.client_pki)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=240)
    finally:
        lab.set_cable("kvm1", connected=True)
    assert (done.stdout, done.stderr, done.returncode) == ("leaving\n", "", 0)


def test_a_host_with_a_hanging_qemu_is_read_all_the_same(lab: Lab, host: LibvirtHost) -> None:
    with host.connections.changes() as conn:
        host.connections.call("define", conn.defineXML, VM)
    host.powers.start(UUID)
    signal(lab, "STOP")
    try:
        seen = {vm.name: vm for vm in host.reader.read().vms}["hangs"]
        assert (seen.power, seen.running) == (Power.RUNNING, True)
        assert host.reader.vm(UUID) == seen
        with host.connections.changes() as conn:
            domain = host.connections.call("pause", conn.lookupByUUIDString, UUID)
            with pytest.raises(Unknown):
                host.connections.call("pause", domain.suspend, deadline=1.0)
        assert host.reader.vm(UUID) == seen
        host.networks.undefine("any")  # changes go over another connection meanwhile
    finally:
        signal(lab, "CONT")
    host.powers.destroy(UUID)


def signal(lab: Lab, name: str) -> None:
    subprocess.run(lab.inside("kvm1", ["pkill", f"-{name}", "-f", "guest=hangs,"]), check=True)


def test_a_console_can_be_taken_over_and_ends_with_its_vm(lab: Lab, host: LibvirtHost) -> None:
    with host.connections.changes() as conn:
        domain = etree.fromstring(VM)
        etree.SubElement(domain.find("os"), "bios", useserial="yes")
        host.connections.call("define", conn.defineXML, etree.tostring(domain, encoding="unicode"))
    host.powers.start(UUID, Once(fields={}, paused=True))  # what it says between the two would be nobody's
    first = host.console(UUID)
    received: list[bytes] = []

    def receive() -> None:
        while data := first.receive():
            received.append(data)

    reader = threading.Thread(target=receive)
    reader.start()
    second = host.console(UUID, force=True)
    reader.join(240)
    assert not reader.is_alive()
    host.powers.resume(UUID)
    while b"No bootable device" not in b"".join(received):
        received.append(second.receive())
    host.powers.destroy(UUID)
    while second.receive():
        pass
    first.close()
    second.close()


@pytest.mark.parametrize("other", ["certificate", "authority"])
def test_a_client_without_the_right_certificate_is_denied_and_so_is_a_host(
    lab: Lab, tmp_path: Path, other: str
) -> None:
    pki = tmp_path / "pki"
    shutil.copytree(lab.paths.client_pki, pki)
    replaced = "clientcert.pem" if other == "certificate" else "cacert.pem"
    key = tmp_path / "key.pem"
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    names = ["-subj", "/CN=stranger", "-days", "2", "-keyout", str(key), "-out", str(pki / replaced)]
    subprocess.run([*make, *names], check=True, capture_output=True)
    if other == "certificate":
        shutil.copy(key, pki / "clientkey.pem")
    with closing(connect("kvm1", access(lab, "kvm1", pki))) as stranger, pytest.raises(Denied):
        stranger.reader.ping()
