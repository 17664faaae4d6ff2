"""How a VM will be seen once its mark is there: its devices by the names of the mark's device table. Pure.

A reader names the devices of an unmarked VM by what libvirt calls them. Called by steps/vm_update.py, which records
what is declared and true, and by reconciler/importing/proof.py, which plans beyond the adoption.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

from drivers.mark import Device, Mark, list_of
from drivers.seen import SeenVm
from specs.fields import entry, entry_of
from specs.structs import replace

_Value = TypeVar("_Value")


def adopted(vm: SeenVm, mark: Mark) -> SeenVm:
    """The VM as it will be read with that mark."""
    names = dict(_names(vm, mark.devices))
    return replace(
        vm,
        mark=mark,
        config=_renamed(vm.config, names),
        live=None if vm.live is None else _renamed(vm.live, names),
        unnamed=frozenset(each for each in vm.unnamed if each not in names),
        aliases=_renamed(vm.aliases, names),
        targets=_renamed(vm.targets, names),
    )


def _names(vm: SeenVm, table: Mapping[str, Device]) -> Iterator[tuple[str, str]]:
    """The path of each device that the table knows, as it is seen now → as it will be."""
    for key, device in table.items():
        kind, _, name = key.partition("/")
        list_name = list_of(kind)
        for path in _entries((*vm.config, *(vm.live or {})), list_name):
            seen = path[len(list_name) + 1 : -1]
            if device.alias:
                found = vm.aliases.get(path) == device.alias
            else:
                found = (device.mac or device.target) in (seen, vm.targets.get(path))
            if found:
                yield path, entry(list_name, name)
                break


def _entries(paths: Iterable[str], list_name: str) -> dict[str, None]:
    start = list_name + "["
    return dict.fromkeys(path.partition("]")[0] + "]" for path in paths if path.startswith(start))


def _renamed(values: Mapping[str, _Value], names: Mapping[str, str]) -> dict[str, _Value]:
    found = {}
    for path, value in values.items():
        parts = entry_of(path)
        device = entry(parts[0], parts[1]) if parts else ""
        found[names[device] + path[len(device) :] if device in names else path] = value
    return found
