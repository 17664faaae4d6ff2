"""Aspect and DeviceList: what one module of this package says about its part of a domain.

Each module (cpu, memory, disks, nics …) offers one of them; `domain/table.py` is the table of all. An aspect tells
how its fields are read from an element, how each is written into a definition, and how it is changed on a running
VM. `Running` is the running VM as the modules see it; drivers/libvirt/running.py implements it on libvirt.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, Protocol

from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element
from specs.fields import Fields, Scalar
from specs.structs import Struct, field

Read = Callable[[Element, Draft], None]
"""Reads one element into the draft; must be fast and must not fail on any content."""

Write = Callable[[Element, Scalar], None]
"""Makes a field true in an element (the domain, or a device's), None removing it; raises CannotWrite."""

Check = Callable[[Element], None]
"""Looks at a whole, changed definition; raises CannotWrite with what does not fit together."""


class NotNow(Exception):
    """A live change that this guest or host does not take; the text is the reason. It waits for the next boot."""


class Running(Protocol):
    """A running VM. Calls raise drivers.errors, or NotNow where the VM itself does not take the change."""

    def live(self) -> Element:
        """Its live XML with secrets, read afresh, for editing."""

    def config(self) -> Element:
        """Its next boot's definition as it was when the change began; not to be edited."""

    def draft(self) -> Draft:
        """The live XML read into a draft, with names: `draft().elements["disks[root]"]`."""

    def attach(self, device: Element) -> None:
        """Adds a device and waits until the live XML shows it (by its alias)."""

    def detach(self, alias: str) -> None:
        """Removes the device of that alias and waits until the guest has released it."""

    def update(self, device: Element, *, force: bool = False) -> None:
        """Changes a device to what the element says."""

    def set_cpus(self, count: int) -> None:
        """Brings vCPUs online."""

    def set_memory(self, size: int) -> None:
        """Sets the balloon's target (bytes) and waits until the guest has followed."""

    def resize(self, target: str, size: int) -> None:
        """Grows the disk at that target to `size` bytes; never shrinks."""

    def limit(self, target: str, **limits: int) -> None:
        """Sets I/O limits of the disk at that target, by libvirt's names; 0 lifts one."""

    def describe(self, text: str | None) -> None:
        """Sets or removes the description."""

    def set_metadata(self, prefix: str, namespace: str, element: str | None) -> None:
        """Sets or removes the element of that namespace in `<metadata>`; the element's text has no namespace."""

    def tune(self, what: Literal["scheduler", "memory", "numa"], **parameters: int | str) -> None:
        """Sets tuning parameters, by libvirt's names and in its units."""

    def pin(self, what: Literal["vcpu", "iothread", "emulator"], number: int, cpus: str) -> None:
        """Lets that thread run on these CPUs of the host (`0-1,3`) only; the emulator has no number."""

    def set_iothreads(self, count: int) -> None:
        """Starts or ends I/O threads, which are numbered from 1."""

    def set_action(self, event: Literal["poweroff", "reboot", "crash"], action: str) -> None:
        """What becomes of the VM at that event, in libvirt's words."""


Change = Callable[[Running, str, Scalar], None]
"""Changes the field at the full path on a running VM to the value; raises NotNow or drivers.errors."""


class Aspect(Struct, frozen=True, kw_only=True):
    """Scalars of the domain itself. `domain` and `devices` map a tag (below `<domain>`, below `<devices>`) to its

    reader; `TAG/TYPE` below `<devices>` is for those of one type (a VM has dozens of controllers that nobody reads);
    `absent` are the fields' values when no element says anything; `write` is in the order of writing.
    """

    domain: Mapping[str, Read] = field(default_factory=dict)
    devices: Mapping[str, Read] = field(default_factory=dict)
    absent: Mapping[str, Scalar] = field(default_factory=dict)
    write: Mapping[str, Write] = field(default_factory=dict)
    live: Mapping[str, Change] = field(default_factory=dict)
    check: Check | None = None


class Place(Struct, frozen=True, kw_only=True):
    """Where a new device goes: the definition, the live XML if the VM runs, and the alias that it shall have."""

    domain: Element
    live: Element | None
    alias: str


class DeviceList(Struct, frozen=True, kw_only=True):
    """Named devices, the entries of one list of fields (`disks`).

    `key` tells devices of the list apart where gitvirt gave no alias: a disk's target, a NIC's MAC; `devices` name them
    by it. `build` makes the element of a new one (not yet part of the tree); `write` maps a field of an entry to how it
    is written into an existing element, `live` to how it changes on a running VM; `hotplug` raises NotNow if a running
    VM cannot take such a device. `unwritten` are fields that no domain XML holds.
    """

    name: str
    devices: Mapping[str, Read]
    build: Callable[[Place, Fields], Element]
    write: Mapping[str, Write]
    hotplug: Callable[[Element, Fields], None]
    key: Callable[[Element], str]
    live: Mapping[str, Change] = field(default_factory=dict)
    unwritten: frozenset[str] = frozenset()
