"""Document: one object on its way from a host into YAML, with the file it goes to and what people are told about it.

Documents are built by places.py, networks.py and machine.py, corrected by proof.py and written by text.py.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping
from typing import Any

from drivers.seen import Rest, SeenHost, SeenVm
from specs.model import NAME_PATTERN
from specs.resource import Ref
from specs.structs import Struct, field

_NO_NAME = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST = 60
_FOLDERS = {
    "Cluster": "clusters",
    "Host": "hosts",
    "Network": "networks",
    "StorageDomain": "storage",
    "Image": "images",
    "VirtualMachine": "vms",
}


class Source(Struct, frozen=True, kw_only=True):
    """What one URI has, or a folder of exported files (then `uri` is "").

    `rests`: by uuid, what no field tells. `declared`: the repository has this host already. `running`: domains that
    were exported while they ran, so that their XML is not that of the next boot.
    """

    name: str
    uri: str
    seen: SeenHost
    rests: Mapping[str, Rest] = field(default_factory=dict)
    declared: bool = False
    running: frozenset[str] = frozenset()

    @property
    def hearsay(self) -> bool:
        """True for files: which volumes and networks there are is only known from what the domains mention."""
        return not self.uri

    @property
    def origin(self) -> str:
        """Where it comes from, for people."""
        return self.uri or "exported files"


class SecretWanted(Struct, frozen=True, kw_only=True):
    """A secret that the host has and the YAML refers to: where it belongs, and the variable that shall hold it."""

    ref: Ref
    path: str
    variable: str


class Machine(Struct, kw_only=True):
    """The VM that a document describes: as it was seen, and which seen device each entry is (`disks[root]` → seen)."""

    source: Source
    vm: SeenVm
    rest: Rest
    entries: dict[str, str] = field(default_factory=dict)


class Document(Struct, kw_only=True):
    """One object: its spec as plain YAML data, and comments that stand above it."""

    ref: Ref
    spec: dict[str, Any]
    comments: list[str] = field(default_factory=list)
    secrets: list[SecretWanted] = field(default_factory=list)
    machine: Machine | None = None

    @property
    def file(self) -> str:
        """Its file, below the folder that is imported into."""
        return f"{_FOLDERS[self.ref.kind]}/{self.ref.name}.yaml"

    def comment(self, text: str) -> None:
        """Adds a comment, once."""
        if text not in self.comments:
            self.comments.append(text)


def is_name(text: str) -> bool:
    """Whether an object can be called so."""
    return re.fullmatch(NAME_PATTERN, text, re.ASCII) is not None


def name_for(text: str, taken: Container[str], fallback: str = "unnamed") -> str:
    """A name made of a text, which nothing in `taken` has."""
    base = _NO_NAME.sub("-", text).strip("-._")[:_LONGEST].rstrip("-._") or fallback
    return next(each for each in _numbered(base) if each not in taken)


def _numbered(base: str) -> Iterator[str]:
    yield base
    number = 1
    while True:
        number += 1
        yield f"{base}-{number}"
