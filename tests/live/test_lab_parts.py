"""What a lab host has besides libvirt: a BMC that a fence agent works, disk leases, a storage that can fall ill."""

from __future__ import annotations

import base64
import json
import os
import shutil
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from http import HTTPStatus
from urllib.error import HTTPError

import pytest

from drivers.lab import processes
from drivers.lab.bmc import access
from drivers.lab.bmc import process as bmc
from drivers.lab.errors import HostDown
from drivers.lab.host.storage import Fault
from drivers.lab.lab import Lab
from drivers.lab.paths import SHARED_IN_HOST
from tests.live.conftest import Guest, virsh
from tests.live.facts import wait_until

pytestmark = pytest.mark.live


def power(lab: Lab, host: str) -> str:
    return next(each.power for each in lab.hosts() if each.name == host)


def wait_until_on(lab: Lab, host: str) -> None:
    """One that is on may be too busy to answer at once."""
    wait_until(lambda: power(lab, host) == "on", what=f"an answer of {host}")


# --- the BMC ----------------------------------------------------------------------------------------------------------


def redfish(lab: Lab, path: str, *, password: str | None = None, body: object = None) -> tuple[int, dict[str, object]]:
    """One request to the BMC of kvm2; its status and what it said."""
    url = next(host.bmc for host in lab.hosts() if host.name == "kvm2").removesuffix("/redfish/v1") + path
    request = urllib.request.Request(url, data=None if body is None else json.dumps(body).encode())
    word = f"{access.USER}:{password or access.password(lab.paths)}"
    request.add_header("Authorization", f"Basic {base64.b64encode(word.encode()).decode()}")
    tls = ssl.create_default_context(cafile=str(lab.paths.client_pki / "cacert.pem"))
    try:
        with urllib.request.urlopen(request, context=tls, timeout=240) as said:
            content = said.read()
            return said.status, json.loads(content) if content else {}
    except HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def test_bmc_is_for_those_who_know_its_password(lab: Lab) -> None:
    system = "/redfish/v1/Systems/kvm2"
    assert redfish(lab, system, password="guessed")[0] == HTTPStatus.UNAUTHORIZED
    assert redfish(lab, f"{system}/Actions/ComputerSystem.Reset", password="guessed", body={"ResetType": "ForceOff"})[
        0
    ] == (HTTPStatus.UNAUTHORIZED)
    wait_until_on(lab, "kvm2")
    assert redfish(lab, "/redfish/v1", password="guessed")[0] == HTTPStatus.OK
    assert (lab.paths.bmc / "password").stat().st_mode & 0o777 == 0o600


def test_bmc_refuses_what_it_does_not_understand(lab: Lab) -> None:
    reset = "/redfish/v1/Systems/kvm2/Actions/ComputerSystem.Reset"
    wishes: list[object] = [{}, [], {"ResetType": "Explode"}, {"ResetType": ["On"]}, "On"]
    for nonsense in wishes:
        status, said = redfish(lab, reset, body=nonsense)
        assert (status, "ForceOff" in json.dumps(said)) == (HTTPStatus.BAD_REQUEST, True)
    assert redfish(lab, "/redfish/v1/Systems/kvm1")[0] == HTTPStatus.NOT_FOUND
    assert redfish(lab, "/redfish/v1/Systems", body={})[0] == HTTPStatus.METHOD_NOT_ALLOWED
    wait_until_on(lab, "kvm2")


def fence(lab: Lab, action: str) -> int:
    """fence_redfish as a cluster runs it: what it shall do comes on standard input, the certificate is checked."""
    options = {
        "ip": str(lab.hosts()[1].bmc).partition("//")[2].partition(":")[0],
        "ipport": access.port("kvm2"),
        "username": access.USER,
        "password": access.password(lab.paths),
        "ssl_secure": 1,
        "action": action,
    }
    environment = {**os.environ, "REQUESTS_CA_BUNDLE": str(lab.paths.client_pki / "cacert.pem")}
    text = "".join(f"{key}={value}\n" for key, value in options.items())
    return subprocess.run(["fence_redfish"], input=text, env=environment, text=True, timeout=240).returncode


def test_fence_agent_really_cuts_and_restores_power(lab: Lab) -> None:
    if shutil.which("fence_redfish") is None:
        pytest.skip("there is no fence_redfish (Debian: fence-agents)")
    on, off = 0, 2
    peers = [each for each in processes.host_processes(lab.paths.state) if each.host != "kvm2"]
    assert fence(lab, "status") == on
    assert fence(lab, "off") == 0
    assert processes.host_processes(lab.paths.state, "kvm2") == []
    assert (fence(lab, "status"), power(lab, "kvm2")) == (off, "off")
    assert fence(lab, "off") == 0
    assert fence(lab, "on") == 0
    assert fence(lab, "status") == on
    wait_until_on(lab, "kvm2")
    before = lab.init_process("kvm2")
    assert fence(lab, "reboot") == 0
    after = lab.init_process("kvm2")
    assert (before.pid, before.start) != (after.pid, after.start)
    assert virsh(lab, "kvm2", "hostname") == "kvm2"
    assert [each for each in processes.host_processes(lab.paths.state) if each.host != "kvm2"] == peers


def test_bmc_that_died_is_back_after_up(lab: Lab) -> None:
    (process,) = bmc.find(lab.paths)
    assert processes.kill(process)
    assert [host.bmc for host in lab.hosts()] == [""] * len(lab.hosts())
    lab.up(3)
    assert redfish(lab, "/redfish/v1/Systems/kvm2")[1]["PowerState"] == "On"
    (again,) = bmc.find(lab.paths)
    lab.up(3)
    assert bmc.find(lab.paths) == [again]


# --- disk leases ------------------------------------------------------------------------------------------------------


def test_disk_in_use_is_refused_to_a_second_host_until_the_first_is_fenced(
    lab: Lab, start_guest: Callable[..., Guest], clone_guest: Callable[[str], object]
) -> None:
    """The storage alone would let both write: its locks end at each host's mount."""
    guest = start_guest("kvm1", "twin")
    virsh(lab, "kvm2", "define", _xml_file(lab, guest))
    with pytest.raises(subprocess.CalledProcessError) as refused:
        virsh(lab, "kvm2", "start", "twin")
    assert "is locked" in refused.value.stderr
    lab.power_off("kvm1")
    virsh(lab, "kvm2", "start", "twin")
    assert Guest(lab, "kvm2", "twin").state() == "running"


def _xml_file(lab: Lab, guest: Guest) -> str:
    file = lab.paths.shared / f"{guest.name}.xml"
    file.write_text(guest.virsh("dumpxml", "--inactive"), encoding="utf-8")
    return str(file)


# --- storage faults ---------------------------------------------------------------------------------------------------


@pytest.fixture
def ill(lab: Lab) -> Iterator[Lab]:
    """The lab; the storage of kvm1 is well in the end."""
    yield lab
    if power(lab, "kvm1") != "off":
        lab.heal_storage("kvm1")


def touched(lab: Lab, host: str, script: str) -> subprocess.CompletedProcess[str]:
    """A shell script in the shared folder of a host."""
    argv = lab.inside(host, ["sh", "-c", f"cd {SHARED_IN_HOST} && {script}"])
    return subprocess.run(argv, capture_output=True, text=True, check=False, timeout=240)


def shown(lab: Lab) -> str:
    return next(host.storage for host in lab.hosts() if host.name == "kvm1")


def test_faults_are_those_of_one_host_and_heal(ill: Lab) -> None:
    (ill.paths.shared / "file").write_text("content\n", encoding="utf-8")

    ill.break_storage("kvm1", Fault("fail", what="writes"))
    assert shown(ill) == "fail (writes)"
    assert "rror" in touched(ill, "kvm1", "echo new > file2").stderr
    assert touched(ill, "kvm1", "cat file").stdout == "content\n"
    assert touched(ill, "kvm2", "echo other > file3 && cat file3").stdout == "other\n"

    ill.break_storage("kvm1", Fault("fail"))
    assert "Input/output error" in touched(ill, "kvm1", "cat file").stderr

    ill.break_storage("kvm1", Fault("full"))
    assert shown(ill) == "full"
    assert touched(ill, "kvm1", "stat -f -c %a .").stdout == "0\n"
    assert "No space left on device" in touched(ill, "kvm1", "dd if=/dev/zero of=file4 bs=4k count=1").stderr

    ill.break_storage("kvm1", Fault("slow", delay=1500))
    assert shown(ill) == "slow (1500 ms)"
    started = time.monotonic()
    assert touched(ill, "kvm1", "dd if=file3 of=/dev/null bs=4k iflag=direct").returncode == 0
    assert time.monotonic() - started >= 1.5, "the delay did not take place"

    ill.break_storage("kvm1", Fault("lost"))
    assert shown(ill) == "lost"
    assert touched(ill, "kvm1", "cat file").returncode != 0

    assert ill.heal_storage("kvm1") is True
    assert ill.heal_storage("kvm1") is False
    assert (shown(ill), touched(ill, "kvm1", "cat file").stdout) == ("well", "content\n")


def test_hanging_storage_goes_on_when_healed_or_with_the_next_boot(ill: Lab) -> None:
    (ill.paths.shared / "file").write_text("content\n", encoding="utf-8")
    ill.break_storage("kvm1", Fault("hang"))
    assert shown(ill) == "hang"
    waits = ill.inside("kvm1", ["cat", str(SHARED_IN_HOST / "file")])
    with subprocess.Popen(waits, stdout=subprocess.PIPE, text=True) as waiting:
        with pytest.raises(subprocess.TimeoutExpired):
            waiting.wait(timeout=1)
        ill.heal_storage("kvm1")
        assert waiting.communicate(timeout=240)[0] == "content\n"
    for fault in (Fault("hang"), Fault("slow")):
        ill.break_storage("kvm1", fault)
        ill.power_off("kvm1")
        with pytest.raises(HostDown):
            ill.break_storage("kvm1", fault)
        ill.power_on("kvm1")
        assert shown(ill) == "well"


def test_guest_with_several_cards_and_disks_lives_through_a_full_storage(
    ill: Lab, start_guest: Callable[..., Guest]
) -> None:
    for disk in ("one", "two"):
        argv = ["qemu-img", "create", "-q", "-f", "qcow2", str(ill.paths.shared / f"{disk}.qcow2"), "16M"]
        subprocess.run(argv, check=True)
    disks = "".join(
        f"<disk type='file' device='disk'><driver name='qemu' type='qcow2' cache='none'/>"
        f"<source file='{SHARED_IN_HOST}/{disk}.qcow2'/><target dev='vd{letter}' bus='virtio'/></disk>"
        for disk, letter in (("one", "b"), ("two", "c"))
    )
    cards = "".join("<interface type='user'><model type='virtio'/></interface>" for _ in range(3))
    guest = start_guest("kvm1", "many", devices=disks + cards)
    guest.wait_for_agent()
    assert guest.run("cd /dev; echo vd[a-z]") == "vda vdb vdc"
    wait_until(lambda: guest.run("ip -4 -o addr show | grep -c 'eth.*inet 10.0.2'") == "3")

    ill.break_storage("kvm1", Fault("full"))
    guest.agent(
        "guest-exec", path="/bin/sh", arg=["-c", "dd if=/dev/urandom of=/dev/vdb bs=64k count=8; echo >/data/done"]
    )
    wait_until(lambda: "paused (I/O error)" in " ".join(guest.virsh("domstate", "--reason").split()))
    ill.heal_storage("kvm1")
    guest.virsh("resume")
    guest.wait_for_agent()
    wait_until(lambda: guest.run("ls /data/done || true") == "/data/done")


# --- ways between hosts -----------------------------------------------------------------------------------------------


def reaches(lab: Lab, one: str, other: str) -> bool:
    """Does libvirtd of `other` answer a process on `one`?"""
    look = f"timeout 2 bash -c '</dev/tcp/{other}/16514'"
    return subprocess.run(lab.inside(one, ["sh", "-c", look]), capture_output=True, check=False).returncode == 0


def test_the_way_between_two_hosts_is_cut_for_them_alone(lab: Lab) -> None:
    lab.set_path("kvm1", "kvm2", connected=False)
    assert not reaches(lab, "kvm1", "kvm2")
    wait_until(lambda: reaches(lab, "kvm3", "kvm2"))
    wait_until_on(lab, "kvm1")
    wait_until_on(lab, "kvm2")
    lab.set_path("kvm1", "kvm2", connected=True)
    wait_until(lambda: reaches(lab, "kvm1", "kvm2"))


def test_a_host_that_this_machine_cannot_reach_is_reached_by_the_others(lab: Lab) -> None:
    lab.set_path("kvm2", connected=False)
    assert power(lab, "kvm2") == "no answer"
    wait_until(lambda: reaches(lab, "kvm1", "kvm2"))
    lab.set_path("kvm2", connected=True)
    wait_until_on(lab, "kvm2")
