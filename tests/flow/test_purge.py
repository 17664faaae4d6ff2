"""What outlives its time in the trash: volumes that gitvirt did not make, and those that somebody else uses by now."""

from __future__ import annotations

from tests.flow.operator import Operator
from tests.flow.site import Site, vm_yaml

LONG = 8 * 86400  # longer than anything stays in the trash
EMPTY = {"memory": 1 << 28, "memoryMax": 1 << 28}


def takes(site: Site, device: str, path: str, host: str = "kvm2") -> None:
    """Somebody else's VM has that file from now on."""
    outside = site.world.outside(host)
    outside.define("theirs", EMPTY)
    outside.attach("theirs", device, {"source": path, "target": "vdb"})


def purged(site: Site) -> bool:
    """Whether vm/web is gone once its time in the trash is over."""
    site.vms()
    site.settle()
    site.clock.advance(LONG)
    site.settle()
    return not site.look().context.observed.by_name.get("web")


def test_a_disk_that_another_vm_has_taken_is_not_purged_with_its_vm(site: Site) -> None:
    site.vms(vm_yaml("web"))
    site.settle()
    path = str(site.domain("web")[1].config["disks[root].source"])
    takes(site, "disks[vdb]", path)
    assert purged(site)
    assert site.world.outside("kvm2").file(path) is not None
    assert not site.world.damage


def test_the_medium_of_a_first_boot_that_another_vm_has_taken_is_not_purged(site: Site) -> None:
    site.vms(vm_yaml("web", "cloudInit: {timezone: Europe/Vienna}"))
    site.settle()
    [path] = {str(value) for value in site.domain("web")[1].config.values() if "/gv-seed-" in str(value)}
    takes(site, "cdroms[vdb]", path)
    assert purged(site)
    assert site.world.outside("kvm2").file(path) is not None


def test_a_removed_disk_that_another_vm_has_taken_is_not_purged(site: Site) -> None:
    site.vms(vm_yaml("web", "=cpu: 1, memory: 96MiB, disks: [{name: root, image: guest}, {name: data, size: 1GiB}]"))
    site.settle()
    path = str(site.domain("web")[1].config["disks[data].source"])
    site.vms(vm_yaml("web", "=cpu: 1, memory: 96MiB, disks: [{name: root, image: guest}]"))
    site.settle()
    takes(site, "disks[vdb]", path)
    site.clock.advance(LONG)
    site.settle()
    assert site.world.outside("kvm2").file(path) is not None
    site.world.outside("kvm2").undefine("theirs")
    site.settle()
    assert site.world.outside("kvm2").file(path) is None


def test_a_removed_disk_is_not_purged_while_everything_is_on_hold(site: Site, alice: Operator) -> None:
    site.vms(vm_yaml("web", "=cpu: 1, memory: 96MiB, disks: [{name: root, image: guest}, {name: data, size: 1GiB}]"))
    site.settle()
    path = str(site.domain("web")[1].config["disks[data].source"])
    site.vms(vm_yaml("web", "=cpu: 1, memory: 96MiB, disks: [{name: root, image: guest}]"))
    site.settle()
    alice.do(alice.holding.hold, "repository/site")
    site.clock.advance(LONG)
    site.apply()
    assert site.world.outside("kvm1").file(path) is not None
    alice.do(alice.holding.unhold, "repository/site")
    site.settle()
    assert site.world.outside("kvm1").file(path) is None


def test_a_volume_that_is_anothers_is_neither_put_into_the_trash_nor_purged(site: Site) -> None:
    site.settle()  # only then the volumes of the storage domain are known
    site.world.outside("kvm1").put_file("/srv/shared/theirs.qcow2", capacity=1 << 30, format="qcow2")
    data = "{name: data, storageDomain: shared, external: true, volume: theirs.qcow2}"
    site.vms(vm_yaml("web", f"=cpu: 1, memory: 96MiB, disks: [{{name: root, image: guest}}, {data}]"))
    site.settle()
    assert site.domain("web")[1].config["disks[data].source"] == "/srv/shared/theirs.qcow2"
    site.vms()
    site.settle()
    assert not [name for name in site.world.host("kvm1").volumes.names("shared") if name.startswith("theirs.qcow2.")]
    assert purged(site)
    assert site.world.outside("kvm1").file("/srv/shared/theirs.qcow2") is not None
