"""Twin: two hosts that share a directory, simulated or real, and what a test needs around the driver's contract.

The contract tests speak to `Host` only; what cannot be done through it (a foreign VM, a vanished directory, a guest
without an operating system) is a method here, once for each of the twins.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import time
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers.base import Host, NewPool, NewVm, NewVolume, VmEdit
from drivers.mark import Mark
from drivers.memory.world import World
from drivers.seen import Link, Power, SeenNetwork, SeenPool, SeenVm
from specs.fields import Scalar
from specs.structs import replace
from tests.strategies import mark_for

MIB = 1 << 20
START = "contract-"
"""How every name of a contract test starts, so that the teardown knows its own."""
BASE: dict[str, Scalar] = {
    "emulation": "tcg",
    "machine": "q35",
    "cpu.count": 1,
    "cpu.max": 2,
    "cpu.model": "qemu64",
    "memory": 96 * MIB,
    "memoryMax": 96 * MIB,
    "serial": True,
    "agent": True,
}


def id_of(name: str) -> str:
    """A uuid that belongs to the name."""
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{name}.contract.gitvirt"))


def mac_of(name: str) -> str:
    """A MAC that belongs to the name."""
    return "52:54:00:" + ":".join(id_of(name)[at : at + 2] for at in (0, 2, 4))


def new_vm(name: str, **devices: dict[str, Scalar]) -> NewVm:
    """A small VM with the named devices: `new_vm("x", fields={…})` or `new_vm("x", disks_root={…}, nics_lan={…})`."""
    fields = {**BASE, **devices.pop("fields", {})}
    for each, values in devices.items():
        kind, _, entry = each.partition("_")
        fields.update({f"{kind}[{entry}].{key}": value for key, value in values.items()})
    return NewVm(name=name, uuid=id_of(name), fields=fields, mark=mark_for(name, id_of(name), fields))


class Twin(ABC):
    """`host` and `second` have a pool `shared` on the same directory, `path`."""

    host: Host
    second: Host
    path: str
    own: str  # a directory of the first host alone
    pool = START + "shared"

    def furnish(self) -> None:
        """Defines the shared pool on both hosts."""
        for host in (self.host, self.second):
            host.pools.define(NewPool(name=self.pool, uuid=id_of(self.pool), path=self.path))

    # Doing.

    def define(self, new: NewVm) -> NewVm:
        """Defines, and gives it back."""
        self.host.vms.define(new)
        return new

    def volume(self, name: str, size: int = 16 * MIB, **values: Any) -> str:
        """The path of a new volume in the shared pool."""
        return self.host.volumes.create(NewVolume(pool=self.pool, name=name, capacity=size, **values)).path

    def disk(self, name: str, bus: str = "virtio") -> dict[str, Scalar]:
        """The fields of a disk on a new volume."""
        return {"source": self.volume(f"{name}.qcow2"), "format": "qcow2", "bus": bus}

    def edit(self, uuid: str, **edits: Any) -> Any:
        """Edits under the next generation; device tables come from `devices` or stay as they are."""
        seen = self.vm(uuid)
        assert seen.mark is not None
        mark = next_mark(seen.mark, edits.pop("devices", None))
        return self.host.vms.edit(VmEdit(uuid=uuid, expects=seen.mark.generation, mark=mark, **edits))

    def start(self, uuid: str) -> None:
        """Starts a VM that has nothing to boot: no agent, no ACPI, no balloon driver."""
        self.before_empty_start(uuid)
        self.host.powers.start(uuid)

    # Looking.

    def vm(self, uuid: str) -> SeenVm:
        """The VM, which has to be there."""
        seen = self.host.reader.vm(uuid)
        assert seen is not None
        return seen

    def live(self, uuid: str) -> dict[str, Scalar]:
        """The running VM's fields."""
        live = self.vm(uuid).live
        assert live is not None, "it does not run"
        return dict(live)

    def seen_pool(self, host: Host | None = None, name: str = "") -> SeenPool:
        """A pool, which has to be there."""
        seen = (host or self.host).reader.pool(name or self.pool)
        assert seen is not None
        return seen

    def network(self, name: str) -> SeenNetwork:
        """A network, which has to be there."""
        seen = self.host.reader.network(name)
        assert seen is not None
        return seen

    def wait(self, condition: Callable[[], bool], what: str, seconds: float = 240.0) -> None:
        """Until it holds."""
        until = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < until, f"{what} did not happen within {seconds:g} s"
            time.sleep(0.1)

    # What the contract has no words for.

    @abstractmethod
    def before_empty_start(self, uuid: str) -> None:
        """The next start is that of a VM without an operating system."""

    @abstractmethod
    def guest_image(self) -> bytes:
        """A qcow2 image whose guest runs the agent and follows all requests."""

    @abstractmethod
    def foreign_vm(self, name: str, source: str, mark: Mark | None = None) -> str:
        """Defines a VM without gitvirt, with a disk `vda` and one NIC on a network that need not exist; its uuid."""

    @abstractmethod
    def vanish(self, path: str) -> None:
        """Removes a directory beside the shared one, with its files."""

    @abstractmethod
    def bridge(self, name: str, there: bool) -> None:
        """The first host has that bridge of Linux, or has it no more."""

    def clean(self) -> None:
        """Takes away what the tests left."""
        for host in (self.host, self.second):
            seen = host.reader.read()
            for vm in seen.vms:
                if vm.name.startswith(START):
                    self._remove(host, vm)
            for network in seen.networks:
                if network.name.startswith(START):
                    host.networks.undefine(network.name)
            for pool in seen.pools:
                if pool.name.startswith(START):
                    for volume in pool.volumes.values():
                        host.volumes.delete(pool.name, volume.name)
                    host.pools.undefine(pool.name)
            host.close()

    def _remove(self, host: Host, vm: SeenVm) -> None:
        if vm.power is not Power.STOPPED:
            host.powers.destroy(vm.uuid)
        if vm.mark is None or vm.mark.uuid != vm.uuid:
            self.remove_foreign(vm.name)
        else:
            host.vms.undefine(vm.uuid, vm.mark.generation)

    @abstractmethod
    def remove_foreign(self, name: str) -> None:
        """Undefines a VM that bears no mark of ours."""


def next_mark(mark: Mark, devices: Any = None) -> Mark:
    """The mark of the next generation."""
    return replace(mark, generation=mark.generation + 1, devices=mark.devices if devices is None else devices)


class MemoryTwin(Twin):
    """On a World."""

    path = "/srv/shared"
    own = "/srv/own"

    def __init__(self) -> None:
        self.world = World()
        self.host, self.second = self.world.add_host("kvm1"), self.world.add_host("kvm2")
        self.world.add_directory(self.path, hosts=["kvm1", "kvm2"])
        self.furnish()

    def before_empty_start(self, uuid: str) -> None:
        guest = {"agent": False, "acpi": False, "balloon": False, "unplug": False}
        self.world.outside("kvm1").guest(self.vm(uuid).name, **guest)

    def guest_image(self) -> bytes:
        return struct.pack(">4sIQIIQ", b"QFI\xfb", 3, 0, 0, 16, 64 * MIB) + b"a small guest" * 100

    def foreign_vm(self, name: str, source: str, mark: Mark | None = None) -> str:
        disk = {"disks[vda].source": source, "disks[vda].format": "qcow2", "disks[vda].bus": "virtio"}
        fields = {**BASE, **disk, "nics[x].network": "nowhere", "nics[x].mac": mac_of(name)}
        domain = self.world.outside("kvm1").define(name, fields, domain_id=id_of(name))
        domain.mark = mark
        return domain.uuid

    def vanish(self, path: str) -> None:
        self.world.outside("kvm1").remove_directory(path)

    def bridge(self, name: str, there: bool) -> None:
        self.world.outside("kvm1").plug_link(name, Link(type="bridge", mtu=1500) if there else None)

    def remove_foreign(self, name: str) -> None:
        self.world.outside("kvm1").undefine(name)


class LibvirtTwin(Twin):
    """On two hosts of the lab, which is up."""

    own = "/var/lib/libvirt/images/contract"

    def __init__(self, lab: Any, names: tuple[str, str]) -> None:
        from drivers.lab.paths import SHARED_IN_HOST
        from drivers.libvirt.access import Access
        from drivers.libvirt.host import connect

        # The URI names the PKI for local settings to find; here it is known.
        uris = {each.name: each.uri.partition("?")[0] for each in lab.hosts()}
        access = [Access(uri=uris[name], pki=lab.paths.client_pki) for name in names]
        self.lab, self._access = lab, access[0]
        self.path = str(SHARED_IN_HOST / "contract")
        self.host, self.second = (connect(name, each) for name, each in zip(names, access, strict=True))
        self.furnish()

    def before_empty_start(self, uuid: str) -> None:
        """Its disk is empty anyway."""

    def guest_image(self) -> bytes:
        return Path(self.lab.guest_image()).read_bytes()

    def foreign_vm(self, name: str, source: str, mark: Mark | None = None) -> str:
        from lxml import etree

        from drivers.libvirt.domain import marks
        from drivers.libvirt.domain.definition import build

        fields = {"disks_vda": {"source": source, "format": "qcow2"}}
        nic: dict[str, Scalar] = {"network": "nowhere", "mac": mac_of(name)}
        request = new_vm(name, **fields, nics_x=nic)
        domain = etree.fromstring(build(request, 9_000_000))
        for each in domain.xpath("//alias | //metadata"):
            each.getparent().remove(each)
        if mark is not None:
            marks.write(domain, mark)
        with self._raw() as connection:
            connection.defineXML(etree.tostring(domain, encoding="unicode"))
        return request.uuid

    def vanish(self, path: str) -> None:
        shutil.rmtree(self.lab.paths.shared / Path(path).name)

    def bridge(self, name: str, there: bool) -> None:
        words = ["add", name, "type", "bridge"] if there else ["del", name]
        subprocess.run(self.lab.inside("kvm1", ["ip", "link", *words]), check=True, timeout=240)

    def remove_foreign(self, name: str) -> None:
        with self._raw() as connection:
            connection.lookupByName(name).undefineFlags(1)

    def _raw(self) -> Any:
        import contextlib

        import libvirt

        from drivers.libvirt.access import uri

        @contextlib.contextmanager
        def opened() -> Any:
            connection = libvirt.open(uri("contract", self._access))
            try:
                yield connection
            finally:
                connection.close()

        return opened()
