"""Bad input and a bad world, through the real command line: clear words, the right exit code, the rest goes on."""

from __future__ import annotations

import os
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from drivers.lab.credentials import pki
from drivers.lab.lab import Lab
from drivers.seen import Power, Unseen
from reconciler.diff.change import HeldReason
from tests.live.command import Gitvirt
from tests.live.conftest import virsh
from tests.live.facts import held, inside
from tests.live.site import LiveSite, machine

pytestmark = pytest.mark.live

OTHER = "11111111-2222-4333-8444-555555555555"
FOREIGN = """<domain type='qemu'><name>web</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os></domain>"""


def off(name: str, **spec: Any) -> dict[str, Any]:
    """A VM that is only defined."""
    return machine(name, state="stopped", **spec)


def replace(file: Path, before: str, after: str) -> None:
    text = file.read_text()
    assert before in text
    file.write_text(text.replace(before, after))


# --- exit codes -------------------------------------------------------------------------------------------------------


def test_exit_codes_tell_what_is_to_do_what_is_held_and_what_failed(site: LiveSite, gitvirt: Gitvirt) -> None:
    site.vms([off("web")])
    host = site.folder / "hosts" / "kvm3.yaml"
    found = re.search(r"//(.*)/", host.read_text())
    assert found is not None
    address = found[1]
    nobody = f"{address.rpartition('.')[0]}.199"
    replace(host, address, nobody)
    shown = gitvirt.run("plan", code=2).stdout  # networks and storage of the others can be made
    assert "kvm3" in shown
    assert "2 of 3 hosts" in shown
    gitvirt.run("apply", "--yes", code=3)
    shown = gitvirt.run("plan", code=3).stdout
    assert HeldReason.HOST_UNSEEN in shown or "may hold it" in shown, shown
    assert "host lost" in shown or nobody in shown or "kvm3" in shown

    replace(host, nobody, address)
    gitvirt.run("plan", code=2)
    refused = gitvirt.run("apply", code=1)  # nobody was asked
    assert "--yes" in refused.stderr
    gitvirt.run("apply", "--yes", code=0)
    gitvirt.run("plan", code=0)
    gitvirt.run("apply", "--yes", code=0)

    site.vms([off("web", memroy="1GiB")])
    for words in (("plan",), ("apply", "--yes"), ("plan", "--no-such-option")):
        gitvirt.run(*words, code=1)
    wrong = gitvirt.run("plan", code=1).stderr
    assert re.search(r"vms\.yaml:\d+:\d+", wrong), wrong
    assert "did you mean" in wrong


def test_a_wrong_checksum_and_a_missing_file_stop_only_what_needs_them(site: LiveSite, gitvirt: Gitvirt) -> None:
    declaration, file = site.folder / "images" / "guest.yaml", site.folder / "images" / "guest.qcow2"
    blank = {"disks": [{"name": "root", "size": "8MiB"}]}
    right = declaration.read_text()
    site.vms([off("web"), off("blank", **blank)])
    shutil.move(file, site.folder / "away")
    shown = gitvirt.run("plan", code=2)
    assert "guest.qcow2" in shown.stdout + shown.stderr
    assert held(site.plan())["image/guest"] is HeldReason.SOURCE_MISSING
    gitvirt.run("apply", "--yes", code=3)
    assert site.vm("blank")[1].power is Power.STOPPED

    shutil.move(site.folder / "away", file)
    declaration.write_text(re.sub(r"sha256:\w{8}", "sha256:00000000", right))
    site.vms([off("blank", **blank)])
    failed = gitvirt.run("apply", "--yes", code=1).stdout  # the image is all there is to do
    assert "fix `checksum:`, or the file" in failed
    site.vms([off("web"), off("blank", description="goes on", **blank)])
    gitvirt.run("apply", "--yes", code=4)
    assert "did not finish" in gitvirt.run("plan", code=2).stdout
    assert site.vm("blank")[1].config["description"] == "goes on"
    assert not [each.name for each in site.lab.paths.shared.iterdir() if each.name.startswith("gv-img")]
    declaration.write_text(right)
    gitvirt.run("apply", "--yes", code=0)
    gitvirt.run("plan", code=0)


# --- who is who -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["our certificate", "their authority", "our name"])
def test_a_host_that_does_not_accept_us_or_that_we_do_not_accept_is_unseen(
    site: LiveSite, lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    folder, right = tmp_path / "pki", lab.paths.client_pki
    if wrong == "our name":
        monkeypatch.setattr(pki, "CLIENT", "stranger")
        pki.ensure_client(lab.paths.authority, folder)
    else:
        pki.ensure_authority(tmp_path / "authority")
        pki.ensure_client(tmp_path / "authority", folder)
    if wrong == "our certificate":
        shutil.copyfile(right / "cacert.pem", folder / "cacert.pem")
    site.app.settings = site.settings.model_copy(
        update={"pki": {**site.settings.pki, "other": type(site.settings.pki["lab"])(path=str(folder))}}
    )
    replace(site.folder / "hosts" / "kvm3.yaml", "pkipath=lab", "pkipath=other")
    site.vms([off("web")])
    looked = site.look()
    unseen = looked.context.observed.hosts["kvm3"]
    assert isinstance(unseen, Unseen)
    assert unseen.denied, unseen
    assert "certificate" in unseen.reason.lower() or "authentication" in unseen.reason.lower(), unseen.reason
    assert held(looked.plan)["vm/web"] is HeldReason.HOST_UNSEEN
    site.apply()
    assert virsh(lab, "kvm1", "pool-list", "--name") == "shared"
    assert not list(looked.context.observed.vms())


def test_a_name_that_a_foreign_domain_has_is_held_and_the_rest_goes_on(
    site: LiveSite, lab: Lab, gitvirt: Gitvirt, tmp_path: Path
) -> None:
    (tmp_path / "foreign.xml").write_text(FOREIGN)
    virsh(lab, "kvm2", "define", tmp_path / "foreign.xml")
    before = virsh(lab, "kvm2", "dumpxml", "web")
    site.vms([off("web"), off("db")])
    gitvirt.run("apply", "--yes", code=3)
    assert held(site.plan()) == {"vm/web": HeldReason.NAME_TAKEN}
    assert site.vm("db")[1].mark is not None
    site.vms([])
    gitvirt.run("apply", "--yes", code=0)
    assert virsh(lab, "kvm2", "dumpxml", "web") == before


def test_a_clone_with_our_mark_and_a_fork_of_the_repository_are_strangers(
    site: LiveSite, lab: Lab, gitvirt: Gitvirt, tmp_path: Path
) -> None:
    site.vms([off("web")])
    site.settle()
    host, vm = site.vm("web")
    text = virsh(lab, host, "dumpxml", "web").replace("<name>web<", "<name>copy<")
    text = text.replace(f"<uuid>{vm.uuid}<", f"<uuid>{OTHER}<").replace("<mac address='52:54", "<mac address='52:55")
    (tmp_path / "copy.xml").write_text(text)
    virsh(lab, host, "define", tmp_path / "copy.xml")
    before = virsh(lab, host, "dumpxml", "copy")
    assert vm.uuid in before  # it has the mark, with the uuid of whom it was copied from
    gitvirt.run("plan", code=0)
    site.vms([off("web"), off("copy")])
    gitvirt.run("plan", code=3)
    assert held(site.plan())["vm/copy"] is HeldReason.NAME_TAKEN

    original = virsh(lab, host, "dumpxml", "web")
    site.vms([off("web")])
    gitvirt.run("init", "--fork", site.folder, code=0)
    gitvirt.run("plan", code=2)  # all that a fork may do is to note that it wants the image, too
    assert held(site.plan())["vm/web"] is HeldReason.NAME_TAKEN
    site.vms([])
    gitvirt.run("apply", "--yes")
    assert virsh(lab, host, "dumpxml", "web") == original
    assert virsh(lab, host, "dumpxml", "copy") == before


def test_an_older_checkout_changes_nothing(site: LiveSite, gitvirt: Gitvirt) -> None:
    site.vms([off("web", memoryMax="128MiB")])
    older = site.commit("Add web")
    gitvirt.run("apply", "--yes", code=0)
    site.vms([off("web", memoryMax="160MiB")])
    site.commit("More memory")
    gitvirt.run("apply", "--yes", code=0)
    gitvirt.run("plan", "--rev", older, code=3)
    gitvirt.run("apply", "--rev", older, "--yes", code=3)
    assert site.vm("web")[1].config["memoryMax"] == 160 << 20
    gitvirt.run("plan", "--rev", older, "--force-revision", code=2)


def test_of_two_who_apply_at_once_one_is_refused(site: LiveSite, gitvirt: Gitvirt) -> None:
    site.vms([off("web")])
    with gitvirt.telling("stop") as first:
        assert os.WIFSTOPPED(os.waitpid(first.pid, os.WUNTRACED)[1]), "it ended"
        refused = gitvirt.run("apply", "--yes", code=1)
        assert f"pid {first.pid}" in refused.stderr, refused.stderr
        first.send_signal(signal.SIGCONT)
        first.communicate()
    assert first.returncode == 0
    gitvirt.run("plan", code=0)


def test_a_saved_plan_is_done_at_its_revision_and_only_if_it_is_still_what_would_be_done(
    site: LiveSite, gitvirt: Gitvirt, tmp_path: Path
) -> None:
    site.vms([off("web")])
    site.commit("Add web")
    site.settle()
    site.vms([off("web", description="planned")])
    site.commit("Describe web")
    plan = tmp_path / "plan.json"
    gitvirt.run("plan", "--out", plan, code=2)
    site.vms([off("web", description="later")])
    site.commit("Describe it otherwise")
    assert "\n1 done" in gitvirt.run("apply", plan, "--yes", code=0).stdout
    assert site.vm("web")[1].config["description"] == "planned"

    gitvirt.run("plan", "--out", plan, code=2)
    virsh(site.lab, site.vm("web")[0], "desc", "web", "--config", "by", "hand")
    moved = gitvirt.run("apply", plan, "--yes", code=1).stderr
    assert "vm/web: changed on the host since" in moved, moved
    assert site.vm("web")[1].config["description"] == "by hand"


# --- storage ----------------------------------------------------------------------------------------------------------

LOCAL = """
apiVersion: gitvirt/v1
kind: StorageDomain
metadata: {name: tiny}
spec: {type: local, path: /var/lib/libvirt/tiny, hosts: [kvm1]}
"""
TINY = "/var/lib/libvirt/tiny"


@pytest.fixture
def tiny(site: LiveSite, lab: Lab) -> Iterator[None]:
    """A storage domain on kvm1 that has 12 MiB."""
    inside(lab, "kvm1", f"mkdir -p {TINY}; mount -t tmpfs -o size=12m tmpfs {TINY}")
    (site.folder / "tiny.yaml").write_text(LOCAL)
    yield
    inside(lab, "kvm1", f"virsh -q pool-destroy tiny >/dev/null 2>&1; umount -l {TINY} || true; rm -rf {TINY}")


@pytest.mark.usefixtures("tiny")
def test_a_full_disk_stops_only_what_needs_it_and_leaves_no_half_volume(
    site: LiveSite, lab: Lab, gitvirt: Gitvirt
) -> None:
    copy = {"name": "root", "image": "guest", "clone": "copy", "storageDomain": "tiny"}
    shared = {"name": "root", "image": "guest", "storageDomain": "shared"}
    site.vms([off("big", disks=[copy]), off("web", disks=[shared])])
    failed = gitvirt.run("apply", "--yes", code=4).stdout
    assert "No space left" in failed or "no room" in failed.lower(), failed
    assert site.vm("web")[1].mark is not None
    assert inside(lab, "kvm1", f"ls {TINY}") == ""
    inside(lab, "kvm1", f"mount -o remount,size=100m {TINY}")
    gitvirt.run("apply", "--yes", code=0)
    gitvirt.run("plan", code=0)


@pytest.mark.usefixtures("tiny")
def test_a_pool_directory_that_vanished_is_told_and_nothing_is_made_in_its_place(
    site: LiveSite, lab: Lab, gitvirt: Gitvirt
) -> None:
    data = [{"name": "root", "size": "1MiB", "storageDomain": "tiny"}]
    web = off("web", disks=[{"name": "root", "image": "guest", "storageDomain": "shared"}])
    site.vms([off("db", disks=data), web])
    gitvirt.run("apply", "--yes", code=0)
    inside(lab, "kvm1", f"umount -l {TINY}; rmdir {TINY}")
    started = machine("db", disks=data)
    changed = {**web, "spec": {**web["spec"], "description": "goes on"}}
    site.vms([started, changed])
    assert HeldReason.STORAGE in gitvirt.run("apply", "--yes", code=3).stdout
    assert held(site.plan())["vm/db"] is HeldReason.DISK_MISSING
    again = gitvirt.run("apply", "--yes", code=1).stdout  # libvirt has switched the pool off; it cannot come back
    assert "No such file" in again, again
    assert site.vm("web")[1].config["description"] == "goes on"
    assert site.vm("db")[1].power is Power.STOPPED
    assert inside(lab, "kvm1", f"ls {TINY} 2>/dev/null || true") == ""
