"""Moves that cannot be: the VM stays, and the plan says why."""

from __future__ import annotations

import pytest

from drivers.node import NodeDevice
from drivers.seen import Power
from tests.flow.leaving import (
    ISO,
    LOCAL,
    held,
    on,
    placed,
    with_local_disk,
)
from tests.flow.operator import Operator
from tests.flow.site import BASE, Site, host_yaml, vm_yaml


def test_a_vm_with_snapshots_stays_with_the_reason(site: Site) -> None:
    placed(site)
    site.world.outside("kvm1").domain("web").snapshots = True
    assert "it has snapshots" in held(site)


@pytest.mark.parametrize("mode", ["never", "manual"])
def test_a_vm_that_may_not_migrate_stays_with_the_reason(mode: str, site: Site) -> None:
    placed(site, f"migration: {mode}")
    assert f"its YAML says migration: {mode}" in held(site)


def test_a_vm_that_is_suspended_to_disk_stays_with_the_reason(site: Site) -> None:
    placed(site, "state: manual")
    site.world.host("kvm1").powers.start(site.domain("web")[1].uuid)
    site.world.host("kvm1").powers.suspend(site.domain("web")[1].uuid)
    assert "SavedState" in held(site)


def test_a_vm_whose_only_other_host_cannot_be_read_stays_with_the_reason(site: Site) -> None:
    placed(site)
    site.world.cut("kvm2")
    assert "kvm2: not reachable" in held(site)


def test_a_vm_of_which_the_target_has_another_of_that_name_stays_with_the_reason(site: Site) -> None:
    placed(site)
    site.world.outside("kvm2").define("web", {"memory": 64 << 20, "cpu.count": 1})
    assert "kvm2: it has a VM of that name already" in held(site)


def test_a_vm_on_a_network_of_somebody_else_that_the_target_lacks_stays_with_the_reason(site: Site) -> None:
    placed(site, "state: stopped")
    site.world.outside("kvm1").attach("web", "nics[theirs]", {"network": "theirs"})
    assert "kvm2: network theirs is not defined there" in held(site)


@pytest.mark.parametrize(
    ("state", "reason", "why"),
    [
        (Power.PAUSED, "ioerror", "the hypervisor paused it (ioerror)"),
        (Power.STOPPING, "", "it is shutting down"),
    ],
)
def test_a_vm_in_trouble_stays_with_the_reason(state: Power, reason: str, why: str, site: Site) -> None:
    placed(site, "state: manual")
    site.world.host("kvm1").powers.start(site.domain("web")[1].uuid)
    vm = site.world.outside("kvm1").domain("web")
    vm.power, vm.reason = state, reason
    assert why in held(site)


@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ("cdroms: [{name: setup, image: tools}]", "CD-ROM drive setup holds /srv/local/"),
        ("hostDevices: [{name: gpu, address: '0000:65:00.0'}]", "host device gpu is of kvm1"),
        ("xml: [{at: ./devices, add: \"<shmem name='s'/>\"}]", "it has shared memory"),
    ],
)
def test_what_ties_a_running_vm_to_its_host_is_told(spec: str, why: str, site: Site) -> None:
    for name in site.names:
        site.world.add_directory("/srv/local", hosts=[name])
        site.world.outside(name).plug_device(NodeDevice(address="0000:65:00.0", kind="pci"))
    site.write("local.yaml", LOCAL + ISO)
    (site.repository / "tools.iso").write_bytes(b"tools")
    placed(site, f"storageDomain: shared, {spec}")
    assert why in held(site)


def test_the_state_of_a_tpm_ties_a_vm_that_is_off(site: Site) -> None:
    placed(site, "tpm: true, state: stopped")
    assert "the state of its TPM is on kvm1" in held(site)


def test_a_disk_in_local_storage_stays_where_the_target_has_no_room_for_it(site: Site) -> None:
    with_local_disk(site)
    file = site.world.outside("kvm1").file(str(site.domain("web")[1].config["disks[root].source"]))
    assert file is not None
    file.allocation = 1 << 20
    site.world.outside("kvm2").fill("/srv/local", leave=1 << 16)
    assert "would be copied" in held(site)


def test_a_vm_follows_its_cluster_where_storage_and_networks_are_shared(site: Site) -> None:
    clusters = "".join(f"---\napiVersion: gitvirt/v1\nkind: Cluster\nmetadata: {{name: {name}}}\n" for name in "ab")
    hosts = host_yaml("kvm1", ", cluster: a") + host_yaml("kvm2", ", cluster: b")
    site.write("gitvirt.yaml", BASE + clusters + hosts)
    site.vms(vm_yaml("web", "cluster: a"))
    site.settle()
    assert site.domain("web")[0] == "kvm1"
    site.vms(vm_yaml("web", "cluster: b"))
    assert "kvm1 is not in its cluster b" in site.plan().changes[0].fields[0].note
    site.settle()
    assert (site.domain("web")[0], site.domain("web")[1].power) == ("kvm2", Power.RUNNING)


def test_a_vm_on_hold_does_not_move(site: Site) -> None:
    placed(site)
    Operator(site).do(Operator(site).holding.hold, "vm/web")
    assert "OnHold: its hosts are kvm2; vm/web is held by alice@desk" in held(site)


def test_a_vm_that_another_revision_changed_last_does_not_move(site: Site) -> None:
    placed(site)
    site.history = ["r2"]
    site.revision = "r2"
    assert "Behind" in held(site)


def test_a_vm_whose_other_change_is_held_as_a_whole_does_not_move_either(site: Site) -> None:
    placed(site)
    domain = site.world.outside("kvm1").domain("web")
    domain.persistent = False
    site.vms(on("kvm2", "description: x"))
    [change] = site.plan().changes
    assert "Transient" in str(change.held)
    assert site.plan().empty
