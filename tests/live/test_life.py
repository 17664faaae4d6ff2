"""The life of a VM with a real guest in it: deleted and taken back, changed while it runs, adopted."""

from __future__ import annotations

import re
from collections.abc import Callable
from io import BytesIO
from typing import Any

import pycdlib
import pytest

from drivers.lab.guest import image
from drivers.seen import Power
from reconciler.diff.change import Verb
from tests.live.conftest import Guest, virsh
from tests.live.facts import wait_until
from tests.live.site import LiveSite, machine, said

pytestmark = pytest.mark.live

DMZ = """
apiVersion: gitvirt/v1
kind: Network
metadata: {name: dmz}
spec: {type: isolated, subnet: 192.168.160.0/24}
"""
TOOLS = """
apiVersion: gitvirt/v1
kind: Image
metadata: {name: tools}
spec: {file: tools.iso, type: iso}
"""


def guest_of(site: LiveSite, name: str) -> Guest:
    """The guest of a VM, when its agent answers."""
    found = Guest(site.lab, site.vm(name)[0], name)
    found.wait_for_agent()
    return found


def fields_of(site: LiveSite, name: str) -> list[tuple[str, str]]:
    """(path, kind) of what a plan says of a VM."""
    return [
        (each.path, each.kind) for change in site.plan().changes if change.ref.name == name for each in change.fields
    ]


def iso(text: bytes) -> bytes:
    made = pycdlib.PyCdlib()
    made.new()
    made.add_fp(BytesIO(text), len(text), "/README.;1")
    out = BytesIO()
    made.write_fp(out)
    made.close()
    return out.getvalue()


# --- delete and revert ------------------------------------------------------------------------------------------------


def test_delete_by_commit_and_revert_gives_the_same_bytes_mac_and_uuid(site: LiveSite) -> None:
    site.vms([machine("web")])
    site.commit("Add web")
    site.settle()
    host, before = site.vm("web")
    guest = guest_of(site, "web")
    guest.run("echo precious > /data/kept; sync")

    site.vms([])
    site.commit("Remove web")
    site.settle()
    _, trashed = site.vm("web")
    assert trashed.mark is not None
    assert trashed.mark.trashed
    assert trashed.power is Power.STOPPED

    site.vms([machine("web")])
    site.commit("Revert it")
    plan = site.plan()
    assert [(str(each.ref), each.verb) for each in plan.changes] == [("vm/web", Verb.RESTORE)], said(plan)
    site.settle()
    where, after = site.vm("web")
    assert (where, after.uuid) == (host, before.uuid)
    for path in ("nics[lan].mac", "disks[root].source"):
        assert after.config[path] == before.config[path]
    assert guest_of(site, "web").run("cat /data/kept; wc -l < /data/boots") == "precious\n2"


# --- live changes -----------------------------------------------------------------------------------------------------


class Changing:
    """One VM whose declaration is changed field by field, while its guest looks on."""

    def __init__(self, site: LiveSite) -> None:
        self.site = site
        self.spec: dict[str, Any] = {
            "cpu": {"count": 1, "max": 2},
            "memory": "160MiB",
            "memoryMax": "192MiB",
            "cdroms": [{"name": "media", "bus": "scsi", "image": None}],
            "graphics": {"type": "vnc", "password": "before"},
        }
        (site.folder / "dmz.yaml").write_text(DMZ)
        (site.folder / "tools.yaml").write_text(TOOLS)
        (site.folder / "tools.iso").write_bytes(iso(b"hello from the tools"))
        self.declare()
        self.guest = guest_of(site, "web")

    def declare(self, **spec: Any) -> None:
        """Makes it true; the VM has to be the same running machine after it."""
        before = self.process() if spec else ""
        self.spec.update(spec)
        self.site.vms([machine("web", **self.spec)])
        self.site.settle()
        assert not before or self.process() == before

    def process(self) -> str:
        return self.guest.virsh("domid")

    def sees(self, script: str, told: str) -> None:
        """Waits until the guest tells that."""
        heard = ""

        def right() -> bool:
            nonlocal heard
            heard = self.guest.run(f"{script} || true")
            return heard == told

        wait_until(right, what=lambda: f"{script!r} told {heard!r}, and {told!r}")

    def live(self, path: str) -> Any:
        vm = self.site.vm("web")[1]
        assert vm.live is not None
        return vm.live.get(path)


@pytest.fixture
def changing(site: LiveSite) -> Changing:
    return Changing(site)


def test_a_running_guest_sees_every_live_change(changing: Changing) -> None:
    root = {"name": "root", "image": "guest"}
    vcpu_balloon_and_words(changing)
    disks(changing, root)
    nics(changing)
    media(changing)
    console_password(changing)
    assert changing.site.plan().changes == ()
    what_needs_a_restart_pends(changing, root)


def vcpu_balloon_and_words(changing: Changing) -> None:
    total = int(changing.guest.run("awk '/MemTotal/ {print $2}' /proc/meminfo"))
    changing.declare(cpu={"count": 2, "max": 2}, memory="128MiB", description="front door")
    changing.sees("nproc", "2")
    wait_until(lambda: int(changing.guest.run("awk '/MemTotal/ {print $2}' /proc/meminfo")) <= total - 24 * 1024)
    assert changing.guest.virsh("desc") == "front door"


def disks(changing: Changing, root: dict[str, Any]) -> None:
    changing.declare(disks=[root, {"name": "data", "size": "16MiB"}])
    changing.sees("cat /sys/block/vdb/size", str(16 << 11))
    changing.declare(disks=[root, {"name": "data", "size": "32MiB"}])
    changing.sees("cat /sys/block/vdb/size", str(32 << 11))
    changing.declare(disks=[root])
    changing.sees("ls -d /sys/block/vd*", "/sys/block/vda")


def nics(changing: Changing) -> None:
    changing.declare(nics=["lan", {"name": "back", "network": "lan"}])
    mac = changing.live("nics[back].mac")
    find = f"name=$(basename $(dirname $(grep -l {mac} /sys/class/net/*/address)))"
    changing.sees(f"{find}; ip link set $name up; cat /sys/class/net/$name/carrier", "1")
    changing.declare(nics=["lan", {"name": "back", "network": "dmz", "link": "down"}])
    changing.sees(f"{find}; cat /sys/class/net/$name/carrier", "0")
    assert re.search(rf"network\s+dmz\s+virtio\s+{mac}", changing.guest.virsh("domiflist"))
    changing.declare(nics=["lan"])
    changing.sees(f"grep -l {mac} /sys/class/net/*/address", "")


def media(changing: Changing) -> None:
    changing.declare(cdroms=[{"name": "media", "bus": "scsi", "image": "tools"}])
    changing.sees("grep -ac 'hello from the tools' /dev/sr0", "1")
    changing.declare(cdroms=[{"name": "media", "bus": "scsi", "image": None}])
    changing.sees("grep -ac 'hello from the tools' /dev/sr0 2>/dev/null", "")


def console_password(changing: Changing) -> None:
    changing.declare(graphics={"type": "vnc", "password": "after"})
    assert "passwd='after'" in changing.guest.virsh("dumpxml", "--security-info")


def what_needs_a_restart_pends(changing: Changing, root: dict[str, Any]) -> None:
    changing.declare(disks=[{**root, "serial": "R2D2"}])
    assert fields_of(changing.site, "web") == [("disks[root].serial", "pending")]
    changing.guest.virsh("destroy")
    changing.site.settle()
    changing.guest.wait_for_agent()
    changing.sees("cat /sys/block/vda/serial", "R2D2")
    wait_until(lambda: changing.site.plan().changes == ())  # its balloon has to follow first


# --- adoption ---------------------------------------------------------------------------------------------------------


def without_mark(xml: str) -> str:
    """XML without its metadata, and without the empty lines that are left."""
    bare = re.sub(r"<metadata>.*?</metadata>", "", xml, flags=re.DOTALL)
    return "\n".join(line for line in bare.splitlines() if line.strip())


def test_adoption_writes_the_mark_and_the_guest_does_not_blink(
    site: LiveSite, start_guest: Callable[..., Guest]
) -> None:
    site.vms([])
    site.settle()
    guest = start_guest("kvm2", "old")
    guest.wait_for_agent()
    uuid, process = guest.virsh("domuuid"), guest.virsh("domid")
    boot = guest.run("cat /proc/sys/kernel/random/boot_id")
    uptime = float(guest.run("cut -d' ' -f1 /proc/uptime"))
    before = [guest.virsh("dumpxml", *words) for words in ((), ("--inactive",))]
    disks = [{"name": "root", "volume": "old.qcow2", "storageDomain": "shared", "external": True}]
    declared = machine("old", uuid=uuid, disks=disks, nics=[], cpu={"count": 1, "max": 2}, state="manual")
    declared["spec"]["memory"] = f"{image.MINIMUM_MEMORY_MIB}MiB"
    site.vms([declared])

    plan = site.plan()
    assert [(str(each.ref), each.verb, each.host) for each in plan.changes] == [("vm/old", Verb.ADOPT, "kvm2")]
    assert len(plan.steps) == 1, said(plan)
    site.settle()
    after = [guest.virsh("dumpxml", *words) for words in ((), ("--inactive",))]
    assert [site.settings.state not in each and uuid in each for each in after] == [True, True]
    assert ["<metadata>" in each for each in after] == [True, True]
    assert [without_mark(each) for each in after] == [without_mark(each) for each in before]
    assert guest.virsh("domid") == process
    assert guest.run("cat /proc/sys/kernel/random/boot_id") == boot
    assert float(guest.run("cut -d' ' -f1 /proc/uptime")) > uptime
    assert virsh(site.lab, "kvm2", "list", "--name") == "old"
