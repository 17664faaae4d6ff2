"""The lab itself: that its hosts are hosts, that the power button is one, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import pytest

from drivers.lab import machine, network, pki, processes
from drivers.lab.bmc import process as bmc
from drivers.lab.errors import (
    HostDown,
    LabConflict,
    LabError,
    MachineUnfit,
    RepositoryRefused,
    StateDamaged,
    UnknownHost,
)
from drivers.lab.host.services import SERVICES
from drivers.lab.lab import Lab
from drivers.lab.paths import SHARED_IN_HOST, LabPaths
from drivers.lab.repository import write_repository
from tests.live.conftest import Guest, virsh
from tests.live.facts import end_libvirtd, wait_until

pytestmark = pytest.mark.live

NAT = """<network><name>lan</name><forward mode='nat'/><ip address='192.168.150.1' netmask='255.255.255.0'>
<dhcp><range start='192.168.150.10' end='192.168.150.99'/></dhcp></ip></network>"""


def inside(lab: Lab, host: str, script: str) -> str:
    return subprocess.run(
        lab.inside(host, ["sh", "-c", script]), capture_output=True, text=True, check=True, timeout=240
    ).stdout.strip()


def power_states(lab: Lab) -> list[str]:
    return [host.power for host in lab.hosts()]


def wait_for_power(lab: Lab, *states: str) -> None:
    """That of the first hosts; one that is on may be too busy to answer at once."""
    wait_until(lambda: power_states(lab)[: len(states)] == list(states), what=lambda: f"{states}: {power_states(lab)}")


def machine_links() -> list[str]:
    return sorted(link["ifname"] for link in json.loads(subprocess.check_output(["ip", "-json", "link"])))


# --- hosts ------------------------------------------------------------------------------------------------------------


def test_hosts_are_hosts_of_their_own(lab: Lab) -> None:
    names = [host.name for host in lab.hosts()]
    assert [virsh(lab, name, "hostname") for name in names] == names
    uuids = [virsh(lab, name, "capabilities").split("<uuid>")[1].split("</uuid>")[0] for name in names]
    assert uuids == [host.uuid for host in lab.hosts()]
    assert len({inside(lab, name, "readlink /proc/self/ns/net") for name in names}) == len(names)
    assert inside(lab, "kvm1", "cat /proc/1/cmdline").endswith("kvm1\0")
    assert inside(lab, "kvm1", "ls /sys/fs/cgroup") == ""


def test_hosts_reach_each_other_with_their_own_certificates(lab: Lab) -> None:
    assert inside(lab, "kvm1", "virsh -c qemu+tls://kvm2/system hostname") == "kvm2"


def test_host_refuses_a_certificate_of_another_authority(lab: Lab, tmp_path: Path) -> None:
    pki.ensure_authority(tmp_path / "ca")
    pki.ensure_client(tmp_path / "ca", tmp_path / "client")
    (tmp_path / "client" / "cacert.pem").write_bytes((lab.paths.client_pki / "cacert.pem").read_bytes())
    uri = f"qemu+tls://{lab.hosts()[0].address}/system?pkipath={tmp_path / 'client'}"
    assert subprocess.run(["virsh", "-c", uri, "hostname"], capture_output=True).returncode != 0


def test_private_keys_are_private(lab: Lab) -> None:
    keys = list(lab.paths.state.rglob("*key*.pem"))
    assert len(keys) > 3
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}
    assert lab.paths.state.stat().st_mode & 0o777 == 0o700


def test_up_again_does_nothing_and_up_with_more_adds(lab: Lab) -> None:
    before = processes.host_processes(lab.paths.state)
    assert lab.up(2) == ()
    assert processes.host_processes(lab.paths.state) == before
    more = len(lab.hosts()) + 1
    assert lab.up(more) == (f"kvm{more}",)
    wait_for_power(lab, *["on"] * more)


def test_libvirtd_that_is_killed_comes_back_with_its_guests(lab: Lab, start_guest: Callable[..., Guest]) -> None:
    guest = start_guest("kvm1", "survivor")
    number = guest.virsh("domid")
    end_libvirtd(lab, "kvm1", "KILL")
    wait_for_power(lab, "on")
    assert guest.virsh("domid") == number


def test_held_service_stays_down(lab: Lab) -> None:
    inside(lab, "kvm2", "touch /run/gitvirt-lab/hold/libvirtd; kill -9 $(cat /run/libvirtd.pid)")
    time.sleep(2)
    assert power_states(lab)[1] == "no answer"
    inside(lab, "kvm2", "rm /run/gitvirt-lab/hold/libvirtd")
    wait_for_power(lab, "on", "on")


# --- power ------------------------------------------------------------------------------------------------------------


def test_power_cut_kills_this_host_only(lab: Lab, start_guest: Callable[..., Guest], tmp_path: Path) -> None:
    (tmp_path / "lan.xml").write_text(NAT, encoding="utf-8")
    for command in (("net-define", tmp_path / "lan.xml"), ("net-start", "lan"), ("net-autostart", "lan")):
        virsh(lab, "kvm1", *command)
    cut, other = start_guest("kvm1", "cut"), start_guest("kvm2", "other")
    other.wait_for_agent()
    network_space = inside(lab, "kvm1", "readlink /proc/self/ns/net")
    peers = [process for process in processes.host_processes(lab.paths.state) if process.host != "kvm1"]

    assert lab.power_off("kvm1") is True
    assert lab.power_off("kvm1") is False
    wait_for_power(lab, "off", "on", "on")
    assert (
        network_space
        not in subprocess.run(["lsns", "-n", "-o", "NS", "-t", "net"], capture_output=True, text=True).stdout
    )
    assert subprocess.run(["pgrep", "-f", "guest=cut"], capture_output=True).returncode == 1
    assert [process for process in processes.host_processes(lab.paths.state) if process.host != "kvm1"] == peers
    assert other.run("echo alive") == "alive"
    with pytest.raises(HostDown):
        lab.inside("kvm1", ["true"])

    assert lab.power_on("kvm1") is True
    assert lab.power_on("kvm1") is False
    assert cut.state() == "shut off"
    assert "lan" in virsh(lab, "kvm1", "net-list", "--name")
    assert "cut.qcow2" in inside(lab, "kvm1", f"ls {SHARED_IN_HOST}")


def connected(address: str, port: int) -> socket.socket:
    give_up = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection((address, port), timeout=2)
        except OSError:
            if time.monotonic() > give_up:
                raise
            time.sleep(0.1)


def test_power_cut_is_silent_for_peers(lab: Lab) -> None:
    """An established connection gets no farewell: that is what makes a cut different from a stop."""
    address = lab.hosts()[2].address
    listen = "import socket; s=socket.create_server(('0.0.0.0',7777)); s.accept()[0].recv(1)"
    with subprocess.Popen(
        lab.inside("kvm3", [sys.executable, "-I", "-c", listen]), stderr=subprocess.DEVNULL
    ) as server:
        with connected(address, 7777) as connection:
            lab.power_off("kvm3")
            connection.settimeout(1)
            with pytest.raises(TimeoutError):
                connection.recv(1)
        server.wait(timeout=60)


@pytest.mark.parametrize("victim", [0, -1], ids=["init", "keeper"])
def test_host_whose_init_or_keeper_dies_is_off_and_comes_back(lab: Lab, victim: int) -> None:
    process = processes.host_processes(lab.paths.state, "kvm2")[victim]
    os.kill(process.pid, signal.SIGKILL)
    wait_until(lambda: not processes.host_processes(lab.paths.state, "kvm2"))
    assert power_states(lab)[1] == "off"
    assert lab.up(3) == ("kvm2",)


def test_process_with_a_reused_pid_is_spared(lab: Lab) -> None:
    with subprocess.Popen(["sleep", "60"]) as stranger:
        process = processes.host_processes(lab.paths.state, "kvm1")[0]
        impostor = processes.HostProcess(
            stranger.pid, process.start, process.state, process.host, process.is_init, process.namespaces
        )
        assert processes.kill(impostor)
        assert stranger.poll() is None
        stranger.kill()


def test_unplugged_cable_is_silence_and_heals(lab: Lab) -> None:
    lab.set_cable("kvm2", connected=False)
    wait_for_power(lab, "on", "no answer", "on")
    lab.set_cable("kvm2", connected=True)
    wait_for_power(lab, "on", "on", "on")


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_second_lab_is_refused(lab: Lab, tmp_path: Path) -> None:
    second = Lab(LabPaths(tmp_path / "second"))
    with pytest.raises(LabConflict, match=re.escape(str(lab.paths.state))):
        second.up(1)
    second.down()
    wait_for_power(lab, "on", "on", "on")


def test_unknown_host_and_no_lab_say_what_to_do(lab: Lab, tmp_path: Path) -> None:
    with pytest.raises(UnknownHost, match="kvm1, kvm2"):
        lab.power_off("kvm9")
    with pytest.raises(LabError, match="lab up"):
        Lab(LabPaths(tmp_path / "none")).power_off("kvm1")


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "required_packages", lambda: [("bindfs", "no-such-program")])
    with pytest.raises(MachineUnfit, match=r"apt-get install .* bindfs$"):
        machine.require_fit()


# --- guests -----------------------------------------------------------------------------------------------------------


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


# --- repository -------------------------------------------------------------------------------------------------------


def test_repository_declares_the_lab_and_keeps_edits(lab: Lab, tmp_path: Path) -> None:
    folder = tmp_path / "repo"
    list(write_repository(lab, folder))
    hosts = [host.name for host in lab.hosts()]
    assert sorted(file.stem for file in (folder / "hosts").iterdir()) == hosts
    assert "pkipath=lab" in (folder / "hosts" / "kvm1.yaml").read_text(encoding="utf-8")

    edited = folder / "infrastructure.yaml"
    edited.write_text(edited.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")
    (folder / "hosts" / "kvm2.yaml").unlink()
    list(write_repository(lab, folder))
    assert edited.read_text(encoding="utf-8").endswith("# mine\n")
    status = subprocess.check_output(["git", "-C", folder, "status", "--porcelain"], text=True)
    assert status.splitlines() == [" M infrastructure.yaml"]


def test_repository_is_not_written_over_other_things(lab: Lab, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear", encoding="utf-8")
    with pytest.raises(RepositoryRefused, match="no gitvirt"):
        list(write_repository(lab, tmp_path))
    assert [file.name for file in tmp_path.iterdir()] == ["letter.txt"]


# --- the command line -------------------------------------------------------------------------------------------------


def gitvirt_lab(*words: str) -> subprocess.CompletedProcess[str]:
    program = "from reconciler.cli.lab import app; app(prog_name='gitvirt lab')"
    return subprocess.run([sys.executable, "-c", program, *words], capture_output=True, text=True, check=False)


def power_in(status: str) -> list[str]:
    return [host["power"] for host in json.loads(status)["hosts"]]


def test_commands(lab: Lab, tmp_path: Path) -> None:
    assert "All hosts are on already." in gitvirt_lab("up", "--hosts", "3").stdout
    shell = gitvirt_lab("shell", "kvm2", "--", "sh", "-c", "hostname; exit 7")
    assert (shell.returncode, shell.stdout) == (7, "kvm2\n")
    assert "kvm2 is off." in gitvirt_lab("power", "off", "kvm2").stdout
    wait_until(lambda: power_in(gitvirt_lab("status", "-o", "json").stdout)[:3] == ["on", "off", "on"])
    assert "kvm2 is on." in gitvirt_lab("power", "on", "kvm2").stdout
    target = tmp_path / "guest.qcow2"
    assert gitvirt_lab("guest-image", "-o", str(target)).stdout.strip() == str(target)
    assert json.loads(subprocess.check_output(["qemu-img", "info", "--output=json", target]))["format"] == "qcow2"


def test_all_hosts_answer_within_their_certificates_names(lab: Lab) -> None:
    wait_until(lambda: lab.status().hosts == lab.hosts())
    for host in lab.hosts():
        assert inside(lab, "kvm1", f"getent hosts {host.name}").startswith(host.address)


def test_boot_order_keeps_services_in_one_table() -> None:
    assert [service(LabPaths(Path("/x"))).name for service in SERVICES] == [
        "shared-storage",
        "virtlockd",
        "sshd",
        "libvirtd",
        "ovsdb-server",
        "ovs-vswitchd",
    ]


# --- down -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def fresh(lab_of_session: Lab) -> Iterator[Lab]:
    """No lab at all; what is left in the end is taken down."""
    lab_of_session.down()
    assert not [name for name in machine_links() if name.startswith("gv-")]
    yield lab_of_session
    lab_of_session.down()


def assert_nothing_left(lab: Lab) -> None:
    assert processes.host_processes(lab.paths.state) == []
    assert bmc.find(lab.paths) == []
    assert network.links() == []
    assert not lab.paths.state.exists()
    assert str(lab.paths.state) not in Path("/proc/self/mounts").read_text(encoding="utf-8")
    settings = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"), "gitvirt/settings.d/lab.yaml")
    assert not settings.exists()
    own = subprocess.run(["pgrep", "-fa", str(lab.paths.state)], capture_output=True, text=True).stdout.splitlines()
    assert not [line for line in own if "pytest" not in line and "pgrep" not in line]


def test_down_leaves_nothing_and_touches_nothing_else(fresh: Lab) -> None:
    links = machine_links()
    fresh.up(2)
    settings = Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config"), "gitvirt/settings.d/lab.yaml")
    assert str(fresh.paths.client_pki) in settings.read_text(encoding="utf-8")
    assert fresh.down() is True
    assert_nothing_left(fresh)
    assert machine_links() == links
    assert fresh.down() is False


@pytest.mark.parametrize("loss", ["gone", "torn"])
def test_down_without_a_record(fresh: Lab, loss: str) -> None:
    fresh.up(2)
    if loss == "gone":
        fresh.paths.record.unlink()
        with pytest.raises(LabConflict, match="lab down"):
            fresh.up(2)
    else:
        fresh.paths.record.write_text(fresh.paths.record.read_text(encoding="utf-8")[:40], encoding="utf-8")
        for refused in (lambda: fresh.up(2), fresh.hosts, lambda: fresh.power_off("kvm1")):
            with pytest.raises(StateDamaged, match="lab down"):
                refused()
    assert fresh.down() is True
    assert_nothing_left(fresh)


@pytest.mark.parametrize("moment", [0.1, 0.25, 0.4, 0.6, 0.8, 1.0])
def test_down_after_up_was_killed_half_way(fresh: Lab, moment: float) -> None:
    program = "from drivers.lab.lab import Lab; Lab().up(3)"
    with subprocess.Popen([sys.executable, "-c", program]) as up:
        time.sleep(moment)
        up.kill()
    fresh.down()
    assert_nothing_left(fresh)


def test_down_after_down_was_killed_half_way(fresh: Lab) -> None:
    fresh.up(2)
    with subprocess.Popen([sys.executable, "-c", "from drivers.lab.lab import Lab; Lab().down()"]) as down:
        time.sleep(0.3)
        down.kill()
    fresh.down()
    assert_nothing_left(fresh)


def test_up_goes_on_where_a_killed_up_stopped(fresh: Lab) -> None:
    with subprocess.Popen([sys.executable, "-c", "from drivers.lab.lab import Lab; Lab().up(3)"]) as up:
        time.sleep(0.6)
        up.kill()
    fresh.up(3)
    wait_for_power(fresh, "on", "on", "on")


def test_down_while_the_shared_storage_hangs(fresh: Lab) -> None:
    fresh.up(1)
    inside(fresh, "kvm1", "kill -STOP $(pidof bindfs)")
    hanging = subprocess.Popen(fresh.inside("kvm1", ["ls", str(SHARED_IN_HOST)]), stdout=subprocess.DEVNULL)
    time.sleep(0.3)
    assert fresh.down() is True
    assert_nothing_left(fresh)
    hanging.wait(timeout=60)
