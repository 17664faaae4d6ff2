"""Proof: whether the fields that were read back show what an edit was to make true. Pure; called by vms.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from drivers.base import Edit
from drivers.libvirt.domain.aspects import platform
from drivers.libvirt.domain.table import LISTS
from specs.fields import Fields, Scalar, entries, entry_of


def unseen(edits: Iterable[Edit], seen: Fields) -> Edit | None:
    """The first edit whose effect the fields do not show; None if all are there."""
    return next((each for each in edits if not _visible(each, seen)), None)


def _visible(edit: Edit, seen: Fields) -> bool:
    parts = entry_of(edit.path)
    if parts is None or parts[2]:
        unwritten = parts is not None and parts[2] in LISTS[parts[0]].unwritten
        return unwritten or same(edit.path, edit.after, seen.get(edit.path))
    there = entries(seen, parts[0]).get(parts[1])
    if edit.after is None or there is None:
        return (edit.after is None) == (there is None)
    wanted = fields_of(edit.after)
    known = {name: value for name, value in wanted.items() if name in LISTS[parts[0]].write}
    return all(same(name, value, there.get(name)) for name, value in known.items())


def same(path: str, wanted: Scalar | Fields, seen: Scalar) -> bool:
    """Whether what is seen is what was wanted, in libvirt's terms."""
    if path == "machine":
        return machine_or_none(wanted, seen)
    if path in ("memory", "memoryMax") and isinstance(wanted, int):
        return seen == -(-wanted // 1024) * 1024  # libvirt counts in KiB
    if path.rpartition(".")[2] == "mac" and isinstance(wanted, str):
        return seen == wanted.lower()
    if wanted in (None, "", False, "none"):
        return seen in (None, "", False, "none")
    return wanted == seen


def machine_or_none(wanted: Scalar | Fields, seen: Scalar) -> bool:
    """Whether the machine seen is the one wanted; a released one matches any."""
    return wanted is None or (not isinstance(wanted, Mapping) and platform.machine_matches(wanted, seen))


def fields_of(value: Scalar | Fields) -> dict[str, Scalar]:
    """The fields of a whole device as an Edit gives them, by their names within the entry."""
    if not isinstance(value, Mapping):
        return {}
    return {(parts[2] if (parts := entry_of(path)) else path): each for path, each in value.items()}
