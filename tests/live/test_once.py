"""Run once on a real host, through the command: other settings for one run, everything as declared after it."""

from __future__ import annotations

import hashlib

import pytest

from drivers.lab.guest.parts import obtain
from drivers.lab.lab import Lab
from drivers.seen import Power
from tests.live.command import Gitvirt
from tests.live.site import LiveSite, machine, said
from tests.live.test_operations import done

pytestmark = pytest.mark.live
FIELDS = ("cdroms[cd].source", "cdroms[cd].bootOrder", "disks[root].bootOrder")


def test_a_guest_runs_once_from_a_medium_and_then_as_declared(site: LiveSite, lab: Lab) -> None:
    gitvirt = Gitvirt(site)
    content = b"\x00" * 32768 + b"\x01CD001\x01" + b"tools" * 100
    (site.folder / "tools.iso").write_bytes(content + b"\x00" * (-len(content) % 2048))
    digest = hashlib.sha256((site.folder / "tools.iso").read_bytes()).hexdigest()
    tools = {"file": "tools.iso", "checksum": f"sha256:{digest}", "storageDomain": "shared", "type": "iso"}
    image = {"apiVersion": "gitvirt/v1", "kind": "Image", "metadata": {"name": "tools"}, "spec": tools}
    site.vms([image, machine("web", state="stopped", cdroms=[{"name": "cd", "image": None}])])
    site.settle()
    host, before = site.vm("web")
    text = done(gitvirt, "start", "web", "--once", "--boot", "cdrom", "--cdrom", "tools", "--paused")
    assert text.startswith(f"vm/web started once from cdrom, with tools, paused on {host} (stays paused")
    assert not site.plan().changes, said(site.plan())
    vm = site.vm("web")[1]
    assert (vm.power, vm.persistent, vm.config) == (Power.PAUSED, True, before.config)
    assert vm.live is not None
    medium, *places = (vm.live.get(path) for path in FIELDS)
    assert (str(medium).startswith("/"), places) == (True, [1, 2])
    assert "is paused" in gitvirt.run("start", "web", "--once", "--boot", "disk", code=1).stderr
    done(gitvirt, "resume", "web")
    done(gitvirt, "wait", "web", "--for", "agent", "--timeout", "10m")  # the medium does not boot: the disk is next
    assert not site.plan().changes, said(site.plan())
    done(gitvirt, "stop", "web", "--force", "--yes")
    done(gitvirt, "start", "web")
    vm = site.vm("web")[1]
    assert vm.live is not None
    assert (vm.once, [vm.live.get(path) for path in FIELDS]) == (
        frozenset(),
        [before.config.get(each) for each in FIELDS],
    )
    assert vm.config == before.config
    done(gitvirt, "stop", "web", "--force", "--yes")
    kernel = obtain(lab.paths.cache).kernel
    done(gitvirt, "start", "web", "--once", "--kernel", str(kernel), "--cmdline", "console=ttyS0", "--paused")
    vm = site.vm("web")[1]
    assert vm.live is not None
    assert (vm.live["kernel.path"], vm.live["kernel.cmdline"]) == (str(kernel), "console=ttyS0")
    assert (vm.config, site.plan().changes) == (before.config, ())
