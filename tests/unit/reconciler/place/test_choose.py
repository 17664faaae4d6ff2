"""Placement: how much memory of its host a VM asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from drivers.seen import Capabilities, SeenHost
from reconciler.desired.resolve import Sources, resolve
from reconciler.desired.wanted import Wanted
from reconciler.place.choose import Room, choose, demand
from specs.load import load
from specs.tree import Folder

GIB = 1 << 30
REPOSITORY = """
apiVersion: gitvirt/v1
kind: Repository
metadata: {name: home}
spec: {id: 5a1d1f0e-6f0f-4c7b-9d8e-0f3c6f6e5b11}
---
apiVersion: gitvirt/v1
kind: Host
metadata: {name: kvm1}
spec: {uri: "qemu+tls://kvm1/system"}
---
apiVersion: gitvirt/v1
kind: InstanceType
metadata: {name: lean}
spec: {memory: 4GiB, memoryPolicy: {guaranteed: 1GiB}}
---
apiVersion: gitvirt/v1
kind: VirtualMachine
metadata: {name: web}
spec: {cpu: 1, SAYS}
"""


def wanted(folder: Path, says: str) -> Wanted:
    (folder / "gitvirt.yaml").write_text(REPOSITORY.replace("SAYS", says), encoding="utf-8")
    return resolve(load(Folder(folder)), "r1", Sources(files={}, reveal=lambda secret: ""))


@pytest.mark.parametrize(
    ("says", "asked", "why"),
    [
        ("memory: 4GiB", 4 * GIB, "2GiB free, 4GiB needed"),
        ("memory: 4GiB, memoryPolicy: {locked: true}", 4 * GIB, "2GiB free, 4GiB needed"),
        ("memory: 4GiB, memoryPolicy: {guaranteed: 3GiB}", 3 * GIB, "2GiB free, 3GiB guaranteed memory needed"),
        ("memory: 4GiB, memoryPolicy: {guaranteed: 2GiB}", 2 * GIB, ""),
        ("memory: 4GiB, memoryPolicy: {guaranteed: 0B}", 0, ""),
        ("instanceType: lean", GIB, ""),
    ],
)
def test_a_host_must_have_what_is_guaranteed_or_else_all_of_the_memory(
    says: str, asked: int, why: str, tmp_path: Path
) -> None:
    found = wanted(tmp_path, says)
    host = SeenHost(name="kvm1", uuid="", capabilities=Capabilities(), memory=8 * GIB, memory_free=2 * GIB)
    room = Room(hosts=found.hosts, seen={"kvm1": host}, networks={}, storage={})
    placed = choose(demand(found.vms["web"]), room)
    assert placed.host == ("" if why else "kvm1")
    assert placed.rejected == ({"kvm1": why} if why else {})
    assert room.free("kvm1") == 2 * GIB - (0 if why else asked)
