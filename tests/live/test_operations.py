"""Deeds by hand on real hosts and guests, through the command; the plan after each of them is empty."""

from __future__ import annotations

import hashlib
import json
import subprocess

import pytest

from drivers.seen import Power
from tests.live.command import PROGRAM, Gitvirt
from tests.live.conftest import virsh
from tests.live.site import LiveSite, machine, said

pytestmark = pytest.mark.live


def done(gitvirt: Gitvirt, *words: str) -> str:
    """What a deed printed, which has to succeed and to leave nothing to do."""
    ran = gitvirt.run(*words, code=0)
    plan = gitvirt.site.plan()
    assert plan.empty, said(plan)
    return ran.stdout.strip()


def state(site: LiveSite, name: str) -> Power:
    return site.vm(name)[1].power


def test_power_by_hand_is_kept_and_taken_back(site: LiveSite, gitvirt: Gitvirt) -> None:
    site.vms([machine("web"), machine("db", state="stopped")])
    site.settle()
    host, _ = site.vm("web")
    address = done(gitvirt, "wait", "web", "--for", "ip", "--timeout", "10m")
    assert address.startswith("vm/web 192.168.150.")
    assert address.split()[1] in gitvirt.run("get", "vms", "-o", "wide", code=0).stdout
    told = json.loads(gitvirt.run("get", "vm/web", "-o", "json", code=0).stdout)
    assert address.split()[1] in told["status"]["addresses"]
    assert (
        done(gitvirt, "stop", "web")
        == f"vm/web stopped on {host} (kept off until `gitvirt start web`; Git says running)"
    )
    site.settle()
    assert state(site, "web") is Power.STOPPED
    lines = done(gitvirt, "start", "--all", "--for", "1h").splitlines()
    assert f"vm/web started on {host} (as Git says; --for has nothing to end)" in lines
    assert [state(site, name) for name in ("web", "db")] == [Power.RUNNING, Power.RUNNING]
    assert "Git says stopped" in next(line for line in lines if line.startswith("vm/db"))
    assert done(gitvirt, "stop", "db", "--force", "--yes").endswith("its power was cut")
    for verb, seen, back in (("pause", Power.PAUSED, "resume"), ("suspend", Power.SUSPENDED, "start")):
        assert "Git says running" in done(gitvirt, verb, "web")
        site.settle()
        assert state(site, "web") is seen
        assert "(as Git says)" in done(gitvirt, back, "web")
        assert state(site, "web") is Power.RUNNING
    assert not site.vm("web")[1].mark.overrides  # type: ignore[union-attr]
    assert done(gitvirt, "wait", "web", "--for", "agent", "--timeout", "10m")
    assert done(gitvirt, "reboot", "web") == f"vm/web was asked to reboot on {host}"
    assert done(gitvirt, "reset", "web", "--yes") == f"vm/web was reset on {host}"


def test_media_and_a_reboot_that_brings_in_what_pends(site: LiveSite, gitvirt: Gitvirt) -> None:
    content = b"\x00" * 32768 + b"\x01CD001\x01" + b"tools" * 100
    (site.folder / "tools.iso").write_bytes(content + b"\x00" * (-len(content) % 2048))
    digest = hashlib.sha256((site.folder / "tools.iso").read_bytes()).hexdigest()
    tools = {"file": "tools.iso", "checksum": f"sha256:{digest}", "storageDomain": "shared", "type": "iso"}
    image = {"apiVersion": "gitvirt/v1", "kind": "Image", "metadata": {"name": "tools"}, "spec": tools}
    drive = {"cdroms": [{"name": "cd", "image": "tools"}]}
    site.vms([image, machine("web", **drive)])
    site.settle()
    host, _ = site.vm("web")
    done(gitvirt, "wait", "web", "--for", "agent", "--timeout", "10m")
    assert "Git says tools" in done(gitvirt, "cdrom", "eject", "web", "--reason", "test")
    assert site.vm("web")[1].live["cdroms[cd].source"] == ""  # type: ignore[index]
    site.vms([image, machine("web", memory="144MiB", **drive)])
    assert site.apply().good
    assert done(gitvirt, "reboot", "web").startswith(f"vm/web was power-cycled on {host}, which brought in memory")
    vm = site.vm("web")[1]
    assert vm.live is not None
    assert (vm.live["memory"], vm.live["cdroms[cd].source"]) == (144 << 20, "")
    assert done(gitvirt, "cdrom", "insert", "web", "tools") == f"vm/web has tools in drive cd on {host}"
    vm = site.vm("web")[1]
    assert vm.live is not None
    assert vm.live["cdroms[cd].source"] == vm.config["cdroms[cd].source"] != ""
    assert not site.plan().changes


def test_the_console_talks_with_the_guest_and_can_be_taken_over(site: LiveSite, gitvirt: Gitvirt) -> None:
    site.vms([machine("web", serial=True)])
    site.settle()
    done(gitvirt, "wait", "web", "--for", "agent", "--timeout", "10m")
    with console(gitvirt) as first:
        assert first.stdin is not None
        assert first.stdout is not None
        first.stdin.write("\necho $((40 + 1))-here\n")
        first.stdin.flush()
        while "41-here" not in first.stdout.readline():
            assert first.poll() is None
        with console(gitvirt) as second:
            assert "--force takes it over" in second.communicate(timeout=240)[1]
        with console(gitvirt, "--force", "--idle", "10s") as third:
            assert "42-there" in third.communicate("\necho $((40 + 2))-there\n", timeout=240)[0]
        said, told = first.communicate(timeout=240)
        assert "42-there" not in said
        assert "the console has ended" in told


def console(gitvirt: Gitvirt, *options: str) -> subprocess.Popen[str]:
    """The command on the console of `web`, with pipes at all its ends."""
    return subprocess.Popen(
        [*PROGRAM, "console", "web", *options], cwd=gitvirt.site.folder, env=gitvirt._environment(), text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def test_the_trash_holds_and_release(site: LiveSite, gitvirt: Gitvirt) -> None:
    site.vms([machine("web")])
    site.settle()
    host, before = site.vm("web")
    site.vms([])
    site.settle()
    assert "lies in the trash" in gitvirt.run("start", "web", code=1).stderr
    assert "off and on hold" in done(gitvirt, "undelete", "web")
    assert gitvirt.run("start", "web", code=0).stdout.strip() == f"vm/web started on {host} (no longer declared)"
    after = site.vm("web")[1]
    assert after.config["disks[root].source"] == before.config["disks[root].source"]
    done(gitvirt, "hold", "--all", "--reason", "test")
    gitvirt.run("unhold", "vm/web", code=0)
    assert site.plan().empty
    gitvirt.run("unhold", "--all", code=0)
    assert not site.plan().empty
    gitvirt.run("release", "web", "--yes", code=0)
    assert site.plan().empty
    assert "mark" not in virsh(site.lab, host, "dumpxml", "web").partition("</metadata>")[0].partition("<metadata>")[2]
    assert "does not own" in gitvirt.run("stop", "web", code=1).stderr
    assert before.mark is not None
    site.vms([machine("web", uuid=before.uuid)])
    site.settle()
    adopted = site.vm("web")[1].mark
    assert adopted is not None
    assert adopted.devices["nic/lan"] == before.mark.devices["nic/lan"]
    assert not adopted.devices["disk/root"].made
    gitvirt.run("release", "network/lan", "--yes", code=0)
    held = site.plan().held
    assert {str(each.ref) for each in held} == {"network/lan"}


def test_what_a_dead_host_holds_is_not_acted_on(site: LiveSite, gitvirt: Gitvirt) -> None:
    site.vms([machine("web", hosts=["kvm1"]), machine("db", hosts=["kvm2"], state="stopped")])
    site.settle()
    site.lab.power_off("kvm1")
    assert "kvm1 may hold it" in gitvirt.run("start", "web", "--force", code=1).stderr
    assert "kvm1 was not read" in gitvirt.run("start", "db", code=1).stderr
    assert "although kvm1 was not read" in gitvirt.run("start", "db", "--force", code=0).stdout
    gitvirt.run("stop", "db", code=0)
    declared = site.folder / "hosts" / "kvm1.yaml"
    text = declared.read_text()
    declared.unlink()
    site.vms([machine("db", hosts=["kvm2"])])
    assert any("host lost kvm1" in str(each.text) for each in site.plan().warnings)
    gitvirt.run("host", "lost", "kvm1", "--yes", "--i-checked", code=0)
    assert not any("kvm1" in str(each.text) for each in site.plan().warnings)
    declared.write_text(text)
    site.lab.power_on("kvm1")
