"""What one pass over a domain's XML collects, and how its devices get their names.

A `Draft` is filled by the readers of the aspects (domain/*.py), one element at a time. It names the devices of the
named lists: by the mark's device table (alias, target, MAC), by the alias that gitvirt gives, else by their key (what
libvirt tells them apart by: target, MAC …) and then listed in `unnamed`. In: elements. Out: fields, and the element
of every named device for whoever changes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drivers.libvirt.domain.tree import Element
from drivers.libvirt.domain.tree import alias as alias_in
from drivers.mark import Device, kind_of
from specs.fields import Scalar

ALIAS = "ua-"


def alias_of(list_name: str, name: str) -> str:
    """The alias that gitvirt gives to a device: `ua-disk-root`."""
    return f"{ALIAS}{kind_of(list_name)}-{name}"


class Names:
    """Finds a device's name in the mark's device table; made once per domain."""

    __slots__ = ("_aliases", "_keys")

    def __init__(self, devices: Mapping[str, Device]) -> None:
        self._aliases: dict[tuple[str, str], str] = {}
        self._keys: dict[tuple[str, str], str] = {}
        for key, device in devices.items():
            kind, _, name = key.partition("/")
            if device.alias:
                self._aliases[kind, device.alias] = name
            elif found := device.mac.lower() or device.target:
                self._keys[kind, found] = name

    def find(self, kind: str, alias: str, key: str) -> str | None:
        """The name of the device with that alias and that key (target, MAC …); None if gitvirt does not know it."""
        if alias.startswith(ALIAS):
            name = self._aliases.get((kind, alias))
            if name is not None:
                return name
            start = f"{ALIAS}{kind}-"
            if alias.startswith(start) and len(alias) > len(start):
                return alias[len(start) :]
        return self._keys.get((kind, key))


class Draft:
    """The fields of one XML so far; `elements` is the element of each named device."""

    __slots__ = ("agent", "aliases", "elements", "fields", "names", "targets", "unnamed")

    def __init__(self, names: Names, absent: Mapping[str, Scalar]) -> None:
        self.names = names
        self.fields: dict[str, Scalar] = dict(absent)
        self.unnamed: set[str] = set()
        self.aliases: dict[str, str] = {}
        self.targets: dict[str, str] = {}
        self.elements: dict[str, Element] = {}
        self.agent = False

    def name(self, list_name: str, element: Element, key: str, target: str = "") -> str:
        """Names one device and notes it; returns its entry path, `disks[root]`."""
        alias = alias_in(element)
        name = self.names.find(kind_of(list_name), alias, key)
        path = f"{list_name}[{name}]"
        if name is None or path in self.elements:
            path = self._by_key(list_name, key)
            self.unnamed.add(path)
        self.elements[path] = element
        if alias:
            self.aliases[path] = alias
        if target:
            self.targets[path] = target
        return path

    def rename(self, before: str, after: str) -> None:
        """Gives a named device another name."""
        tables: tuple[dict[str, Any], ...] = (self.elements, self.aliases, self.targets)
        for table in tables:
            if before in table:
                table[after] = table.pop(before)
        start = before + "."
        for path in [each for each in self.fields if each.startswith(start)]:
            self.fields[f"{after}.{path.removeprefix(start)}"] = self.fields.pop(path)
        self.unnamed.discard(before)

    def _by_key(self, list_name: str, key: str) -> str:
        key = key.replace("]", "_") or "none"
        path, again = f"{list_name}[{key}]", 1
        while path in self.elements:
            again += 1
            path = f"{list_name}[{key}#{again}]"
        return path


def pair(config: Draft, live: Draft) -> None:
    """Names the drives of a running VM that only their source tells: adopted ones whose next target is another."""
    for path in sorted(live.unnamed - config.unnamed):
        source = live.fields.get(f"{path}.source")
        list_name = path.partition("[")[0]
        same = [
            each
            for each in config.elements
            if each.startswith(f"{list_name}[") and each not in live.elements and each not in config.unnamed
            if source and config.fields.get(f"{each}.source") == source
        ]
        if len(same) == 1:
            live.rename(path, same[0])
