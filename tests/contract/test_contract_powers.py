"""The contract of Powers, with VMs that have nothing to boot; what needs a guest is in test_contract_guest."""

from __future__ import annotations

import pytest

from drivers.base import Edit, Once
from drivers.errors import Busy, Conflict, DriverError, Missing, Refused
from drivers.seen import Power
from tests.contract.twin import MIB, Twin, id_of, new_vm


@pytest.mark.parametrize("verb", ["start", "destroy", "reboot", "reset", "pause", "resume", "suspend"])
def test_every_power_call_tells_that_a_vm_is_missing(twin: Twin, name: str, verb: str) -> None:
    with pytest.raises(Missing):
        getattr(twin.host.powers, verb)(id_of(name))
    with pytest.raises(Missing):
        twin.host.powers.shutdown(id_of(name), "acpi")


def test_a_vm_is_started_and_its_power_cut(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name, disks_root=twin.disk(name)))
    for _ in range(2):
        twin.start(new.uuid)
        seen = twin.vm(new.uuid)
        assert (seen.power, seen.running, seen.agent) == (Power.RUNNING, True, False)
        assert seen.live is not None
        assert {path: seen.live[path] for path in seen.config} == seen.config
    with pytest.raises(Conflict):
        twin.host.vms.undefine(new.uuid, 1)
    with pytest.raises(Conflict):
        twin.host.vms.rename(new.uuid, 1, name + "x", new.mark)
    for _ in range(2):
        twin.host.powers.destroy(new.uuid)
        seen = twin.vm(new.uuid)
        assert (seen.power, seen.reason, seen.live) == (Power.STOPPED, "destroyed", None)


def test_a_run_with_other_settings_leaves_definition_and_mark(twin: Twin, name: str) -> None:
    order = {"disks_root": {**twin.disk(name), "bootOrder": 1}, "cdroms_cd": {"source": "", "bus": "sata"}}
    new = twin.define(new_vm(name, fields={"kernel.cmdline": "quiet", "kernel.path": "/declared"}, **order))
    medium = twin.volume(f"{name}.iso", MIB, format="raw")
    before = twin.vm(new.uuid)
    fields = {"cdroms[cd].source": medium, "cdroms[cd].bootOrder": 1, "disks[root].bootOrder": 2}
    once = Once(fields={**fields, "kernel.path": None, "kernel.cmdline": None}, paused=True)
    twin.before_empty_start(new.uuid)
    twin.host.powers.start(new.uuid, once)
    seen = twin.vm(new.uuid)
    assert (seen.power, seen.reason, seen.persistent) == (Power.PAUSED, "user", True)
    assert (seen.config, seen.mark, seen.once) == (before.config, before.mark, frozenset(once.fields))
    assert {path: twin.live(new.uuid).get(path) for path in once.fields} == once.fields
    with pytest.raises(Conflict):
        twin.host.powers.start(new.uuid, once)
    twin.edit(new.uuid, config=(Edit(path="description", before=None, after="new"),))
    assert twin.vm(new.uuid).once == frozenset(once.fields)
    twin.host.powers.resume(new.uuid)
    assert twin.vm(new.uuid).power is Power.RUNNING
    twin.host.powers.destroy(new.uuid)
    seen = twin.vm(new.uuid)
    assert (seen.power, seen.once, seen.persistent) == (Power.STOPPED, frozenset(), True)
    assert seen.config == {**before.config, "description": "new"}
    wrong = Once(fields={"disks[none].bootOrder": 1})
    with pytest.raises(Refused):
        twin.host.powers.start(new.uuid, wrong)
    assert twin.vm(new.uuid).power is Power.STOPPED


def test_a_vm_suspended_to_disk_is_not_started_with_other_settings(twin: Twin, empty: str) -> None:
    twin.host.powers.suspend(empty)
    with pytest.raises(Conflict):
        twin.host.powers.start(empty, Once(fields={"boot.order": "cdrom"}))
    twin.host.powers.start(empty)
    assert (twin.vm(empty).power, twin.vm(empty).once) == (Power.RUNNING, frozenset())


def test_a_stopped_vm_can_only_be_started(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name))
    for verb in ("reboot", "reset", "pause", "resume", "suspend"):
        with pytest.raises(Conflict):
            getattr(twin.host.powers, verb)(new.uuid)
    twin.host.powers.shutdown(new.uuid, "agent")
    twin.host.powers.shutdown(new.uuid, "acpi")
    assert twin.vm(new.uuid).power is Power.STOPPED


def test_a_running_vm_is_paused_resumed_reset_and_rebooted(twin: Twin, empty: str) -> None:
    for _ in range(2):
        twin.host.powers.pause(empty)
        assert (twin.vm(empty).power, twin.vm(empty).reason) == (Power.PAUSED, "user")
    for _ in range(2):
        twin.host.powers.resume(empty)
        assert twin.vm(empty).power is Power.RUNNING
    twin.host.powers.reset(empty)
    twin.host.powers.reboot(empty)
    assert twin.vm(empty).power is Power.RUNNING


def test_a_guest_that_is_paused_cannot_be_asked_to_shut_down(twin: Twin, empty: str) -> None:
    twin.host.powers.pause(empty)
    with pytest.raises(Conflict, match="not running"):
        twin.host.powers.shutdown(empty, "acpi")
    assert twin.vm(empty).power is Power.PAUSED


def test_a_guest_that_does_not_answer_is_busy_by_agent_and_ignores_acpi(twin: Twin, empty: str) -> None:
    with pytest.raises(Busy):
        twin.host.powers.shutdown(empty, "agent")
    twin.host.powers.shutdown(empty, "acpi")
    assert twin.vm(empty).power is Power.RUNNING


def test_a_saved_vm_comes_back_with_the_definition_that_was_running(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name))
    twin.start(new.uuid)
    twin.edit(new.uuid, config=(Edit(path="rng", after=True),))
    for _ in range(2):
        twin.host.powers.suspend(new.uuid)
        assert (twin.vm(new.uuid).power, twin.vm(new.uuid).live) == (Power.SUSPENDED, None)
    twin.edit(new.uuid, config=tuple(Edit(path=path, after=64 * MIB) for path in ("memoryMax", "memory")))
    twin.start(new.uuid)
    seen = twin.vm(new.uuid)
    assert seen.power is Power.RUNNING
    assert seen.live is not None
    assert (seen.live["memoryMax"], seen.config["memoryMax"]) == (96 * MIB, 64 * MIB)
    assert (seen.live["rng"], seen.config["rng"]) == (False, True)
    twin.host.powers.suspend(new.uuid)
    twin.host.vms.undefine(new.uuid, 3)
    assert twin.host.reader.vm(new.uuid) is None


def test_a_vm_whose_disk_file_is_gone_does_not_start(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name, disks_root=twin.disk(name)))
    twin.host.volumes.delete(twin.pool, f"{name}.qcow2")
    with pytest.raises(DriverError):
        twin.start(new.uuid)
    assert twin.vm(new.uuid).power is Power.STOPPED


def test_a_vm_whose_network_is_not_there_does_not_start(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name, nics_lan={"network": name, "mac": "52:54:00:01:02:03"}))
    with pytest.raises(DriverError):
        twin.start(new.uuid)
    assert twin.vm(new.uuid).power is Power.STOPPED


def test_two_vms_never_write_to_one_disk(twin: Twin, name: str, empty: str) -> None:
    source = twin.vm(empty).config["disks[root].source"]
    other = twin.define(new_vm(name + "-two", disks_root={"source": source, "format": "qcow2", "bus": "virtio"}))
    with pytest.raises((Busy, Conflict)):
        twin.start(other.uuid)
    assert twin.vm(other.uuid).power is Power.STOPPED
