"""Networks, pools, volumes, the reader and the watch, on libvirt's own test driver.

Each test has a node of its own. The driver has no domain capabilities, and keeps one definition of a network.
"""

import queue
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from drivers.base import NewNetwork, NewPool, NewVolume
from drivers.errors import Conflict, Missing, Refused
from drivers.libvirt.access import Access
from drivers.libvirt.host import LibvirtHost, connect
from drivers.mark import Mark
from drivers.seen import Power
from specs.fields import Scalar

NODE = """<node>
<cpu><mhz>2000</mhz><model>x86_64</model><active>4</active><nodes>1</nodes><sockets>1</sockets><cores>4</cores></cpu>
<memory>8388608</memory>
<domain type='test'><name>on</name><uuid>{0}1</uuid><memory>65536</memory><vcpu>1</vcpu><os><type>hvm</type></os>
<devices><disk type='file' device='disk'><source file='/pool/on.raw'/><target dev='vda' bus='virtio'/></disk></devices>
</domain>
<domain type='test' xmlns:test='http://libvirt.org/schemas/domain/test/1.0'><name>off</name><uuid>{0}2</uuid><memory>65536</memory><vcpu>2</vcpu><os><type>hvm</type></os>
<test:runstate>5</test:runstate>
</domain>
<pool type='dir'><name>local</name><uuid>{0}3</uuid><target><path>/pool</path></target>
<volume><name>on.raw</name><capacity>1048576</capacity><target><path>/pool/on.raw</path></target></volume></pool>
</node>"""
START = "6695eb01-f6a4-8304-79aa-97f2502e193"
LAN = START + "9"


@pytest.fixture
def host(tmp_path: Path) -> Iterator[LibvirtHost]:
    node = tmp_path / "node.xml"
    node.write_text(NODE.format(START))
    made = connect("kvm1", Access(uri=f"test://{node}"))
    # Each connection to a test node has a state of its own, so that all purposes must share one.
    link = made.connections
    link.changes = link.long = link.reads  # type: ignore[method-assign]
    yield made
    made.close()


def lan(generation: int = 1, name: str = "lan", uuid: str = LAN, **fields: Scalar) -> NewNetwork:
    every: dict[str, Scalar] = {"type": "nat", "subnet": "10.9.0.0/24", "address": "10.9.0.1", **fields}
    mark = Mark(repository="r1", ref=f"network/{name}", uuid=uuid, generation=generation, revision="a", declared=every)
    return NewNetwork(name=name, uuid=uuid, fields=every, mark=mark)


def test_a_host_is_read_completely(host: LibvirtHost) -> None:
    seen = host.reader.read()
    assert (seen.name, seen.cpus, seen.memory) == ("kvm1", 4, 8 << 30)
    assert seen.libvirt >= 9_000_000
    assert {vm.name: (vm.power, vm.running) for vm in seen.vms} == {
        "off": (Power.STOPPED, False),
        "on": (Power.RUNNING, True),
    }
    assert [(pool.name, pool.path, list(pool.volumes)) for pool in seen.pools] == [("local", "/pool", ["on.raw"])]


def test_disks_get_the_sizes_of_their_volumes(host: LibvirtHost) -> None:
    on = {vm.name: vm for vm in host.reader.read().vms}["on"]
    assert on.live is not None
    assert (on.config["disks[vda].size"], on.live["disks[vda].size"]) == (1048576, 1048576)
    assert host.reader.vm(on.uuid) == on


def test_a_single_object_that_is_not_there_is_none(host: LibvirtHost) -> None:
    assert host.reader.vm(START + "0") is None
    assert host.reader.network("nowhere") is None
    assert host.reader.pool("nowhere") is None
    assert host.reader.addresses(START + "0") == ()
    with pytest.raises(Missing):
        host.reader.xml(START + "0")


def test_a_vm_is_read_as_text(host: LibvirtHost) -> None:
    assert "<name>on</name>" in host.reader.xml(START + "1")
    host.reader.ping()


def test_a_network_lives_from_its_definition_to_its_end(host: LibvirtHost) -> None:
    networks, new = host.networks, lan()
    networks.define(new)
    networks.define(new)
    seen = host.reader.network("lan")
    assert seen is not None
    assert (seen.config, seen.mark, seen.active, seen.persistent) == (new.fields, new.mark, False, True)
    for on in (True, True, False):
        networks.active("lan", on)
        networks.autostart("lan", on)
        seen = host.reader.network("lan")
        assert seen is not None
        assert (seen.active, seen.autostart) == (on, on)
    networks.active("lan", True)
    networks.undefine("lan")
    networks.undefine("lan")
    assert host.reader.network("lan") is None


def test_a_network_is_only_redefined_from_the_generation_that_was_planned_with(host: LibvirtHost) -> None:
    host.networks.define(lan())
    for expects in (None, 2):
        with pytest.raises(Conflict, match="generation 1"):
            host.networks.define(lan(3, mtu=1400), expects)
    host.networks.define(lan(2, mtu=1400), 1)
    host.networks.define(lan(2, mtu=1400), 1)
    seen = host.reader.network("lan")
    assert seen is not None
    assert (seen.config["mtu"], seen.mark) == (1400, lan(2, mtu=1400).mark)


def test_a_name_of_another_network_and_a_renaming_are_told(host: LibvirtHost) -> None:
    host.networks.define(lan())
    with pytest.raises(Conflict, match=LAN):
        host.networks.define(lan(uuid=START + "8"))
    with pytest.raises(Refused, match="rename"):
        host.networks.define(lan(2, name="wan"), 1)
    with pytest.raises(Missing):
        host.networks.define(lan(2, name="new", uuid=START + "7"), 1)
    with pytest.raises(Missing):
        host.networks.active("nowhere", True)


def test_pools_and_volumes(host: LibvirtHost) -> None:
    pool = NewPool(name="data", uuid=START + "5", path="/data")
    host.pools.define(pool)
    host.pools.define(pool)
    with pytest.raises(Conflict, match="undefine it first"):
        host.pools.define(NewPool(name="data", uuid=pool.uuid, path="/elsewhere"))
    with pytest.raises(Conflict, match="another pool"):
        host.pools.define(NewPool(name="data", uuid=START + "6", path="/elsewhere"))
    made = host.volumes.create(NewVolume(pool="data", name="a", capacity=4096, format="raw"))
    assert (made.path, made.capacity) == ("/data/a", 4096)
    with pytest.raises(Conflict):
        host.volumes.create(NewVolume(pool="data", name="a", capacity=4096, format="raw"))
    with pytest.raises(Refused, match="cut off"):
        host.volumes.grow("data", "a", 4095)
    host.volumes.delete("data", "a")
    host.volumes.delete("data", "a")
    host.pools.undefine("data")
    host.pools.undefine("data")
    with pytest.raises(Missing):
        host.pools.refresh("data")


def test_the_disk_of_a_running_vm_is_neither_deleted_nor_grown_behind_its_back(host: LibvirtHost) -> None:
    with pytest.raises(Conflict, match=r"running VM on uses /pool/on\.raw"):
        host.volumes.delete("local", "on.raw")
    with pytest.raises(Conflict, match="running VM on"):
        host.volumes.grow("local", "on.raw", 1 << 30)
    assert "on.raw" in host.reader.read().pools[0].volumes


def wait_until_watched(host: LibvirtHost) -> None:
    until = time.monotonic() + 10
    while host._watch is None or host._watch._registered is None:
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_watch_wakes_for_what_changed(host: LibvirtHost) -> None:
    woken: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
    host.watch(lambda name, ref: woken.put((name, ref)))
    wait_until_watched(host)
    host.networks.define(lan())
    assert woken.get(timeout=10) == ("kvm1", "network/lan")
    with host.connections.reads() as conn:
        conn.lookupByName("off").create()
    assert woken.get(timeout=10) == ("kvm1", "vm/off")


def test_a_watch_tells_to_look_at_everything_when_its_connection_is_lost_and_again_when_it_is_back(
    host: LibvirtHost,
) -> None:
    woken: queue.SimpleQueue[str] = queue.SimpleQueue()
    host.watch(lambda name, ref: woken.put(ref))
    wait_until_watched(host)
    with host.connections.reads():
        current = host.connections._current()
    host.connections.abandon(current._link)
    assert woken.get(timeout=10) == ""
    assert woken.get(timeout=10) == ""
