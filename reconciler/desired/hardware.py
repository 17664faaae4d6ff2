"""The canonical fields that a VM's YAML declares, derived from its model, so that a new field needs no line here.

In: a VirtualMachine's spec. Out: flat fields (specs/fields.py). Pure. Called by vm.py. What says how gitvirt treats a
VM (its effect rule is `policy`), what acts once (`creation`), and what is told elsewhere (`_ELSEWHERE`) is no field.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from specs.fields import Scalar, entry, pattern
from specs.kinds import KINDS
from specs.kinds.common import SecretRef
from specs.resource import Location, Resource
from specs.shape import Shape

_ELSEWHERE = frozenset((
    "uuid", "cluster", "xml", "disks[*].volume", "disks[*].device", "disks[*].storageDomain", "cdroms[*].image",
))  # fmt: skip
_NO_FIELDS = frozenset(("policy", "creation", "identity"))
_TOPOLOGY = ("cpu.sockets", "cpu.cores", "cpu.threads")

Reveal = Callable[[object, Location], Any]


def hardware(resource: Resource, reveal: Reveal) -> dict[str, Scalar]:
    """Every declared field of the VM and of its devices; lists of plain values become one text, `a,b`."""
    nics = resource.spec.nics or ()
    found: dict[str, Scalar] = {entry("nics", nic.name, "network"): nic.network or nic.name for nic in nics}  # in order
    for path, value in _walk(_fields(), resource.spec, ""):
        found[path] = _scalar(value, path, resource, reveal)
    for disk in resource.spec.disks or ():
        if disk.device:
            found[entry("disks", disk.name, "source")] = disk.device
            found[entry("disks", disk.name, "format")] = "raw"
    for channel in resource.spec.channels or ():
        found.setdefault(entry("channels", channel.name, "target"), channel.name)
    return _processors(found)


def flat(group: Shape, model: Any) -> dict[str, Scalar]:
    """The declared fields of one group by their paths in it; it may hold no secrets. `name` is no field."""
    found = {}
    for path, value in _walk(tuple(group.fields.values()), model, ""):
        found[path] = ",".join(map(str, value)) if isinstance(value, tuple) else value
    return found


def patterns() -> tuple[str, ...]:
    """Every field that a VM's YAML can declare of its hardware, the names of entries left open (`disks[*].bus`)."""
    return tuple(_patterns(_fields(), ""))


def _patterns(shapes: tuple[Shape, ...], prefix: str) -> Iterator[str]:
    for shape in shapes:
        path = prefix + shape.name
        if shape.effect in _NO_FIELDS or path in _ELSEWHERE:
            continue
        if shape.form == "leaf":
            yield path
        else:
            yield from _patterns(tuple(shape.fields.values()), f"{path}[*]." if shape.form == "named" else f"{path}.")


@cache
def device_lists() -> tuple[str, ...]:
    """The VM's named lists of devices: disks, cdroms, nics …"""
    return tuple(shape.name for shape in _fields() if shape.form == "named" and shape.effect not in _NO_FIELDS)


@cache
def _fields() -> tuple[Shape, ...]:
    return tuple(KINDS["VirtualMachine"].shape.fields.values())


def _walk(shapes: tuple[Shape, ...], model: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    for shape in shapes:
        value = getattr(model, shape.attribute)
        if value is None or shape.effect in _NO_FIELDS:
            continue
        path = prefix + shape.name
        if pattern(path) in _ELSEWHERE:
            continue
        if shape.form == "group":
            yield from _walk(tuple(shape.fields.values()), value, path + ".")
        elif shape.form == "named":
            for item in value:
                yield from _walk(tuple(shape.fields.values()), item, entry(path, item.name) + ".")
        else:
            yield path, value


def _scalar(value: Any, path: str, resource: Resource, reveal: Reveal) -> Scalar:
    if isinstance(value, SecretRef):
        return reveal(value, resource.where(path))  # type: ignore[no-any-return]
    if isinstance(value, tuple):
        return ",".join(map(str, value))
    return value if isinstance(value, str | int) else str(value)


def _processors(fields: dict[str, Scalar]) -> dict[str, Scalar]:
    """`count` vCPUs are online of `max`; a topology that is written out describes the maximum.

    Where sockets, cores or threads are written without `count`, all of them are online.
    """
    if not any(path in fields for path in _TOPOLOGY):
        return fields
    sockets, cores, threads = (int(str(fields.get(path, 1))) for path in _TOPOLOGY)
    most = int(str(fields.setdefault("cpu.max", sockets * cores * threads)))
    fields.setdefault("cpu.count", sockets * cores * threads)
    fields.update({"cpu.sockets": most // (cores * threads), "cpu.cores": cores, "cpu.threads": threads})
    return fields
