"""Moves in whole passes: VMs that may not stay where they are, migrations that are killed or fail at every step."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from drivers.errors import Busy, DriverError, Refused
from drivers.memory.faults import Crash
from drivers.node import NodeDevice
from drivers.seen import Power
from reconciler import cycle
from reconciler.apply.dispatch import Tools
from reconciler.apply.outcome import Outcome
from reconciler.apply.walk import Walker
from reconciler.plan.plan import MigrateVm, Step
from tests.flow.operator import Operator
from tests.flow.site import BASE, NoWait, Site, host_yaml, said, vm_yaml

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


def test_a_running_vm_follows_its_hosts_without_a_stop(site: Site) -> None:
    placed(site)
    before = boots(site)
    plan = site.plan()
    assert [(step.what, step.host) for step in plan.steps] == [("migrate to kvm2", "kvm1")]
    field = plan.changes[0].fields[0]
    assert (field.path, field.before, field.after) == ("host", "kvm1", "kvm2")
    assert "its hosts are kvm2" in field.note
    site.settle()
    host, vm = site.domain("web")
    assert (host, vm.power, boots(site)) == ("kvm2", Power.RUNNING, before)
    assert sound(site)


def test_a_vm_that_is_off_is_relocated_and_stays_off(site: Site) -> None:
    placed(site, "state: stopped")
    assert [step.what for step in site.plan().steps] == ["relocate to kvm2"]
    site.settle()
    host, vm = site.domain("web")
    assert (host, vm.power) == ("kvm2", Power.STOPPED)


def test_a_vm_that_is_off_and_shall_run_is_started_where_it_goes(site: Site) -> None:
    placed(site, "state: stopped")
    site.vms(on("kvm2"))
    site.settle()
    host, vm = site.domain("web")
    assert (host, vm.power) == ("kvm2", Power.RUNNING)


def test_a_vm_that_shall_stop_and_go_is_stopped_first(site: Site) -> None:
    placed(site)
    site.vms(on("kvm2", "state: stopped"))
    assert [step.what for step in site.plan().steps] == ["stop", "record its state", "relocate to kvm2"]
    site.settle()
    host, vm = site.domain("web")
    assert (host, vm.power) == ("kvm2", Power.STOPPED)


def test_what_else_changes_is_changed_before_it_goes(site: Site) -> None:
    placed(site, "memoryMax: 1GiB")
    site.vms(on("kvm2", "memoryMax: 1GiB, description: moved"))
    assert [step.what for step in site.plan().steps] == ["change", "migrate to kvm2"]
    site.settle()
    assert site.domain("web")[1].config["description"] == "moved"


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


def test_a_disk_in_local_storage_goes_along_and_its_start_with_the_host_too(site: Site) -> None:
    with_local_disk(site)
    assert [step.what for step in site.plan().steps] == [
        "migrate to kvm2", "set autostart", "leave the copied disk to the trash",
    ]  # fmt: skip
    site.settle()
    host, vm = site.domain("web")
    assert (host, vm.power, vm.autostart) == ("kvm2", Power.RUNNING, True)
    [pool] = [each for each in site.world.observe()["kvm2"].pools if each.name == "local"]  # type: ignore[union-attr]
    assert len(pool.volumes) == 1
    assert sound(site)


def test_the_medium_of_its_first_boot_goes_along_with_a_local_disk(site: Site) -> None:
    with_local_disk(site, ", cloudInit: {hostname: web}")
    assert [(step.what, step.host) for step in site.plan().steps] == [
        ("write the cloud-init seed", "kvm2"),
        ("migrate to kvm2", "kvm1"),
        ("set autostart", "kvm2"),
        ("remove its first boot's medium", "kvm1"),
        ("leave the copied disk to the trash", "kvm1"),
    ]
    site.settle()
    assert not [name for name in site.world.host("kvm1").volumes.names("local") if name.startswith("gv-seed-")]
    assert sound(site)


def test_it_comes_back_to_a_host_where_its_former_copy_lies_in_the_trash(site: Site) -> None:
    with_local_disk(site)
    site.settle()
    site.vms(local("hosts: [kvm1]", ""))
    assert [(step.what, step.host) for step in site.plan().steps][:2] == [
        ("delete its former copy from the trash", "kvm1"),
        ("migrate to kvm1", "kvm2"),
    ]
    site.settle()
    assert site.domain("web")[0] == "kvm1"
    assert sound(site)


def test_a_copied_disk_that_gitvirt_did_not_make_is_left_where_it_was(site: Site) -> None:
    with_local_disk(site)
    domain = site.world.outside("kvm1").domain("web")
    assert domain.mark is not None
    devices = {key: replace(device, made=False) for key, device in domain.mark.devices.items()}
    domain.mark = replace(domain.mark, devices=devices)
    assert [step.what for step in site.plan().steps] == ["migrate to kvm2", "set autostart"]


def test_a_linked_clone_goes_alone_where_the_target_has_its_image(site: Site) -> None:
    for name in site.names:
        site.world.add_directory("/srv/local", hosts=[name])
    site.write("local.yaml", LOCAL)
    image = (
        "apiVersion: gitvirt/v1\nkind: Image\nmetadata: {name: own}\nspec: {file: guest.qcow2, storageDomain: local}\n"
    )
    site.write("image.yaml", image)
    disk = "=cpu: 1, memory: 96MiB, storageDomain: local, disks: [{name: root, image: own}], hosts: "
    site.vms(vm_yaml("web", disk + "[kvm1]"))
    site.settle()
    site.vms(vm_yaml("web", disk + "[kvm2]"))
    asked = [step.call.migration for step in site.plan().steps if isinstance(step.call, MigrateVm)]
    assert [each.incremental for each in asked] == [False]
    site.vms(vm_yaml("web", disk + "[kvm1]"), vm_yaml("db", disk + "[kvm2]"))
    site.settle()
    site.vms(vm_yaml("web", disk + "[kvm2]"), vm_yaml("db", disk + "[kvm2]"))
    asked = [step.call.migration for step in site.plan().steps if isinstance(step.call, MigrateVm)]
    assert [each.incremental for each in asked] == [True]
    site.settle()
    assert sound(site)


def test_a_vm_that_is_off_does_not_take_a_disk_in_local_storage_along(site: Site) -> None:
    with_local_disk(site, ", state: stopped")
    assert "disk root is in local storage (local), and only a running VM takes its disks along" in held(site)


def held(site: Site) -> str:
    plan = site.plan()
    assert plan.empty, said(plan)
    return str(next(each.held for change in plan.changes for each in change.fields if each.path == "host"))


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


def kill_at_every_step(
    tmp_path: Path, moment: str, phase: str, more: str = "", scene: Callable[[Site, str], None] = placed
) -> None:
    for number in range(1, 30):
        site = Site(tmp_path / str(number))
        scene(site, more)
        before = site.world.outside("kvm1").domain("web").boots
        site.world.faults.crash(number, moment, phase=phase)  # type: ignore[arg-type]
        try:
            site.apply()
        except Crash:
            pass
        else:
            assert number > 1
            return
        site.world.faults.revive()
        site.clock.advance(600)
        for _ in range(3):
            run = site.apply()
        assert run.good, [(each.step.what, each.error) for each in run.outcomes.values()]
        assert site.plan().empty, said(site.plan())
        host, vm = site.domain("web")
        assert host == "kvm2"
        assert sound(site)
        if not more:
            assert (vm.power, boots(site)) == (Power.RUNNING, before), (number, phase)
    pytest.fail("the scenario never ended")


@pytest.mark.parametrize("phase", PHASES)
def test_killed_in_any_phase_of_a_migration_the_guest_runs_on_and_the_next_passes_converge(
    phase: str, tmp_path: Path
) -> None:
    kill_at_every_step(tmp_path, "midway", phase)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("more", ["", "state: stopped"])
def test_killed_before_and_after_every_call_of_a_move_the_next_passes_converge(
    moment: str, more: str, tmp_path: Path
) -> None:
    kill_at_every_step(tmp_path, moment, "", more)


def led_by_us(site: Site, more: str) -> None:
    """As `placed`, in a cluster whose hosts do not connect to each other."""
    spec = "{migration: {peerToPeer: false}}"
    site.write("cluster.yaml", f"apiVersion: gitvirt/v1\nkind: Cluster\nmetadata: {{name: lab}}\nspec: {spec}\n")
    placed(site, more)


@pytest.mark.parametrize("phase", PHASES)
def test_killed_while_it_leads_both_hosts_the_next_passes_converge(phase: str, tmp_path: Path) -> None:
    kill_at_every_step(tmp_path, "midway", phase, scene=led_by_us)


@pytest.mark.parametrize(("moment", "phase"), [("before", ""), ("after", ""), *(("midway", each) for each in PHASES)])
def test_killed_while_a_disk_is_copied_along_the_next_passes_converge(moment: str, phase: str, tmp_path: Path) -> None:
    kill_at_every_step(tmp_path, moment, phase, scene=with_local_disk)


def test_killed_between_the_two_ends_of_a_relocation_the_next_pass_finishes_it(tmp_path: Path) -> None:
    kill_at_every_step(tmp_path, "midway", "", "state: stopped")


@pytest.mark.parametrize("error", [Busy, Refused, DriverError])
@pytest.mark.parametrize("effect", [False, True])
def test_a_migration_that_fails_is_settled_at_once(error: type[DriverError], effect: bool, site: Site) -> None:
    placed(site)
    site.world.faults.fail(1, error, effect=effect)
    run = site.apply()
    [outcome] = run.outcomes.values()
    if effect:
        assert outcome.notes[0].endswith("it runs on kvm2")
    else:
        assert "it runs on kvm1" in outcome.error
    site.settle()
    assert site.domain("web")[0] == "kvm2"
    assert sound(site)


def test_a_migration_whose_outcome_is_unknown_is_found_out(site: Site) -> None:
    placed(site)
    site.world.faults.hang(1, effect=True)
    run = site.apply()
    assert run.good
    assert site.plan().empty


@pytest.mark.parametrize("phase", PHASES[:2])
def test_a_target_that_dies_in_mid_migration_leaves_the_guest_where_it_was(phase: str, site: Site) -> None:
    placed(site)
    before = boots(site)
    site.world.faults.during(phase, lambda: site.world.power_off("kvm2"))
    assert not site.apply().good
    host, vm = site.domain("web")
    assert (host, vm.power, boots(site)) == ("kvm1", Power.RUNNING, before)
    site.world.power_on("kvm2")
    site.settle()
    assert site.domain("web")[0] == "kvm2"
    assert sound(site)


def test_a_cut_between_the_hosts_leaves_the_guest_where_it_was(site: Site) -> None:
    placed(site)
    site.world.faults.during("copying", lambda: site.world.cut_between("kvm1", "kvm2"))
    assert not site.apply().good
    assert site.domain("web")[1].power is Power.RUNNING
    site.world.restore_between("kvm1", "kvm2")
    site.settle()
    assert site.domain("web")[0] == "kvm2"


def test_a_guest_that_never_converges_stays_and_says_so(site: Site) -> None:
    placed(site)
    site.world.outside("kvm1").guest("web", needs_downtime=10_000)
    run = site.apply()
    [outcome] = run.outcomes.values()
    assert "changes its memory faster" in outcome.error
    assert "it runs on kvm1" in outcome.error
    assert site.domain("web")[0] == "kvm1"


def test_while_it_is_on_its_way_nothing_of_it_is_planned(site: Site) -> None:
    placed(site)
    killed(site, "copying")
    plan = site.plan()
    [change] = plan.changes
    assert plan.empty
    assert "InFlight: it is on its way from kvm1 to kvm2" in str(change.held)
    site.clock.advance(600)
    assert site.plan().empty
    assert site.domain("web")[0] == "kvm2"


def test_a_vm_between_two_hosts_of_which_one_is_not_read_is_left_alone(site: Site) -> None:
    placed(site, "migration: {policy: minimalDowntime}")
    killed(site, "copying")
    site.world.cut("kvm1")
    plan = site.plan()
    assert plan.empty
    assert any("from a host that was not read to kvm2" in str(change.held) for change in plan.changes)


def killed(site: Site, phase: str) -> None:
    """gitvirt dies in that phase of the only migration, and is there again at once; the hosts go on with it."""
    site.world.outside("kvm1").guest("web", migration_seconds=60)
    site.world.faults.crash(1, "midway", phase=phase)
    with pytest.raises(Crash):
        site.apply()
    site.world.faults.revive()


def many(site: Site, count: int, more: str = "") -> list[str]:
    """VMs on kvm1 that shall all be on kvm2."""
    names = [f"vm{number}" for number in range(count)]
    site.vms(*(vm_yaml(name, f"hosts: [kvm1]{more}") for name in names))
    site.settle()
    site.vms(*(vm_yaml(name, f"hosts: [kvm2]{more}") for name in names))
    return names


@pytest.mark.parametrize(
    ("more", "most"), [("", 2), (", migration: {policy: veryLarge}", 1), (", migration: {policy: postCopy}", 2)]
)
def test_no_more_leave_a_host_at_once_than_the_policy_allows(more: str, most: int, site: Site) -> None:
    many(site, 5, more)
    looked, under_way, peak = site.look(), set[str](), [0]

    def tell(step: Step, outcome: Outcome | None) -> None:
        (under_way.add if outcome is None else under_way.discard)(step.id)
        peak.append(len(under_way))

    tools = Tools(open_image=site.open_image, pause=NoWait(site.clock))
    run = cycle.act(looked, Walker(hosts=looked.hosts, tools=tools, tell=tell))
    assert run.good
    assert max(peak) == most
    assert site.plan().empty


def test_after_a_request_to_stop_no_further_vm_leaves(site: Site) -> None:
    many(site, 5)
    looked, stop = site.look(), threading.Event()
    tools = Tools(open_image=site.open_image, pause=NoWait(site.clock))
    walker = Walker(hosts=looked.hosts, tools=tools, tell=lambda step, outcome: stop.set(), stop=stop)
    run = cycle.act(looked, walker)
    assert run.stopped
    assert sorted(each.status for each in run.outcomes.values()) == ["done", *["skipped"] * 4]
    site.settle()
    assert sound(site)


def test_how_far_it_is_is_told(site: Site) -> None:
    placed(site)
    looked, told = site.look(), list[tuple[str, int, int]]()
    tools = Tools(open_image=site.open_image, pause=NoWait(site.clock))
    walker = Walker(hosts=looked.hosts, tools=tools, moved=lambda step, *how: told.append(how))
    assert cycle.act(looked, walker).good
    what, done, total = told[-1]
    assert what.startswith("copying")
    assert 0 < done < total == 96 << 20


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
