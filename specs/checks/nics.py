"""Settings of a VM's NICs that do not go together; refused where they are written. Called by checks/devices.py."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from specs.attachment import is_network
from specs.checks.scope import Scope, wrong
from specs.errors import Finding
from specs.resource import Resource


def findings(scope: Scope, vm: Resource, nic: Any) -> Iterator[Finding]:
    """What of one NIC's settings libvirt or QEMU would refuse."""
    path = f"nics[{nic.name}]"
    network = nic.network or nic.name
    if network == "user" and scope.get("Network", "user") is not None:
        why = "`user` is QEMU's own network of one VM"
        yield wrong(vm, f"{path}.network", "network/user cannot be told from it", why, "give that Network another name")
    yield from _place(vm, nic, path, network)
    yield from _vlan(vm, nic, path)
    yield from _driver(vm, nic, path)
    if nic.filter_parameters and not nic.filter:
        yield wrong(vm, f"{path}.filterParameters", "parameters without `filter`", fix="name the filter")


def _place(vm: Resource, nic: Any, path: str, network: str) -> Iterator[Finding]:
    kind = "network" if is_network(network) else network.partition(":")[0]
    for field, value, kinds in (
        ("portgroup", nic.portgroup, ("network",)),
        ("mode", nic.mode, ("direct",)),
        ("filter", nic.filter, ("network", "bridge")),
        ("isolated", nic.isolated, ("network", "bridge")),
        ("virtualPort", nic.virtual_port, ("network", "bridge", "direct")),
        ("vlan", nic.vlan, ("network", "bridge")),
    ):
        if value and kind not in kinds:
            yield wrong(vm, f"{path}.{field}", f"no `{field}` on {network}", fix="take one of them away")


def _vlan(vm: Resource, nic: Any, path: str) -> Iterator[Finding]:
    vlan = nic.vlan
    if vlan is None:
        return
    if not vlan.tags:
        yield wrong(vm, f"{path}.vlan.tags", "a VLAN without tags", fix="write `tags: [42]`")
    elif vlan.trunk is False and len(vlan.tags) > 1:
        yield wrong(vm, f"{path}.vlan.trunk", "several tags are a trunk", fix="write `trunk: true`")
    elif len(vlan.tags) > 1 and vlan.trunk is None:
        yield wrong(vm, f"{path}.vlan.trunk", "`trunk` is missing", "several tags are a trunk", "write `trunk: true`")
    if vlan.native is not None and (vlan.native not in (vlan.tags or ()) or not vlan.trunk):
        yield wrong(vm, f"{path}.vlan.native", f"{vlan.native} is none of the tags of a trunk", fix="add it to them")


def _driver(vm: Resource, nic: Any, path: str) -> Iterator[Finding]:
    virtio = (nic.model or "virtio").startswith("virtio")
    for field, value in (
        ("queues", nic.queues),
        ("rxQueueSize", nic.rx_queue_size),
        ("txQueueSize", nic.tx_queue_size),
        ("driver", nic.driver),
        ("txMode", nic.tx_mode),
    ):
        if value and not virtio:
            yield wrong(vm, f"{path}.{field}", f"no `{field}` on {nic.model}", fix="use model virtio")
    if nic.tx_mode and nic.driver != "qemu":
        yield wrong(vm, f"{path}.txMode", "`txMode` is of driver qemu", fix="write `driver: qemu`, or leave it out")
    if nic.rom is not None and nic.rom.enabled is False and nic.boot_order is not None:
        why = "without a ROM the interface does not boot"
        yield wrong(vm, f"{path}.bootOrder", "a place in the boot order, and no ROM", why, "take one of them away")
