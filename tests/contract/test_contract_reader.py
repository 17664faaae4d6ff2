"""The contract of Reader, of Host.watch and of Host.console without a guest."""

from __future__ import annotations

import pytest

from drivers.base import NewPool, NewVolume
from drivers.errors import Conflict, DriverError, Missing
from tests.contract.twin import MIB, Twin, id_of, new_vm


def test_a_reading_is_complete(twin: Twin, name: str) -> None:
    for each in (name + "-b", name + "-a"):
        twin.define(new_vm(each, disks_root=twin.disk(each)))
    seen = twin.host.reader.read()
    assert seen.name == twin.host.name
    assert seen.uuid != twin.second.reader.read().uuid
    assert seen.libvirt >= 9_000_000
    assert seen.cpus > 0
    assert 0 < seen.memory_free <= seen.memory
    assert (seen.capabilities.arch, "vnc" in seen.capabilities.graphics) == ("x86_64", True)
    assert any(each.startswith("pc-q35-") for each in seen.capabilities.machines)
    assert "qemu64" in seen.capabilities.cpu_models
    ours = [vm for vm in seen.vms if vm.name.startswith(name)]
    assert [vm.name for vm in ours] == [name + "-a", name + "-b"]
    assert ours == [twin.vm(vm.uuid) for vm in ours]
    assert [vm.config["disks[root].size"] for vm in ours] == [16 * MIB, 16 * MIB]
    assert twin.pool in {pool.name for pool in seen.pools}
    assert [vm for vm in twin.second.reader.read().vms if vm.name.startswith(name)] == []


def test_reading_twice_gives_the_same(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name, disks_root=twin.disk(name)))
    assert twin.vm(new.uuid) == twin.vm(new.uuid)
    assert twin.host.reader.read().vms == twin.host.reader.read().vms


def test_what_is_not_there_reads_as_nothing(twin: Twin, name: str) -> None:
    assert twin.host.reader.vm(id_of(name)) is None
    assert twin.host.reader.network(name) is None
    assert twin.host.reader.pool(name) is None
    assert twin.host.reader.addresses(id_of(name)) == ()
    with pytest.raises(Missing):
        twin.host.reader.xml(id_of(name))


def test_a_disk_outside_of_all_pools_has_no_size(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name, disks_root={"source": f"/var/tmp/{name}.qcow2", "format": "qcow2"}))
    assert "disks[root].size" not in twin.vm(new.uuid).config


def test_a_disk_in_a_pool_that_is_stopped_has_no_size(twin: Twin, name: str) -> None:
    twin.host.pools.define(NewPool(name=name, uuid=id_of(name), path=f"{twin.own}/{name}"))
    source = twin.host.volumes.create(NewVolume(pool=name, name="root.qcow2", capacity=MIB)).path
    new = twin.define(new_vm(name, disks_root={"source": source, "format": "qcow2"}))
    for active in (True, False, True):
        twin.host.pools.active(name, active)
        in_bulk = next(vm for vm in twin.host.reader.read().vms if vm.uuid == new.uuid)
        for seen in (twin.vm(new.uuid), in_bulk):
            assert seen.config.get("disks[root].size") == (MIB if active else None)


def test_the_xml_names_the_vm(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name))
    xml = twin.host.reader.xml(new.uuid)
    assert xml.lstrip().startswith("<domain")
    assert f"<name>{name}</name>" in xml
    twin.host.reader.ping()


def test_a_watcher_is_woken_by_what_happens(twin: Twin, name: str) -> None:
    woken: list[tuple[str, str]] = []
    probe = twin.define(new_vm(name + "-probe"))

    def watching() -> bool:
        twin.host.vms.autostart(probe.uuid, False)
        twin.start(probe.uuid)
        twin.host.powers.destroy(probe.uuid)
        return bool(woken)

    twin.host.watch(lambda host, ref: woken.append((host, ref)))
    twin.wait(watching, "the watch")
    twin.define(new_vm(name))
    twin.wait(lambda: (twin.host.name, f"vm/{name}") in woken, "the event")


def test_a_console_needs_a_running_vm(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name))
    with pytest.raises(Conflict):
        twin.host.console(new.uuid)
    with pytest.raises(Missing):
        twin.host.console(id_of("nobody"))


def test_a_vm_without_serial_console_has_none(twin: Twin, name: str) -> None:
    new = twin.define(new_vm(name, fields={"serial": False}))
    twin.start(new.uuid)
    with pytest.raises(DriverError):
        twin.host.console(new.uuid)
