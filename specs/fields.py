"""Fields: the canonical, flat form of one object, shared by every stage of a pass.

An object (wanted or seen) is a mapping from a field path to a scalar. A path is written as in the YAML:
`memory`, `cpu.count`, and for the entry of a named list `disks[root].size`. A path that is not in the mapping says
nothing about that field ("not declared", or "not reported"), so the diff of two objects is the diff of two flat
mappings, a mark stores what was declared as one small JSON object, and an effect is looked up by the path.

Scalars are canonical: sizes in bytes, durations in seconds, MACs in lower case, no units in text. In: models
(reconciler/desired) and XML (drivers/libvirt). Out: reconciler/diff, the marks, the plan's wording.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias

_ENTRY = re.compile(r"^(?P<list>[A-Za-z]+)\[(?P<name>[^\]]+)\](?:\.(?P<rest>.+))?$")


class Secret:
    """A value that must never be shown: password, key. Compares by value; prints as `***`.

    It reaches a host only inside a define or update call. Marks, plans and digests hold `digest()` instead.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The clear text. Call it only where the value leaves for libvirt."""
        return self._value

    def digest(self, key: bytes) -> str:
        """`hmac:<hex>` under gitvirt's own key, safe to store: tells equal from changed and nothing else."""
        return "hmac:" + hmac.new(key, self._value.encode(), hashlib.sha256).hexdigest()[:32]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __repr__(self) -> str:
        return "***"


Scalar: TypeAlias = str | int | bool | Secret | None
Fields: TypeAlias = Mapping[str, Scalar]


def entry_of(path: str) -> tuple[str, str, str] | None:
    """`disks[root].size` → (`disks`, `root`, `size`); `disks[root]` → (`disks`, `root`, ``); else None."""
    if "[" not in path:
        return None
    found = _ENTRY.match(path)
    return (found["list"], found["name"], found["rest"] or "") if found else None


def entry(list_name: str, name: str, field: str = "") -> str:
    """The inverse of `entry_of`."""
    return f"{list_name}[{name}].{field}" if field else f"{list_name}[{name}]"


def pattern(path: str) -> str:
    """The path with the entry's name left open, as effect rules and device tables name it: `disks[*].size`."""
    parts = entry_of(path)
    return entry(parts[0], "*", parts[2]) if parts else path


def entries(fields: Fields, list_name: str) -> dict[str, dict[str, Scalar]]:
    """The named entries of one list, each with its own fields: `{root: {size: …, bus: …}}`, in order of mention."""
    found: dict[str, dict[str, Scalar]] = {}
    start = list_name + "["
    for path, value in fields.items():
        if path.startswith(start):
            parts = entry_of(path)
            assert parts is not None, path
            found.setdefault(parts[1], {})[parts[2]] = value
    return found


def under(list_name: str, name: str, values: Fields) -> Iterator[tuple[str, Scalar]]:
    """The fields of one entry with their full paths; the inverse of `entries` for one entry."""
    return ((entry(list_name, name, field), value) for field, value in values.items())
