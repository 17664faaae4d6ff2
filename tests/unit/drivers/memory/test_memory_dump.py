"""Worlds as data; and what every definable VM keeps."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from drivers.base import NewNetwork, NewPool, NewVm, NewVolume
from drivers.errors import Busy
from drivers.mark import Mark
from drivers.memory.dump import dump, load
from drivers.memory.world import World
from drivers.seen import SeenVm, Unseen
from specs.fields import Secret
from tests.strategies import new_vms

POOL = NewPool(name="shared", uuid="aaaaaaaa-0000-4000-8000-000000000002", path="/srv/shared")
LAN = "aaaaaaaa-0000-4000-8000-000000000003"
DISKS = [f"/srv/shared/{letter}.qcow2" for letter in "ab"]


def site() -> World:
    """Two hosts that share a pool with two volumes, with a running network each."""
    world = World()
    for name in ("kvm1", "kvm2"):
        world.add_host(name)
    world.add_directory("/srv/shared", ["kvm1", "kvm2"])
    for name in ("kvm1", "kvm2"):
        world.host(name).pools.define(POOL)
        mark = Mark(repository="r", ref="network/lan", uuid=LAN, generation=1, revision="a")
        fields = {"type": "nat", "subnet": "10.1.0.0/24", "address": "10.1.0.1"}
        world.host(name).networks.define(NewNetwork(name="lan", uuid=LAN, fields=fields, mark=mark))
        world.host(name).networks.active("lan", True)
    for letter in "ab":
        world.host("kvm1").volumes.create(NewVolume(pool="shared", name=f"{letter}.qcow2", capacity=1 << 30))
    return world


guests = st.lists(
    new_vms(sources=DISKS, networks=["lan"]), max_size=3, unique_by=(lambda new: new.name, lambda new: new.uuid)
)


def _settled(world: World, news: list[NewVm], started: list[bool]) -> World:
    for new, start in zip(news, started, strict=False):
        world.host("kvm1").vms.define(new)
        if start:
            try:
                world.host("kvm1").powers.start(new.uuid)
            except Busy:
                continue  # the same disk as another one's
    return world


def _without_secrets(vm: SeenVm) -> Any:
    def plain(fields: Any) -> Any:
        if fields is None:
            return None
        return {key: "***" if "password" in key else value for key, value in fields.items()}

    return (vm.name, vm.uuid, vm.power, vm.mark, vm.unnamed, vm.aliases, vm.targets, plain(vm.config), plain(vm.live))


@settings(max_examples=40, deadline=None)
@given(guests, st.lists(st.booleans(), min_size=3, max_size=3))
def test_a_world_that_was_dumped_loads_and_reads_the_same(news: list[NewVm], started: list[bool]) -> None:
    world = _settled(site(), news, started)
    stream, yaml = io.StringIO(), YAML(typ="safe")
    yaml.dump(dump(world), stream)
    loaded = load(yaml.load(stream.getvalue()))
    before, after = world.observe()["kvm1"], loaded.observe()["kvm1"]
    assert not isinstance(before, Unseen)
    assert not isinstance(after, Unseen)
    assert [_without_secrets(vm) for vm in after.vms] == [_without_secrets(vm) for vm in before.vms]
    assert (after.networks, after.pools, after.capabilities) == (before.networks, before.pools, before.capabilities)
    assert (after.uuid, after.memory_free) == (before.uuid, before.memory_free)


def test_a_loaded_world_keeps_locks_shared_directories_and_cut_hosts() -> None:
    world = site()
    fields = {"memory": 1 << 26, "disks[root].source": DISKS[0], "disks[root].format": "qcow2"}
    uuids = [f"aaaaaaaa-0000-4000-8000-00000000000{n}" for n in (7, 8)]
    for host, uuid in zip(("kvm1", "kvm2"), uuids, strict=True):
        mark = Mark(repository="r", ref=f"vm/{host}", uuid=uuid, generation=1, revision="a")
        world.host(host).vms.define(NewVm(name=host, uuid=uuid, fields=fields, mark=mark))
    world.host("kvm1").powers.start(uuids[0])
    loaded = load(dump(world))
    with pytest.raises(Busy):
        loaded.host("kvm2").powers.start(uuids[1])
    loaded.host("kvm1").powers.destroy(uuids[0])
    loaded.host("kvm2").powers.start(uuids[1])
    assert loaded.doubles == []

    world.cut("kvm1")
    assert isinstance(load(dump(world)).observe()["kvm1"], Unseen)


def test_a_dump_holds_no_secret() -> None:
    world = site()
    uuid = "aaaaaaaa-0000-4000-8000-000000000007"
    fields = {"memory": 1 << 26, "graphics.type": "vnc", "graphics.password": Secret("hunter2x")}
    mark = Mark(repository="r", ref="vm/web", uuid=uuid, generation=1, revision="a")
    world.host("kvm1").vms.define(NewVm(name="web", uuid=uuid, fields=fields, mark=mark))
    assert "hunter2x" not in repr(dump(world))


@settings(max_examples=60, deadline=None)
@given(new_vms())
def test_every_declared_field_reads_back_and_defining_what_was_read_changes_nothing(new: NewVm) -> None:
    world = World()
    host = world.add_host("kvm1")
    host.vms.define(new)
    first = host.reader.vm(new.uuid)
    assert first is not None
    declared = {**new.fields, "machine": "pc-q35-7.2"}
    declared.update({path: value for path, value in first.config.items() if path == "graphics.type"})
    assert {path: first.config.get(path) for path in declared} == declared
    assert first.unnamed == frozenset()

    host.vms.undefine(new.uuid, 1)
    host.vms.define(NewVm(name=new.name, uuid=new.uuid, fields=first.config, mark=new.mark))
    second = host.reader.vm(new.uuid)
    assert second is not None
    assert (second.config, second.targets) == (first.config, first.targets)
