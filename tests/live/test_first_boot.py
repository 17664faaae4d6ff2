"""First boot on real hosts: what the medium holds, what a guest does with it, what an edit of it does not; and our key.

The tiny guest is no cloud-init: it knows hostname, runcmd and addresses, and shows the rest of what it was given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pyrage
import pytest
from ruamel.yaml import YAML

from drivers.lab.lab import Lab
from drivers.seen import SeenVm
from reconciler import key
from reconciler.app import Pause
from reconciler.operations import rekey
from reconciler.operations.reseed import reseed
from reconciler.operations.scene import By, Scene
from specs.resource import Ref
from specs.structs import replace
from tests.live.conftest import Guest, virsh
from tests.live.facts import inside, qemu, wait_until
from tests.live.site import LiveSite, machine
from tests.unit.reconciler.desired.test_desired_cloudinit import read_back

pytestmark = pytest.mark.live

IGNITION = {
    "ignition": {"version": "3.4.0"},
    "storage": {"files": [{"path": "/etc/a,b", "contents": {"source": "data:,"}}]},
}
ANSWERS = '<unattend xmlns="urn:schemas-microsoft-com:unattend"/>'


@pytest.fixture
def site(lab: Lab, tmp_path: Path) -> Iterator[LiveSite]:
    found = LiveSite(lab, tmp_path)
    ours = pyrage.x25519.Identity.generate()
    keys = tmp_path / "age.key"
    keys.write_text(f"{ours}\n")
    keys.chmod(0o600)
    found.settings = found.settings.model_copy(update={"age_keys": (str(keys),)})
    found.app.settings = found.settings
    sealed = pyrage.encrypt(b"hash: $6$salt$hash\ntoken: s3cret-token\nvnc: s3cret-v\n", [ours.to_public()])
    (found.folder / "ops.age").write_bytes(sealed)
    (found.folder / "unattend.xml").write_text(ANSWERS)
    own = found.folder / "gitvirt.yaml"
    document = YAML(typ="safe").load(own.read_text())
    document["spec"]["secrets"] = {"ops": {"age": "ops.age"}}
    own.write_text(json.dumps(document))
    yield found
    found.close()


def documents(command: str = "echo first > /data/told") -> list[dict[str, object]]:
    init = {
        "hostname": "told",
        "users": [{"name": "admin", "groups": ["adm"], "passwordHash": {"secret": "ops/hash"}}],
        "writeFiles": [{"path": "/etc/token", "mode": "0600", "content": {"secret": "ops/token"}}],
        "runCommands": [command],
        "network": {"lan": {"addresses": ["192.168.150.201/24"]}, "san": {"addresses": ["192.168.150.202/24"]}},
    }
    vnc = {"type": "vnc", "password": {"secret": "ops/vnc"}}
    nics = ["lan", {"name": "san", "network": "lan"}]
    empty = [{"name": "root", "size": "16MiB"}]
    return [
        machine("web", nics=nics, cloudInit=init, graphics=vnc, hosts=["kvm1"]),
        machine("ignited", disks=empty, ignition={"config": IGNITION}, hosts=["kvm1"]),
        machine("windows", disks=empty, sysprep={"file": "unattend.xml"}, state="stopped", hosts=["kvm1"]),
    ]


def medium(site: LiveSite, vm: SeenVm) -> Path:
    """The file of the drive with the medium, on this machine."""
    source = str(vm.config["cdroms[cloud-init].source"])
    (found,) = site.lab.paths.shared.rglob(source.rpartition("/")[2])
    return found


def assert_media_say_it(site: LiveSite, web: SeenVm, windows: SeenVm) -> None:
    label, files = read_back(medium(site, web).read_bytes())
    assert label == "cidata"
    assert "s3cret-token" in files["user-data"]
    assert "$6$salt$hash" in files["user-data"]
    assert files["meta-data"].startswith(f"instance-id: gitvirt-{web.uuid}")
    for name in ("lan", "san"):
        assert str(web.config[f"nics[{name}].mac"]) in files["network-config"]
    label, files = read_back(medium(site, windows).read_bytes())
    assert (label, files["Unattend.xml"], files["Autounattend.xml"]) == ("UNATTEND", ANSWERS, ANSWERS)


def assert_qemu_has_the_ignition(lab: Lab, ignited: SeenVm) -> None:
    assert "opt/com.coreos/config" in virsh(lab, "kvm1", "dumpxml", "ignited")
    path = str((ignited.live or {})["ignition"])
    assert json.loads(inside(lab, "kvm1", f"cat {path}")) == IGNITION
    (process,) = qemu(ignited.uuid)
    arguments = Path(f"/proc/{process}/cmdline").read_text().split("\0")
    assert f"name=opt/com.coreos/config,file={path}" in arguments


def assert_the_guest_did_it(lab: Lab) -> None:
    guest = Guest(lab, "kvm1", "web")
    guest.wait_for_agent()
    wait_until(lambda: guest.run("cat /data/told 2>/dev/null || true") == "first")
    assert guest.run("hostname") == "told"
    seen = guest.run("mount -o ro /dev/sr0 /mnt && cat /mnt/user-data && umount /mnt")
    assert "name: admin" in seen
    assert "/etc/token" in seen
    for card, address in (("eth0", "192.168.150.201/24"), ("eth1", "192.168.150.202/24")):
        wait_until(lambda card=card, address=address: address in guest.run(f"ip -4 addr show {card}"))  # type: ignore[misc]


def assert_addresses_are_told(site: LiveSite, web: SeenVm) -> None:
    reader = site.look().hosts["kvm1"].reader
    told = {(str(each), each.mac, each.source) for each in reader.addresses(web.uuid)}
    assert ("192.168.150.201", web.config["nics[lan].mac"], "agent") in told
    assert ("192.168.150.202", web.config["nics[san].mac"], "agent") in told


def assert_an_edit_is_a_note_only(site: LiveSite, web: SeenVm) -> None:
    before = medium(site, web).stat().st_mtime_ns
    volumes = sorted(each.name for each in site.lab.paths.shared.rglob("gv-seed-*"))
    site.vms(documents("echo second > /data/told"))
    looked = site.look()
    (change,) = looked.plan.changes
    assert looked.plan.empty
    assert [(each.path, each.kind) for each in change.fields] == [("cloudInit", "note")]
    assert site.apply().good
    assert medium(site, web).stat().st_mtime_ns == before
    assert sorted(each.name for each in site.lab.paths.shared.rglob("gv-seed-*")) == volumes


def assert_a_new_medium_is_written_by_hand(site: LiveSite, lab: Lab) -> None:
    guest = Guest(lab, "kvm1", "web")
    by = By(author="alice@desk", reason="", since=0, until=0)
    scene = Scene(looked=site.look(), by=by, pause=Pause(site.app.stop))
    assert "has a new medium" in reseed(Ref.parse("vm/web"), scene)
    assert not site.plan().changes
    assert "second" in guest.run("mount -o ro /dev/sr0 /mnt && cat /mnt/user-data && umount /mnt")
    assert guest.run("cat /data/told") == "first"


def assert_digests_follow_a_new_key_and_nothing_else_changes(site: LiveSite, lab: Lab, web: SeenVm) -> None:
    state = Path(site.settings.state)
    processes, old = qemu(web.uuid), site.vm("web")[1]
    key.rotate(state)
    assert not site.plan().changes, "the former key is still known"
    looked = site.look()
    renewed = replace(looked, plan=rekey.plan(looked.context))
    assert [str(each.ref) for each in renewed.plan.steps] == ["vm/web"]
    assert site.app.act(renewed, lambda step, outcome: None).good
    key.forget(state)
    assert not site.plan().changes
    new = site.vm("web")[1]
    assert qemu(web.uuid) == processes
    assert (new.config, new.live) == (old.config, old.live)
    assert old.mark is not None
    assert new.mark is not None
    for path, values in (("graphics.password", "declared"), ("cloudInit", "creation")):
        hidden = [getattr(mark, values)[path] for mark in (old.mark, new.mark)]
        assert all(str(each).startswith("hmac:") for each in hidden)
        assert hidden[0] != hidden[1]
    assert "s3cret" not in virsh(lab, "kvm1", "dumpxml", "web")


def test_a_guest_is_told_once_and_never_again(site: LiveSite, lab: Lab) -> None:
    site.vms(documents())
    site.settle()
    (_, web), (_, windows), (_, ignited) = (site.vm(name) for name in ("web", "windows", "ignited"))
    assert_media_say_it(site, web, windows)
    assert_qemu_has_the_ignition(lab, ignited)
    assert_the_guest_did_it(lab)
    assert_addresses_are_told(site, web)
    assert_an_edit_is_a_note_only(site, web)
    assert_a_new_medium_is_written_by_hand(site, lab)
    assert_digests_follow_a_new_key_and_nothing_else_changes(site, lab, web)
