"""Moving in, on a real host: guests of every make are imported, adopted, and left exactly as they were.

One test defines what the generator knows (tests/domains.py) and lets two guests run, one made by virt-install and one
by hand; nothing but the mark differs afterwards, no QEMU process is another one, and the next plan is empty.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import libvirt
import pytest

from drivers.lab.lab import Lab
from drivers.lab.paths import SHARED_IN_HOST
from drivers.libvirt.domain import marks
from drivers.libvirt.domain.tree import parse_to_edit, write
from tests.domains import ELSEWHERE, NETWORK, POOL, every, identity
from tests.live.command import Gitvirt
from tests.live.conftest import virsh
from tests.live.site import LiveSite

pytestmark = pytest.mark.live

HOST = "kvm1"
COUNT = 170
BY_HAND = "by-hand-158"
ODD_NAMES = ("web (old) & <new>", "ünïcödé-höst", "-dash", "on", "0123", "null", "x" * 80, "new\u2028line")
LAN = f"""<network><name>{NETWORK}</name><bridge name='virbr77'/><forward mode='nat'/>
  <ip address='192.168.177.1' netmask='255.255.255.0'><dhcp><range start='192.168.177.10' end='192.168.177.99'/>
  </dhcp></ip></network>"""
IDLE = "<network><name>idle</name><ip address='192.168.178.1' netmask='255.255.255.0'/></network>"
ODD = """<domain type='qemu'><name>{}</name><uuid>{}</uuid><memory unit='MiB'>64</memory><vcpu>1</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type></os><devices>{}</devices></domain>"""
IDLE_NIC = "<interface type='network'><mac address='52:54:00:ee:ee:01'/><source network='idle'/></interface>"


@pytest.fixture
def conn(lab: Lab) -> Iterator[libvirt.virConnect]:
    opened = libvirt.open(lab.libvirt_uri(HOST))
    yield opened
    for each in opened.listAllDomains():
        if each.isActive():
            each.destroy()
        each.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
    opened.close()
    subprocess.run(lab.inside(HOST, ["rm", "-rf", POOL, ELSEWHERE]), check=True, timeout=240)


@pytest.fixture
def gitvirt(lab: Lab, tmp_path: Path) -> Iterator[Gitvirt]:
    """The command on a repository that is not there yet."""
    site = LiveSite(lab, tmp_path)
    shutil.rmtree(site.folder)
    site.folder.mkdir()
    yield Gitvirt(site)
    site.close()


def escaped(name: str) -> str:
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def furnish(lab: Lab, conn: libvirt.virConnect) -> None:
    """A network that is on, one that is off, and a pool with a volume for every disk that the generator speaks of."""
    conn.networkDefineXML(LAN).create()
    conn.networkDefineXML(IDLE)
    texts = "".join(xml for _, xml in every(COUNT, "qemu"))
    files = sorted(set(re.findall(rf"'({POOL}/[^'/]+)'", texts)))
    script = f"mkdir -p {POOL} {ELSEWHERE} && cd {POOL} && xargs touch && : > {ELSEWHERE}/x.img"
    script += " && qemu-img create -q -f qcow2 vm158-vda.qcow2 64M"
    told = " ".join(each.rpartition("/")[2] for each in files)
    subprocess.run(lab.inside(HOST, ["sh", "-c", script]), input=told, text=True, check=True, timeout=240)
    conn.storagePoolDefineXML(f"<pool type='dir'><name>vms</name><target><path>{POOL}</path></target></pool>").create()


def define(conn: libvirt.virConnect) -> int:
    """Everything that the generator makes, and names that no repository would take; the number that libvirt took."""
    refused = []
    for name, xml in every(COUNT, "qemu"):
        try:
            conn.defineXML(xml)
        except libvirt.libvirtError as error:
            refused.append(f"{name}: {error}")
    assert len(refused) < 10, refused
    for number, name in enumerate(ODD_NAMES):
        nic = IDLE_NIC if name == "on" else ""
        conn.defineXML(ODD.format(escaped(name), identity(50_000 + number), nic))
    return COUNT - len(refused) + len(ODD_NAMES)


def run_two(lab: Lab, conn: libvirt.virConnect, guest_disk: Path) -> None:
    """One guest made by virt-install, one by hand; both run."""
    program = shutil.which("virt-install")
    assert program, "virtinst is among the lab's packages"
    words = [
        program, "--connect", lab.libvirt_uri(HOST), "--name", "by-virt-install", "--memory", "128", "--vcpus", "1",
        "--cpu", "mode=maximum", "--virt-type", "qemu", "--import", "--osinfo", "generic", "--noautoconsole",
        "--disk", str(guest_disk), "--network", f"network={NETWORK}", "--graphics", "vnc,password=geheim",
        "--channel", "unix,target.type=virtio,target.name=org.qemu.guest_agent.0", "--sound", "none",
    ]  # fmt: skip
    subprocess.run(words, check=True, capture_output=True, text=True, timeout=240)
    conn.lookupByName(BY_HAND).create()


def definitions(conn: libvirt.virConnect) -> dict[str, str]:
    """Every domain's next boot, secrets included, without our mark."""
    secure = libvirt.VIR_DOMAIN_XML_INACTIVE | libvirt.VIR_DOMAIN_XML_SECURE
    return {each.UUIDString(): unmarked(each.XMLDesc(secure)) for each in conn.listAllDomains()}


def unmarked(xml: str) -> str:
    domain = parse_to_edit(xml)
    metadata = domain.find("metadata")
    if metadata is not None:
        for each in metadata.findall(marks.TAG):
            metadata.remove(each)
        if not len(metadata):
            domain.remove(metadata)
    return re.sub(r">\s+<", "><", write(domain))


def processes(lab: Lab) -> dict[str, str]:
    """Domain → the pid of its QEMU."""
    told = subprocess.run(
        lab.inside(HOST, ["sh", "-c", "cd /run/libvirt/qemu && grep . by-*.pid"]),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split(":", 1) for line in told.stdout.split())


def test_what_every_tool_made_is_adopted_and_nothing_of_it_changes(
    lab: Lab, conn: libvirt.virConnect, gitvirt: Gitvirt, clone_guest: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert callable(clone_guest)
    furnish(lab, conn)
    count = define(conn)
    run_two(lab, conn, clone_guest("by-virt-install"))
    before, pids = definitions(conn), processes(lab)
    assert len(pids) == 2
    assert len(before) == count + 1

    imported = gitvirt.run("import", lab.uri(HOST), "--repo", ".", code=0)
    assert "Nothing on the hosts was touched" in imported.stdout
    assert definitions(conn) == before, "import only reads"
    refused = [line for line in imported.stdout.splitlines() if line.startswith("  passed over  vm")]
    assert ["rename it" in line for line in refused] == [True] * 5, refused
    texts = [each.read_text() for each in gitvirt.site.folder.rglob("*.yaml")]
    assert not any("geheim" in each for each in texts), "no secret is written"
    assert "GITVIRT_SECRET_BY_VIRT_INSTALL_GRAPHICS_PASSWORD" in imported.stdout
    monkeypatch.setenv("GITVIRT_SECRET_BY_VIRT_INSTALL_GRAPHICS_PASSWORD", "geheim")

    adopting = count + 1 - len(refused)
    plan = gitvirt.run("plan", code=2)
    assert f"Plan: {adopting} to adopt, 0 to delete." in plan.stdout, plan.stdout[-2000:]
    applied = gitvirt.run("apply", "--yes", code=0)
    assert "nothing to do" in gitvirt.run("plan", code=0).stdout.lower(), applied.stdout[-1000:]

    assert definitions(conn) == before, "nothing but the mark differs"
    assert processes(lab) == pids, "no guest has blinked"
    marked = [each for each in conn.listAllDomains() if "<gitvirt:mark" in each.XMLDesc()]
    assert len(marked) == adopting

    again = gitvirt.run("import", lab.uri(HOST), "--repo", ".", code=0)
    assert "Wrote 0 files" in again.stdout, "what is declared is not written twice"

    gitvirt.run("set", "by-virt-install", "description=moved in", code=0)
    gitvirt.run("apply", "--yes", code=0)
    assert "moved in" in virsh(lab, HOST, "desc", "by-virt-install"), "from here on it is a VM like any other"
    assert str(SHARED_IN_HOST) in virsh(lab, HOST, "dumpxml", "by-virt-install")
