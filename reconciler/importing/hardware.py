"""Seen fields → the spec that a person would write: the inverse of desired/hardware.py, derived from the model.

A new field of the model is imported without a line here. Left out: what a new VM gets anyway (the built-in defaults),
what is off or empty, and what differs between the running machine and its next boot (declaring either would be a
change). Pure. Called by machine.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any

from reconciler.desired.defaults import VM, new_entry
from reconciler.desired.hardware import patterns
from reconciler.diff.threeway import same
from specs.fields import Fields, Scalar, Secret, entries, entry, entry_of, pattern
from specs.kinds import KINDS
from specs.shape import Shape
from specs.structs import Struct, field

_TOPOLOGY = ("sockets", "cores", "threads")

Refer = Callable[[str], dict[str, str]]
"""Path of a secret → what stands for it in the YAML."""


class Hardware(Struct, frozen=True, kw_only=True):
    """`spec`: plain YAML data without the named lists. `lists`: list → seen entry name → its data.

    `unsettled`: fields that differ between now and the next boot, with both values.
    """

    spec: dict[str, Any] = field(default_factory=dict)
    lists: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    unsettled: dict[str, tuple[Scalar, Scalar]] = field(default_factory=dict)


def hardware(config: Fields, live: Fields | None, usual: Fields, refer: Refer) -> Hardware:
    """What these fields are in YAML; `usual` are those that any such VM has. Names of entries are the reader's."""
    found = Hardware()
    view = _View(config=config, live=live, usual=usual, refer=refer, unsettled=found.unsettled)
    for shape in KINDS["VirtualMachine"].shape.fields.values():
        if shape.form == "named":
            found.lists[shape.name] = {
                name: _group(shape.fields, view, entry(shape.name, name) + ".") for name in entries(config, shape.name)
            }
        else:
            found.spec.update(_group({shape.name: shape}, view, ""))
    _shorten(found.spec, config)
    return found


class _View(Struct, frozen=True, kw_only=True):
    config: Fields
    live: Fields | None
    usual: Fields
    refer: Refer
    unsettled: dict[str, tuple[Scalar, Scalar]]

    def needless(self, path: str, value: Scalar) -> bool:
        """Whether a VM that is made anew has this value although nobody writes it."""
        parts = entry_of(path)
        built_in: Fields = new_entry(parts[0], {}) if parts else VM
        for key, values in ((parts[2] if parts else path, built_in), (path, self.usual)):
            if key in values and value != "":
                return same(key, values[key], value)
        return value in (False, "", "none")

    def settled(self, path: str) -> bool:
        """Whether the running machine has what the next boot will have; a difference is noted."""
        if self.live is None or same(path, self.config[path], self.live.get(path)):
            return True
        self.unsettled[path] = (self.live.get(path), self.config[path])
        return False


def _group(shapes: Mapping[str, Shape], view: _View, prefix: str) -> dict[str, Any]:
    return dict(_members(shapes, view, prefix))


def _members(shapes: Mapping[str, Shape], view: _View, prefix: str) -> Iterator[tuple[str, Any]]:
    for shape in shapes.values():
        path = prefix + shape.name
        if shape.form == "group":
            if inner := _group(shape.fields, view, path + "."):
                yield shape.name, inner
            continue
        value = view.config.get(path)
        if shape.form == "named" or value is None or pattern(path) not in _declarable() or view.needless(path, value):
            continue
        if view.settled(path):
            yield shape.name, _written(shape, path, value, view)


@cache
def _declarable() -> frozenset[str]:
    return frozenset(patterns())


def _written(shape: Shape, path: str, value: Scalar, view: _View) -> Any:
    if shape.type == "secret" or isinstance(value, Secret):
        return view.refer(path)
    if shape.many is not None:
        return [int(each) if shape.many is int and each.isdigit() else each for each in str(value).split(",")]
    if shape.written is not None and not isinstance(value, bool):
        return shape.written(value)
    return value


def _shorten(spec: dict[str, Any], config: Fields) -> None:
    """Takes away what the rest implies, and writes groups of one as people do."""
    if config.get("memoryMax") == config.get("memory"):
        spec.pop("memoryMax", None)
    if isinstance(machine := spec.get("machine"), str) and machine.startswith("pc-i440fx-"):
        spec["machine"] = "pc"
    if "cpu" in spec:
        spec["cpu"] = _cpu(spec["cpu"])
    if config.get("cpu.model") == _usual_model(config) and isinstance(spec.get("cpu"), dict):
        spec["cpu"].pop("model", None)
    for name in ("cpu", "graphics"):
        only = KINDS["VirtualMachine"].shape.fields[name].shorthand
        if isinstance(spec.get(name), dict) and len(only) == 1 and set(spec[name]) == set(only):
            spec[name] = spec[name][only[0]]


def _usual_model(config: Fields) -> str:
    return "host-model" if config.get("emulation") == "kvm" else "maximum"


def _cpu(cpu: dict[str, Any]) -> dict[str, Any]:
    """Numbers that follow from the others left out: a topology that is written makes the maximum."""
    shape = {key: cpu.get(key) for key in _TOPOLOGY}
    rest = {key: value for key, value in cpu.items() if key not in (*_TOPOLOGY, "count", "max")}
    count, most = cpu.get("count", 1), cpu.get("max")
    if all(isinstance(each, int) for each in shape.values()):
        told = {key: value for key, value in shape.items() if value != 1}
        if _product(shape) == most and told:
            return {**({} if count == most else {"count": count}), **told, **rest}
        return {"count": count, **({} if most in (None, count) else {"max": most}), **rest}
    return {"count": count, **({} if most in (None, count) else {"max": most}), **rest}


def _product(shape: Mapping[str, Any]) -> int:
    product = 1
    for value in shape.values():
        product *= value
    return product
