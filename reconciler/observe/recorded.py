"""Observations in files: written by `gitvirt observe -o FILE`, planned with by `gitvirt plan --observed FILE`.

JSON, so that CI can plan without a connection or a key. Secrets are in it as digests only, which a reader without our
key cannot compare: then they count as unchanged. `FILE.sig` beside it is its signature. Who reads it may demand one,
and that it is not old. Called by the commands `observe`, `plan`, and those that look.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from drivers import signatures, snapshot
from drivers.seen import SeenHost, Unseen
from reconciler.desired.wanted import Wanted
from reconciler.errors import ReconcilerError
from reconciler.observe.observed import Observed
from specs.structs import Struct
from specs.units import format_duration

LARGEST = 256 * 1024 * 1024
NAMESPACE = "gitvirt-observation"
"""What a signature is for: one of a commit or a letter by the same key is none of an observation."""
_CLOCKS = 300  # seconds that the clocks of two machines may differ


class RecordError(ReconcilerError):
    """The file is not an observation that can be used here."""


class Demands(Struct, frozen=True, kw_only=True):
    """What an observation has to be like. `signers`: an allowed-signers file of ssh; `max_age`: seconds."""

    signers: Path | None = None
    max_age: int | None = None


def write(observed: Observed, key: bytes, put: Callable[[str], object]) -> None:
    """Hands the JSON text to `put`; `key` is gitvirt's own, for the digests of secrets."""
    data = snapshot.to_data(observed.hosts, key)
    head = {"format": data.pop("format"), "repository": observed.repository, "taken": observed.taken}
    put(json.dumps({**head, **data}, indent=1, sort_keys=False, ensure_ascii=False) + "\n")


def save(path: Path, observed: Observed, key: bytes, signing_key: Path | None = None) -> None:
    """Writes FILE and, if a key is given, FILE.sig, each whole or not at all. Raises RecordError.

    Without a key a signature that lies there is removed: it is of another observation.
    """
    parts: list[str] = []
    write(observed, key, parts.append)
    content = parts[0].encode()
    try:
        if signing_key is None:
            signature_of(path).unlink(missing_ok=True)
        else:
            _put(signature_of(path), signatures.sign(content, signing_key, NAMESPACE))
        _put(path, content)
    except signatures.SignatureFailed as error:
        raise RecordError(f"{path} was not written: it cannot be signed with {signing_key}: {error}") from error
    except OSError as error:
        raise RecordError(f"{path}: the observation cannot be written: {error.strerror}") from error


def signature_of(path: Path) -> Path:
    """Where the signature of an observation is."""
    return path.with_name(f"{path.name}.sig")


def read(path: Path, wanted: Wanted, demands: Demands, now: int) -> Observed:
    """The observation; declared hosts that it lacks are unseen. RecordError if it is of another repository, or not as
    demanded; `now` is in unix seconds."""
    try:
        content = _content(path)
        if demands.signers is not None:
            _require_signed(path, content, demands.signers)
        data = json.loads(content)
        hosts = snapshot.from_data(data)
    except RecursionError as error:
        raise RecordError(f"{path}: cannot be used as an observation: nested too deeply") from error
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: cannot be used as an observation: {error}") from error
    if data.get("repository") != wanted.repository:
        raise RecordError(
            f"{path}: was taken for repository {data.get('repository')}, ours is {wanted.repository}; "
            "run `gitvirt observe` for this one"
        )
    taken = _taken(path, data)
    _require_fresh(path, taken, demands.max_age, now)
    found: dict[str, SeenHost | Unseen] = {
        name: hosts.get(name) or Unseen(name=name, reason=f"not in {path.name}") for name in wanted.hosts
    }
    others = ((name, _gone(name, host, wanted)) for name, host in hosts.items() if name not in found)
    extra = {name: unseen for name, unseen in others if unseen}
    return Observed(hosts={**found, **extra}, taken=taken, repository=wanted.repository, recorded=True)


def _gone(name: str, host: SeenHost | Unseen, wanted: Wanted) -> Unseen | None:
    """A host that this revision does not declare: what it holds of ours may not count as gone."""
    if isinstance(host, Unseen):
        return host
    ours = sum(vm.mark is not None and vm.mark.repository == wanted.repository for vm in host.vms)
    reason = f"it is not declared at this revision, and held {ours} VMs of ours"
    return Unseen(name=name, reason=reason) if ours else None


def _content(path: Path) -> bytes:
    with path.open("rb") as file:
        content = file.read(LARGEST + 1)
    if len(content) > LARGEST:
        raise RecordError(f"{path}: larger than {LARGEST >> 20} MiB, this is no observation")
    return content


def _require_signed(path: Path, content: bytes, signers: Path) -> None:
    """Of the very bytes that are read: a file that changes under our hands is not believed."""
    file = signature_of(path)
    try:
        signature = file.read_bytes()
    except FileNotFoundError as error:
        raise RecordError(
            f"{path}: a signed observation is demanded, and there is no {file.name} beside it; "
            "write it with `gitvirt observe -o FILE --sign KEY` and publish both files"
        ) from error
    try:
        signatures.signer(content, signature, signers, NAMESPACE)
    except signatures.SignatureFailed as error:
        raise RecordError(
            f"{path}: the signature in {file.name} does not hold: {error}. The observation was changed after it was "
            f"signed, or signed by somebody whom {signers} does not name; take a new one with `gitvirt observe --sign`"
        ) from error


def _taken(path: Path, data: dict[str, Any]) -> int:
    taken = data.get("taken")
    if not isinstance(taken, int) or isinstance(taken, bool) or taken < 0:
        raise RecordError(f"{path}: cannot be used as an observation: `taken` is not a time: {str(taken)[:60]!r}")
    return taken


def _require_fresh(path: Path, taken: int, max_age: int | None, now: int) -> None:
    if max_age is None:
        return
    age = now - taken
    if age < -_CLOCKS:
        raise RecordError(f"{path}: was taken {format_duration(-age)} in the future; check the clocks of both machines")
    if age > max_age:
        raise RecordError(
            f"{path}: was taken {format_duration(age)} ago, and at most {format_duration(max_age)} is allowed; "
            "see why no newer one was published, or run `gitvirt observe`"
        )


def _put(path: Path, content: bytes) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(content)
    fresh.replace(path)
