"""Scenes of moves: vm/web on kvm1 that shall be on kvm2, and what is asked of it then."""

from __future__ import annotations

import pytest

from drivers.memory.faults import Crash
from tests.flow.site import Site, said, vm_yaml

PHASES = ("preparing", "copying", "switching", "finishing")


def on(host: str, more: str = "") -> str:
    return vm_yaml("web", f"hosts: [{host}]" + (f", {more}" if more else ""))


def placed(site: Site, more: str = "") -> None:
    """vm/web on kvm1, and Git says kvm2 from now on."""
    site.vms(on("kvm1", more))
    site.settle()
    site.vms(on("kvm2", more))


def boots(site: Site) -> int:
    host, _ = site.domain("web")
    return site.world.outside(host).domain("web").boots


def sound(site: Site) -> bool:
    return not site.world.doubles and not site.world.damage


LOCAL = """---
apiVersion: gitvirt/v1
kind: StorageDomain
metadata: {name: local}
spec: {type: local, path: /srv/local}
"""


ISO = """---
apiVersion: gitvirt/v1
kind: Image
metadata: {name: tools}
spec: {file: tools.iso, storageDomain: local}
"""


def local(hosts: str, more: str) -> str:
    disk = "storageDomain: local, disks: [{name: root, size: 1GiB}]"
    return vm_yaml("web", f"=cpu: 1, memory: 96MiB, nics: [lan], {disk}, {hosts}{more}")


def with_local_disk(site: Site, more: str = "") -> None:
    for name in site.names:
        site.world.add_directory("/srv/local", hosts=[name])
    site.write("local.yaml", LOCAL)
    site.vms(local("hosts: [kvm1]", more))
    site.settle()
    site.vms(local("hosts: [kvm2]", more))


def held(site: Site) -> str:
    plan = site.plan()
    assert plan.empty, said(plan)
    return str(next(each.held for change in plan.changes for each in change.fields if each.path == "host"))


def led_by_us(site: Site, more: str) -> None:
    """As `placed`, in a cluster whose hosts do not connect to each other."""
    spec = "{migration: {peerToPeer: false}}"
    site.write("cluster.yaml", f"apiVersion: gitvirt/v1\nkind: Cluster\nmetadata: {{name: lab}}\nspec: {spec}\n")
    placed(site, more)


def killed(site: Site, phase: str) -> None:
    """gitvirt dies in that phase of the only migration, and is there again at once; the hosts go on with it."""
    site.world.outside("kvm1").guest("web", migration_seconds=60)
    site.world.faults.crash(1, "midway", phase=phase)
    with pytest.raises(Crash):
        site.apply()
    site.world.faults.revive()
