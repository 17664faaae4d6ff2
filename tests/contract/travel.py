"""A VM that travels between the two hosts of a twin, and what a test of migrations needs beside the contract.

`Journeys` belong to one twin: how the source reaches the target, a guest whose memory can be looked at, firmware
variables, old definitions. Used by test_contract_migrations.py and test_contract_relocations.py.
"""

from __future__ import annotations

import contextlib
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import pytest

from drivers.base import Host, Migration, NewPool, NewVm, Progress, Relocation
from drivers.mark import Mark
from drivers.seen import Power, SeenVm
from specs.fields import Scalar
from specs.structs import replace
from tests.contract.twin import START, LibvirtTwin, MemoryTwin, Twin, id_of, new_vm, next_mark

NVRAM = "/var/lib/libvirt/qemu/nvram"
DISK = 32 << 20
"""Bytes: half a minute at the slowest, 1 MiB/s, so that a copy that is to be disturbed surely is under way."""


def nobody(progress: Progress) -> None:
    """Who migrates without looking."""


class Journeys(ABC):
    """Moves of VMs between `twin.host` and `twin.second`."""

    own = START + "own"

    def __init__(self, twin: Twin) -> None:
        self.twin = twin

    def where(self, uuid: str) -> tuple[Host, Host]:
        """(the host that has the VM, the other one); exactly one has it."""
        hosts = self.twin.host, self.twin.second
        found = [host for host in hosts if host.reader.vm(uuid) is not None]
        assert len(found) == 1, f"{uuid} is on {[host.name for host in found]}"
        return found[0], hosts[1] if found[0] is hosts[0] else hosts[0]

    def seen(self, uuid: str) -> SeenVm:
        """The VM, where it is."""
        vm = self.where(uuid)[0].reader.vm(uuid)
        assert vm is not None
        return vm

    def migrate(self, uuid: str, told: Callable[[Progress], None] = nobody, **values: Any) -> Host:
        """To the other host; which that is."""
        source, target = self.where(uuid)
        mark = self.seen(uuid).mark
        assert mark is not None
        source.migrations.migrate(Migration(uuid=uuid, expects=mark.generation, **values), target, told)
        assert self.where(uuid)[0] is target
        return target

    def relocate(self, uuid: str) -> Host:
        """To the other host, under the next generation."""
        source, target = self.where(uuid)
        request = self.relocation(uuid)
        source.migrations.relocate(request, target)
        assert self.where(uuid)[0] is target
        assert self.seen(uuid).mark == request.mark
        return target

    def relocation(self, uuid: str) -> Relocation:
        """The request."""
        mark = self.seen(uuid).mark
        assert mark is not None
        return Relocation(uuid=uuid, expects=mark.generation, mark=next_mark(mark))

    def on_second(self, new: NewVm, generation: int | None) -> None:
        """Another definition of the VM, on the second host."""
        mark = new.mark if generation is None else replace(new.mark, generation=generation)
        self.twin.second.vms.define(replace(new, mark=mark))

    def own_pools(self) -> None:
        """A pool on each host, on a directory of that host alone, under the same path."""
        for host in (self.twin.host, self.twin.second):
            host.pools.define(NewPool(name=self.own, uuid=id_of(self.own), path=self.twin.own))

    def end(self, uuid: str) -> None:
        """Away with the VM, wherever it is."""
        for host in (self.twin.host, self.twin.second):
            if (vm := host.reader.vm(uuid)) is not None:
                if vm.power is not Power.STOPPED:
                    host.powers.destroy(uuid)
                host.vms.undefine(uuid, vm.mark.generation if vm.mark else 0)

    @abstractmethod
    def uri(self, target: Host, transport: str = "tls") -> str:
        """How the other host's libvirtd reaches it."""

    def address(self, target: Host) -> str:
        """Where the other host's QEMU reaches its QEMU."""
        return self.uri(target).partition("://")[2].partition("/")[0]

    @abstractmethod
    def stranger(self, target: Host) -> str:
        """A way by which the other host's libvirtd does not reach it, though we do."""

    @abstractmethod
    def count(self, uuid: str) -> None:
        """From now on its guest counts, in its memory."""

    @abstractmethod
    def is_counting(self, uuid: str) -> bool:
        """Does it, and has it its memory? False before the first `count`."""

    @abstractmethod
    def assert_went_on(self, uuid: str) -> None:
        """It is the same run, with the memory that it had, and it goes on."""

    @abstractmethod
    def busy(self, uuid: str, on: bool) -> None:
        """Its guest changes memory faster than a slow line takes it; skips the test where that would harm it."""

    @abstractmethod
    def write_nvram(self, host: Host, name: str, content: bytes) -> None:
        """The firmware's variables of the VM on that host."""

    @abstractmethod
    def nvram(self, host: Host, name: str) -> bytes:
        """What they are."""

    @abstractmethod
    def snapshot(self, host: Host, uuid: str) -> Callable[[], None]:
        """Gives the VM a snapshot; what is returned takes it away."""

    @abstractmethod
    def unmark(self, host: Host, uuid: str) -> None:
        """Makes it somebody else's."""

    @abstractmethod
    def remove_foreign(self, host: Host, uuid: str) -> None:
        """Away with what is somebody else's."""


class MemoryJourneys(Journeys):
    """In a World."""

    twin: MemoryTwin
    _before = (0, 0)

    def _domain(self, uuid: str) -> Any:
        return self.twin.world.hosts[self.where(uuid)[0].name].domains[uuid]

    def uri(self, target: Host, transport: str = "tls") -> str:
        return f"memory://{target.name}"

    def stranger(self, target: Host) -> str:
        return ""

    def count(self, uuid: str) -> None:
        domain = self._domain(uuid)
        self._before = (domain.boots, domain.resets)

    def is_counting(self, uuid: str) -> bool:
        return self._before == (self._domain(uuid).boots, self._domain(uuid).resets)

    def assert_went_on(self, uuid: str) -> None:
        domain = self._domain(uuid)
        assert (domain.boots, domain.resets) == self._before
        assert not self.twin.world.doubles
        assert not self.twin.world.damage

    def busy(self, uuid: str, on: bool) -> None:
        self._domain(uuid).guest.needs_downtime = 10_000 if on else 0

    def write_nvram(self, host: Host, name: str, content: bytes) -> None:
        self.twin.world.outside(host.name).domain(name).nvram = content

    def nvram(self, host: Host, name: str) -> bytes:
        found: bytes = self.twin.world.outside(host.name).domain(name).nvram
        return found

    def snapshot(self, host: Host, uuid: str) -> Callable[[], None]:
        domain = self._domain(uuid)
        domain.snapshots = True
        return lambda: setattr(domain, "snapshots", False)

    def unmark(self, host: Host, uuid: str) -> None:
        self.twin.world.hosts[host.name].domains[uuid].mark = None

    def remove_foreign(self, host: Host, uuid: str) -> None:
        del self.twin.world.hosts[host.name].domains[uuid]


class LibvirtJourneys(Journeys):
    """On the lab."""

    twin: LibvirtTwin
    _count: Any = None

    def uri(self, target: Host, transport: str = "tls") -> str:
        return self.twin.lab.uri(target.name, transport=transport).partition("?")[0]  # type: ignore[arg-type]

    def stranger(self, target: Host) -> str:
        return self.uri(target).replace("/system", ":1/system")

    def _guest(self, uuid: str) -> Any:
        from tests.live.conftest import Guest

        return Guest(self.twin.lab, self.where(uuid)[0].name, self.seen(uuid).name)

    def count(self, uuid: str) -> None:
        from tests.live import counting

        self._count = counting.begin(self._guest(uuid))

    def is_counting(self, uuid: str) -> bool:
        from tests.live import counting

        if self._count is None:
            return False
        try:
            return counting.look(self._guest(uuid)).boot == self._count.boot
        except (AssertionError, subprocess.SubprocessError):
            return False

    def assert_went_on(self, uuid: str) -> None:
        from tests.live import counting

        self._count = counting.assert_went_on(self._guest(uuid), self._count)

    def busy(self, uuid: str, on: bool) -> None:
        pytest.skip("QEMU before 9.0 loses writes of a guest that it emulates while it migrates: see tests/emulator.py")

    def write_nvram(self, host: Host, name: str, content: bytes) -> None:
        script = f"mkdir -p {NVRAM} && cat > {NVRAM}/{name}_VARS.fd"
        subprocess.run(self.twin.lab.inside(host.name, ["sh", "-c", script]), input=content, check=True)

    def nvram(self, host: Host, name: str) -> bytes:
        argv = self.twin.lab.inside(host.name, ["cat", f"{NVRAM}/{name}_VARS.fd"])
        return subprocess.run(argv, capture_output=True, check=False).stdout

    def snapshot(self, host: Host, uuid: str) -> Callable[[], None]:
        with self._raw(host) as connection:
            connection.lookupByUUIDString(uuid).snapshotCreateXML("<domainsnapshot><name>one</name></domainsnapshot>")

        def away() -> None:
            with self._raw(host) as connection:
                connection.lookupByUUIDString(uuid).snapshotLookupByName("one").delete()

        return away

    def unmark(self, host: Host, uuid: str) -> None:
        from drivers.mark import NAMESPACE

        with self._raw(host) as connection:
            connection.lookupByUUIDString(uuid).setMetadata(2, None, "gitvirt", NAMESPACE, 2)

    def remove_foreign(self, host: Host, uuid: str) -> None:
        with self._raw(host) as connection:
            connection.lookupByUUIDString(uuid).undefine()

    @contextlib.contextmanager
    def _raw(self, host: Host) -> Any:
        import libvirt

        connection = libvirt.open(self.twin.lab.libvirt_uri(host.name))
        try:
            yield connection
        finally:
            connection.close()


def journeys(twin: Twin) -> Journeys:
    """Those of the twin."""
    return MemoryJourneys(twin) if isinstance(twin, MemoryTwin) else LibvirtJourneys(twin)


def with_disks(name: str, twin: Twin, pool: str, **extra: Any) -> NewVm:
    """A VM with nothing to boot and one raw disk in the pool of the first host."""
    from drivers.base import NewVolume

    source = twin.host.volumes.create(NewVolume(pool=pool, name=f"{name}.raw", capacity=DISK, format="raw")).path
    return twin.define(new_vm(name, disks_root={"source": source, "format": "raw", "bus": "virtio"}, **extra))


def generation(mark: Mark | None) -> int:
    """Of a mark that has to be there."""
    assert mark is not None
    return mark.generation


def hardware(vm: SeenVm) -> dict[str, Scalar]:
    """Its definition, but for the sizes of volumes that libvirt tells only when it has looked at the pool."""
    return {path: value for path, value in vm.config.items() if not path.endswith(".size")}
