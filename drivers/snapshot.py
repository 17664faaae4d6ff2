"""Observations as plain data and back: what `gitvirt observe -o FILE` writes and golden cases hold.

In: SeenHost and Unseen by host name. Out: dicts, lists and scalars for JSON or YAML, with what has its default value
left out, lists of named things as mappings, and a running VM's live fields as their differences from the next boot's
(`live: {}` is a VM that runs exactly as defined). Secrets never leave: a `Secret` is written as {"secret": digest}
under the given key and comes back as that digest ("hmac:…"), which is what marks hold as well. Pure.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from msgspec import NODEFAULT
from msgspec.structs import FieldInfo, fields

from drivers import mark as marks
from drivers.seen import (
    Capabilities,
    Cell,
    CpuModel,
    Link,
    NodeDevice,
    Power,
    SeenHost,
    SeenNetwork,
    SeenPool,
    SeenVm,
    SeenVolume,
    Topology,
    Unseen,
)
from specs.fields import Fields, Scalar, Secret

FORMAT = "gitvirt.observed/v1"
_UNSEEN = ("denied", "twin", "lost")
_DIGEST = re.compile(r"^hmac:[0-9a-f]{32}$")
_Seen = TypeVar("_Seen", SeenHost, SeenNetwork, SeenPool, SeenVm, SeenVolume, Capabilities, Link)


class NotAnObservation(ValueError):
    """The data is not what `to_data` writes; the text says where and why."""


def to_data(hosts: Mapping[str, SeenHost | Unseen], key: bytes) -> dict[str, Any]:
    """{"format": …, "hosts": {NAME: …}}; `key` is gitvirt's own, for the digests of secrets."""
    return {"format": FORMAT, "hosts": {name: _host(seen, key) for name, seen in sorted(hosts.items())}}


def from_data(data: Mapping[str, Any]) -> dict[str, SeenHost | Unseen]:
    """The inverse, but for secrets, which are digests now. Raises NotAnObservation."""
    if not isinstance(data, Mapping) or data.get("format") != FORMAT:
        found = data.get("format") if isinstance(data, Mapping) else type(data).__name__
        raise NotAnObservation(f"format is {found!r}, not {FORMAT!r}: not an observation that this version can read")
    hosts: dict[str, SeenHost | Unseen] = {}
    for name, host in (data.get("hosts") or {}).items():
        try:
            hosts[name] = _read_host(name, host)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            raise NotAnObservation(f"hosts.{name}: {error}") from error
    return hosts


# Writing.

_PARTS = ("links", "capabilities", "topology", "cells", "cpu_model", "cpu_time", "devices", "vms", "networks", "pools")
"""What is written in a way of its own, and statistics of no use to who reads them later."""


def _host(seen: SeenHost | Unseen, key: bytes) -> dict[str, Any]:
    if isinstance(seen, Unseen):
        return {"unseen": seen.reason, **{word: True for word in _UNSEEN if getattr(seen, word)}}
    return _sparse(seen, *_PARTS) | _some(
        topology=_sparse(seen.topology) if seen.topology else None,
        cells=[_sparse(each) | {"id": each.id} for each in seen.cells],
        cpu_model={"name": seen.cpu_model.name, **_sparse(seen.cpu_model)} if seen.cpu_model else None,
        devices=[_sparse(each) for each in seen.devices] if seen.devices else None,
        capabilities=_sparse(seen.capabilities),
        links={name: _sparse(link) for name, link in seen.links.items()},
        vms=_by_name(seen.vms, lambda vm: _vm(vm, key)),
        networks=_by_name(seen.networks, lambda network: _network(network, key)),
        pools=_by_name(seen.pools, _pool),
    )


def _vm(vm: SeenVm, key: bytes) -> dict[str, Any]:
    data = {"uuid": vm.uuid, "power": str(vm.power)} | _sparse(vm, "config", "live", "mark", "uuid", "power")
    return data | _views(vm, key)


def _network(network: SeenNetwork, key: bytes) -> dict[str, Any]:
    return _sparse(network, "config", "live", "mark") | _views(network, key)


def _views(seen: SeenVm | SeenNetwork, key: bytes) -> dict[str, Any]:
    config = _fields(seen.config, key)
    data: dict[str, Any] = {"config": config}
    if seen.live is not None:
        live = _fields(seen.live, key)
        data["live"] = _some(
            set={path: value for path, value in live.items() if path not in config or config[path] != value},
            unset=sorted(set(config) - set(live)),
        )
    if seen.mark is not None:
        data["mark"] = json.loads(marks.dumps(seen.mark))
    return data


def _pool(pool: SeenPool) -> dict[str, Any]:
    return _sparse(pool, "volumes") | _some(volumes=_by_name(pool.volumes.values(), _sparse))


def _fields(fields: Fields, key: bytes) -> dict[str, Any]:
    return {path: _scalar(value, key) for path, value in fields.items()}


def _scalar(value: Scalar, key: bytes) -> Any:
    if isinstance(value, Secret):
        return {"secret": value.digest(key)}
    return {"secret": value} if isinstance(value, str) and _DIGEST.match(value) else value


def _by_name(things: Iterable[Any], write: Any) -> dict[str, Any]:
    """{NAME: data}; the names of one kind are unique on a host."""
    return {each.name: write(each) for each in sorted(things, key=lambda each: str(each.name))}


def _sparse(seen: Any, *leave: str) -> dict[str, Any]:
    """A Seen object's own values, without its name, those in `leave`, and those that have their default."""
    data: dict[str, Any] = {}
    for each in fields(seen):
        value = getattr(seen, each.name)
        if each.name == "name" or each.name in leave or value == _default(each):
            continue
        data[each.name] = _plain(value)
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(value)
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return {key: _plain(each) for key, each in value.items()} if isinstance(value, Mapping) else value


def _default(each: FieldInfo) -> Any:
    return each.default_factory() if each.default_factory is not NODEFAULT else each.default


def _some(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}


# Reading.


def _read_host(name: str, data: Mapping[str, Any]) -> SeenHost | Unseen:
    if "unseen" in data:
        return Unseen(name=name, reason=data["unseen"], **{word: bool(data.get(word)) for word in _UNSEEN})
    parts = {
        "topology": Topology(**data["topology"]) if "topology" in data else None,
        "cells": tuple(_cell(each) for each in data.get("cells", ())),
        "cpu_model": _cpu_model(data["cpu_model"]) if "cpu_model" in data else None,
        "devices": tuple(NodeDevice(**each) for each in data["devices"]) if "devices" in data else None,
        "capabilities": _capabilities(data.get("capabilities", {})),
        "links": {each: _make(Link, link) for each, link in data.get("links", {}).items()},
        "vms": tuple(_read_vm(each, vm) for each, vm in data.get("vms", {}).items()),
        "networks": tuple(_read_network(each, network) for each, network in data.get("networks", {}).items()),
        "pools": tuple(_read_pool(each, pool) for each, pool in data.get("pools", {}).items()),
    }
    return _make(SeenHost, {**data, **parts}, name=name)


def _cell(data: Mapping[str, Any]) -> Cell:
    pages = {int(size): free for size, free in data.get("hugepages", {}).items()}
    return Cell(**{**data, "cpus": tuple(data.get("cpus", ())), "hugepages": pages})


def _cpu_model(data: Mapping[str, Any]) -> CpuModel:
    sets: dict[str, Any] = {key: frozenset(data.get(key, ())) for key in ("requires", "disables")}
    return CpuModel(**{**data, **sets})


def _capabilities(data: Mapping[str, Any]) -> Capabilities:
    offers = {key: frozenset(words) for key, words in data.get("offers", {}).items()}
    return _make(Capabilities, {**data, "offers": offers})


def _read_vm(name: str, data: Mapping[str, Any]) -> SeenVm:
    return _make(SeenVm, {**_read_views(data), "power": Power(data["power"])}, name=name)


def _read_network(name: str, data: Mapping[str, Any]) -> SeenNetwork:
    return _make(SeenNetwork, _read_views(data), name=name)


def _read_pool(name: str, data: Mapping[str, Any]) -> SeenPool:
    volumes = {each: _make(SeenVolume, volume, name=each) for each, volume in data.get("volumes", {}).items()}
    return _make(SeenPool, {**data, "volumes": volumes}, name=name)


def _read_views(data: Mapping[str, Any]) -> dict[str, Any]:
    config = _read_fields(data.get("config", {}))
    read: dict[str, Any] = {**data, "config": config}
    if data.get("live") is not None:
        gone = set(data["live"].get("unset", ()))
        kept = {path: value for path, value in config.items() if path not in gone}
        read["live"] = kept | _read_fields(data["live"].get("set", {}))
    if data.get("mark") is not None:
        read["mark"] = marks.loads(json.dumps(data["mark"]))
        if read["mark"] is None:
            raise ValueError("a mark that this version cannot read")
    return read


def _read_fields(data: Mapping[str, Any]) -> dict[str, Scalar]:
    return {path: value["secret"] if isinstance(value, Mapping) else value for path, value in data.items()}


def _make(kind: type[_Seen], data: Mapping[str, Any], **more: Any) -> _Seen:
    values = {**data, **more}
    for each in fields(kind):
        if isinstance(values.get(each.name), list):
            values[each.name] = frozenset(values[each.name])
    return kind(**values)
