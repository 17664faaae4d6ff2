"""The CPU baseline of a cluster: the richest CPU that all of its hosts have, as libvirt computes it.

Called by the faces (`get`, `describe cluster`), not in a pass. Hosts with equal CPUs need no computing; for others one
of the hosts is asked, once as long as their CPUs stay the same: the answer is kept in the state directory.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import asdict

from drivers.base import Host
from drivers.errors import DriverError, Refused
from drivers.node import CpuModel
from specs.structs import Struct


class Baseline(Struct, frozen=True, kw_only=True):
    """The CPU, or why there is none."""

    model: CpuModel | None
    why: str = ""


class Baselines:
    """Asks and remembers; one file, rewritten as a whole."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "baselines.json"

    def of(self, models: Mapping[str, CpuModel], hosts: Mapping[str, Host], kvm: bool) -> Baseline:
        """That of these hosts; `hosts` are those that can be asked."""
        distinct = sorted(set(models.values()), key=_text)
        if len(distinct) < 2:
            return Baseline(model=distinct[0] if distinct else None, why="" if distinct else "no host tells its CPU")
        key = hashlib.sha256(json.dumps([kvm, *map(_text, distinct)]).encode()).hexdigest()[:32]
        kept = self._read()
        if key in kept:
            return _from(kept[key])
        found = self._ask(models, distinct, hosts, kvm)
        if found.model is not None:
            self._write({**kept, key: _data(found)})
        return found

    def _ask(
        self, models: Mapping[str, CpuModel], distinct: list[CpuModel], hosts: Mapping[str, Host], kvm: bool
    ) -> Baseline:
        why = "none of its hosts can be asked"
        for name in models:
            if name not in hosts:
                continue
            try:
                return Baseline(model=hosts[name].node.baseline(distinct, kvm))
            except Refused as error:
                return Baseline(model=None, why=error.detail)
            except DriverError as error:
                why = f"{name}: {error.detail}"
        return Baseline(model=None, why=why)

    def _read(self) -> dict[str, Any]:
        try:
            found = json.loads(self._file.read_text())
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def _write(self, kept: Mapping[str, Any]) -> None:
        """Best effort: what cannot be kept is asked again."""
        with contextlib.suppress(OSError):
            self._file.parent.mkdir(parents=True, exist_ok=True)
            new = self._file.with_suffix(".new")
            new.write_text(json.dumps(dict(kept), sort_keys=True))
            new.replace(self._file)


def _text(model: CpuModel) -> str:
    return json.dumps(_plain(model), sort_keys=True)


def _plain(model: CpuModel) -> dict[str, Any]:
    return {key: sorted(value) if isinstance(value, frozenset) else value for key, value in asdict(model).items()}


def _data(found: Baseline) -> dict[str, Any]:
    assert found.model is not None
    return _plain(found.model)


def _from(data: Mapping[str, Any]) -> Baseline:
    sets: dict[str, Any] = {key: frozenset(data[key]) for key in ("requires", "disables")}
    return Baseline(model=CpuModel(**{**data, **sets}))
