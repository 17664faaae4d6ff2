"""Observations in files: written by `gitvirt observe -o FILE`, planned with by `gitvirt plan --observed FILE`.

JSON, so that CI can plan without a connection or a key. Secrets are in it as digests only, which a reader without our
key cannot compare: then they count as unchanged. Called by the commands `observe` and `plan`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from drivers import snapshot
from drivers.seen import SeenHost, Unseen
from reconciler.desired.wanted import Wanted
from reconciler.errors import ReconcilerError
from reconciler.observe.observed import Observed

LARGEST = 256 * 1024 * 1024


class RecordError(ReconcilerError):
    """The file is not an observation that can be used here."""


def write(observed: Observed, key: bytes, put: Callable[[str], object]) -> None:
    """Hands the JSON text to `put`."""
    data = snapshot.to_data(observed.hosts, key)
    head = {"format": data.pop("format"), "repository": observed.repository, "taken": observed.taken}
    put(json.dumps({**head, **data}, indent=1, sort_keys=False, ensure_ascii=False) + "\n")


def read(path: Path, wanted: Wanted) -> Observed:
    """The observation; declared hosts that it lacks are unseen. RecordError if it is of another repository."""
    try:
        if path.stat().st_size > LARGEST:
            raise RecordError(f"{path}: larger than {LARGEST >> 20} MiB, this is no observation")
        data = json.loads(path.read_text())
        hosts = snapshot.from_data(data)
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: cannot be used as an observation: {error}") from error
    if data.get("repository") != wanted.repository:
        raise RecordError(
            f"{path}: was taken for repository {data.get('repository')}, ours is {wanted.repository}; "
            "run `gitvirt observe` for this one"
        )
    found: dict[str, SeenHost | Unseen] = {
        name: hosts.get(name) or Unseen(name=name, reason=f"not in {path.name}") for name in wanted.hosts
    }
    extra = {name: host for name, host in hosts.items() if name not in found and isinstance(host, Unseen)}
    return Observed(
        hosts={**found, **extra}, taken=int(data.get("taken", 0)), repository=wanted.repository, recorded=True
    )
