"""The Protocols that every host driver keeps: small, by subject, in terms of Seen objects and the requests below.

A `Host` is a bundle of them for one libvirt host. Drivers know nothing of plans: reconciler/apply maps a step to one
of these calls. Each call checks its precondition right before acting, is safe to repeat, reads back what it changed
(a change whose effect is not visible raises), and raises only `drivers.errors`. All calls block; callers bring their
own threads. Two twins keep this contract, drivers/libvirt and drivers/memory, and one suite (tests/contract) is run
against both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, Protocol

from drivers.mark import Mark
from drivers.moving import Migration as Migration
from drivers.moving import Migrations as Migrations
from drivers.moving import Progress as Progress
from drivers.moving import Relocation as Relocation
from drivers.node import CpuModel, NodeDevice, Usage
from drivers.seen import Address, Rest, SeenHost, SeenNetwork, SeenPool, SeenVm, SeenVolume
from specs.fields import Fields, Scalar
from specs.structs import Struct

ShutdownMode = Literal["agent", "acpi"]
WakeUp = Callable[[str, str], None]
"""(host, ref of what to look at again, or "" for everything); carries no data, must not block."""


class Edit(Struct, frozen=True, kw_only=True):
    """One difference to make true. A scalar field: `path`, before → after (None: not set).

    A whole device: the path is its entry (`disks[data]`), `before` and `after` its fields, None for "is not there".
    """

    path: str
    before: Scalar | Fields = None
    after: Scalar | Fields = None


class NewVm(Struct, frozen=True, kw_only=True):
    """A domain to define: every field that it starts with, and its mark. Xml patches: see `VmEdit.xml`."""

    name: str
    uuid: str
    fields: Fields
    mark: Mark
    xml: str = ""


class VmEdit(Struct, frozen=True, kw_only=True):
    """Changes of one domain that belong together and end with the new mark (generation + 1).

    `expects` is the generation of the mark that was planned with (None: the domain bears no mark); anything else on
    the host is a Conflict. `live` edits are made on the running domain first, then `config` on the next boot's
    definition, which keeps the bus addresses that the live devices got.
    `xml` is the canonical JSON of the declared `xml:` patches that the definition shall bear, `xml_before` of those
    that it bears now (they are undone first).
    """

    uuid: str
    expects: int | None
    mark: Mark
    config: tuple[Edit, ...] = ()
    live: tuple[Edit, ...] = ()
    xml: str = ""
    xml_before: str = ""


class Refusal(Struct, frozen=True, kw_only=True):
    """A live edit that the host or the guest would not take; the definition has it, so it waits for the next boot."""

    path: str
    reason: str


class NewNetwork(Struct, frozen=True, kw_only=True):
    """A network to define, with all its fields and its mark."""

    name: str
    uuid: str
    fields: Fields
    mark: Mark


class NewPool(Struct, frozen=True, kw_only=True):
    """A directory pool; `build` makes the directory if it is not there."""

    name: str
    uuid: str
    path: str
    build: bool = True


class NewVolume(Struct, frozen=True, kw_only=True):
    """A volume to create. `capacity` in bytes (0 with `backing` or `copy_of`: theirs). At most one of:

    `backing`: the volume's path it is a linked clone of (format `backing_format`); `copy_of`: the name of a volume of
    `copy_pool` whose content is copied. Raw volumes are sparse. An existing name is a Conflict, never overwritten.
    """

    pool: str
    name: str
    capacity: int = 0
    format: str = "qcow2"
    backing: str = ""
    backing_format: str = "qcow2"
    copy_of: str = ""
    copy_pool: str = ""


class Reader(Protocol):
    """Reads a host; never changes it (but for refreshing pools, which is libvirt's way of looking)."""

    def read(self) -> SeenHost:
        """Everything, in as few and as parallel calls as possible; raises rather than return a partial view."""

    def vm(self, uuid: str) -> SeenVm | None:
        """One VM, read afresh; None if it is not defined here."""

    def network(self, name: str) -> SeenNetwork | None:
        """One network, read afresh."""

    def pool(self, name: str) -> SeenPool | None:
        """One pool with its volumes, refreshed."""

    def addresses(self, uuid: str) -> tuple[Address, ...]:
        """What the guest's agent, DHCP leases and, for NICs unknown to those, the host's neighbours (ARP) tell."""

    def ping(self) -> None:
        """Returns if the host answers within the deadline."""

    def xml(self, uuid: str) -> str:
        """The domain's live (else next-boot) XML without secrets, for `describe --xml` and bug reports."""

    def rest(self, uuid: str) -> Rest:
        """What the next boot's definition holds that no field tells, for an import."""


class Vms(Protocol):
    """Definitions of VMs, and changes of running ones."""

    def define(self, new: NewVm) -> None:
        """Defines a new domain; Conflict if its name or uuid exists."""

    def check(self, request: NewVm | VmEdit) -> str:
        """Why this host would refuse the definition that the request makes, "" if it would take it; changes nothing.

        For definitions with `xml:` patches, whose content nobody else has looked at.
        """

    def edit(self, edit: VmEdit) -> tuple[Refusal, ...]:
        """Makes the edits and writes the mark; returns the live edits that have to wait for the next boot."""

    def mark(self, uuid: str, expects: int | None, mark: Mark | None) -> None:
        """Writes (None: removes) only the mark, live and config, under the same generation check."""

    def rename(self, uuid: str, expects: int, name: str, mark: Mark) -> None:
        """Renames a stopped domain, and writes the mark with its new ref."""

    def autostart(self, uuid: str, on: bool) -> None:
        """Whether libvirt starts the domain when the host boots."""

    def undefine(self, uuid: str, expects: int) -> None:
        """Removes the stopped domain's definition with its NVRAM and saved state; never its disks."""


class Once(Struct, frozen=True, kw_only=True):
    """One run with other settings: `fields` by canonical path (None: not set) in place of the definition's.

    `paused`: the vCPUs stand still until the VM is resumed.
    """

    fields: Fields
    paused: bool = False


class Powers(Protocol):
    """Power of a VM. Every call is satisfied at once if the VM already is in the state it leads to."""

    def start(self, uuid: str, once: Once | None = None) -> None:
        """Starts, or restores from managed save.

        With `once` the definition and the mark stay as they are, and the paths are told by `SeenVm.once` until the run
        is over; Conflict if the VM runs, or is suspended to disk.
        """

    def shutdown(self, uuid: str, mode: ShutdownMode) -> None:
        """Asks the guest to shut down and returns; Busy if the agent does not answer."""

    def destroy(self, uuid: str) -> None:
        """Cuts the power and waits until the process is gone."""

    def reboot(self, uuid: str) -> None:
        """Asks the guest to reboot (agent, else ACPI); the QEMU process stays."""

    def reset(self, uuid: str) -> None:
        """Presses the reset button."""

    def pause(self, uuid: str) -> None:
        """Stops the vCPUs."""

    def resume(self, uuid: str) -> None:
        """Lets the vCPUs run on."""

    def suspend(self, uuid: str) -> None:
        """Saves memory to the host's disk and stops (managed save)."""


class Networks(Protocol):
    """Virtual networks."""

    def define(self, new: NewNetwork, expects: int | None = None) -> None:
        """Defines, or redefines under the generation check, the network of that uuid."""

    def edit(self, new: NewNetwork, expects: int | None, live: tuple[Edit, ...]) -> None:
        """Changes what libvirt changes in a running network (DHCP range and hosts, DNS), then the definition."""

    def active(self, name: str, on: bool) -> None:
        """Starts or stops it. VMs that run on one that starts are plugged in again; Refused, with names, if not."""

    def autostart(self, name: str, on: bool) -> None:
        """Whether libvirt starts it when the host boots."""

    def release(self, name: str, expects: int) -> None:
        """Takes the mark off; the network stays as it is. Satisfied if it bears none."""

    def undefine(self, name: str) -> None:
        """Stops it and removes the definition."""


class Pools(Protocol):
    """Storage pools; no call here ever deletes a volume or a directory."""

    def define(self, new: NewPool) -> None:
        """Defines, builds if asked, starts and sets autostart, each only where needed."""

    def active(self, name: str, on: bool) -> None:
        """Starts or stops the pool."""

    def refresh(self, name: str) -> None:
        """Lets libvirt look at the directory again."""

    def undefine(self, name: str) -> None:
        """Stops the pool and removes its definition; the directory and its files stay."""


class Volumes(Protocol):
    """Volumes of directory pools."""

    def names(self, pool: str, refresh: bool = False) -> frozenset[str]:
        """The names of a pool's volumes: as libvirt knows them, or after a look at the directory. Missing if off."""

    def create(self, new: NewVolume) -> SeenVolume:
        """Creates the volume (a full copy returns when it is complete); Conflict if the name exists."""

    def grow(self, pool: str, name: str, capacity: int) -> None:
        """Grows a volume that no running VM uses; Refused if it would shrink."""

    def delete(self, pool: str, name: str) -> None:
        """Deletes the file; already gone is fine. Callers prove that nothing uses it."""

    def upload(self, pool: str, name: str, chunks: Iterator[bytes], size: int) -> None:
        """Creates a raw container of `size` bytes under the name (or takes an existing one), and writes it."""

    def download(self, pool: str, name: str) -> Iterator[bytes]:
        """The volume's bytes, in chunks."""


class Node(Protocol):
    """The machine under the host; nothing here changes it."""

    def usage(self) -> Usage:
        """How much of it is used right now, and by which running VMs. Two of them tell what happened in between."""

    def devices(self) -> tuple[NodeDevice, ...]:
        """What VMs can be given, by address; one call for each, so only asked when a VM names no address."""

    def baseline(self, models: Sequence[CpuModel], kvm: bool) -> CpuModel:
        """The richest CPU that hosts with these models all have; Refused where there is none (other vendors)."""


class Console(Protocol):
    """An open serial console."""

    def send(self, data: bytes) -> None:
        """To the guest."""

    def receive(self) -> bytes:
        """From the guest; blocks; b"" when the console closed."""

    def close(self) -> None:
        """Ends it."""


class Host(Protocol):
    """One host: the bundle that drivers hand out."""

    @property
    def name(self) -> str: ...
    @property
    def reader(self) -> Reader: ...
    @property
    def vms(self) -> Vms: ...
    @property
    def powers(self) -> Powers: ...
    @property
    def networks(self) -> Networks: ...
    @property
    def pools(self) -> Pools: ...
    @property
    def volumes(self) -> Volumes: ...
    @property
    def node(self) -> Node: ...
    @property
    def migrations(self) -> Migrations: ...

    def console(self, uuid: str, force: bool = False) -> Console:
        """Opens the first serial console; Conflict if somebody else has it and not `force`."""

    def watch(self, wake: WakeUp) -> None:
        """Calls `wake` on every event of this host, also when the connection is lost and comes back."""

    def close(self) -> None:
        """Lets go of all connections; running calls end as Unreachable."""
