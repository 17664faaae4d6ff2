"""The lab itself: that its hosts are hosts, that the power button is one, what it refuses, and its command line."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from drivers.lab import machine, processes
from drivers.lab.credentials import pki
from drivers.lab.errors import (
    HostDown,
    LabConflict,
    LabError,
    MachineUnfit,
    RepositoryRefused,
    UnknownHost,
)
from drivers.lab.host.services import SERVICES
from drivers.lab.lab import Lab
from drivers.lab.paths import SHARED_IN_HOST, LabPaths
from drivers.lab.repository import write_repository
from tests.live.conftest import NAT, Guest, virsh
from tests.live.facts import end_libvirtd, inside, power_states, wait_for_power, wait_until

pytestmark = pytest.mark.live


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
    with pytest.raises(LabError, match="lab up"):
        Lab(LabPaths(tmp_path / "none")).running()


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "required_packages", lambda: [("bindfs", "no-such-program")])
    with pytest.raises(MachineUnfit, match=r"apt-get install .* bindfs$"):
        machine.require_fit()


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
    before = power_states(lab)
    assert gitvirt_lab("up", "--hosts", f"{len(before) + 1}", "--repo", str(Path(__file__).parent)).returncode != 0
    assert len(power_states(lab)) == len(before)
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
