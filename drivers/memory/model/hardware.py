"""The hardware of one domain, as libvirt keeps it: scalars, and devices known by alias, target or MAC, not by name.

The names of the YAML are found as any reader of a host has to: by the mark's device table, by our own alias, else by
what libvirt calls the device. In: normalised values (model.defaults). Out: `View`, the Fields of one definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from drivers.mark import Device as MarkDevice
from drivers.mark import Mark, kind_of
from specs.fields import Scalar, entry
from specs.structs import Struct, field

DRIVES = ("disks", "cdroms")
Sizes = Callable[[str], int | None]
"""The capacity in bytes of the volume at a path, None if no pool of the host knows it."""


class Device(Struct):
    """`kind` is the list it belongs to (disks, nics …); `alias` is "" where libvirt alone names it.

    `target` is what tells devices without alias apart: libvirt's target of a drive; of all else the name it came with.
    """

    kind: str
    alias: str = ""
    target: str = ""
    fields: dict[str, Scalar] = field(default_factory=dict)

    @property
    def mac(self) -> str:
        return str(self.fields.get("mac", "")) if self.kind == "nics" else ""

    @property
    def source(self) -> str:
        """The path of a disk or CD-ROM; "" for an empty drive or another device."""
        return str(self.fields.get("source", "")) if self.kind in DRIVES else ""

    @property
    def writable(self) -> bool:
        return self.kind == "disks" and not self.fields.get("readOnly", False)

    def copy(self) -> Device:
        return Device(self.kind, self.alias, self.target, dict(self.fields))


class Hardware(Struct):
    """One definition: the next boot's, the running one's, or that inside a saved image.

    `once` are the paths of what a running one has for this run only.
    """

    scalars: dict[str, Scalar] = field(default_factory=dict)
    devices: list[Device] = field(default_factory=list)
    once: frozenset[str] = frozenset()

    def copy(self) -> Hardware:
        return Hardware(dict(self.scalars), [device.copy() for device in self.devices], self.once)

    def find(self, kind: str, name: str, *marks: Mark | None) -> Device | None:
        """The device that one of the marks' tables, its alias, or libvirt itself calls `name`."""
        for mark in (*marks, None):
            for found, device, _ in named(self, mark):
                if device.kind == kind and found == name:
                    return device
        return None


class View(Struct, frozen=True, kw_only=True):
    """How one definition reads: see SeenVm for each of them."""

    fields: dict[str, Scalar]
    unnamed: frozenset[str]
    aliases: dict[str, str]
    targets: dict[str, str]


def named(hardware: Hardware, mark: Mark | None) -> Iterator[tuple[str, Device, bool]]:
    """Each device with its name, and whether that is one of ours; no two of a kind get the same name."""
    used: set[tuple[str, str]] = set()
    for device in hardware.devices:
        name, ours = _name(device, mark)
        if (device.kind, name) in used:
            name, ours = device.mac or device.target, False
        base, again = name, 1
        while (device.kind, name) in used:
            again += 1
            name = f"{base}#{again}"
        used.add((device.kind, name))
        yield name, device, ours


def _name(device: Device, mark: Mark | None) -> tuple[str, bool]:
    kind = kind_of(device.kind)
    for key, known in mark.devices.items() if mark else ():
        listed, _, name = key.partition("/")
        if listed == kind and _is(device, known):
            return name, True
    start = f"ua-{kind}-"
    if device.alias.startswith(start):
        return device.alias[len(start) :], True
    return device.mac or device.target, False


def _is(device: Device, known: MarkDevice) -> bool:
    if known.alias:
        return device.alias == known.alias
    return device.mac == known.mac.lower() if known.mac else bool(known.target) and device.target == known.target


def view(hardware: Hardware, mark: Mark | None, sizes: Sizes) -> View:
    """The Fields of a definition, with the names that its devices have under this mark."""
    fields: dict[str, Scalar] = dict(hardware.scalars)
    unnamed: set[str] = set()
    aliases: dict[str, str] = {}
    targets: dict[str, str] = {}
    for name, device, ours in named(hardware, mark):
        path = entry(device.kind, name)
        if not ours:
            unnamed.add(path)
        if device.alias:
            aliases[path] = device.alias
        if device.target:
            targets[path] = device.target
        for key, value in device.fields.items():
            fields[f"{path}.{key}"] = value
        size = sizes(device.source) if device.kind == "disks" else None
        if size is not None:
            fields[f"{path}.size"] = size
    return View(fields=fields, unnamed=frozenset(unnamed), aliases=aliases, targets=targets)
