"""Resource, Ref and Metadata: one declared object, its name, and where each of its values was written.

Made by `specs.load`; read by everything that plans, shows or edits. The short kind names are what people type and
read (`vm/web`); marks, plans and messages use the same text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from specs.errors import BadReference, Location, did_you_mean
from specs.structs import Struct, field

__all__ = ["SHORT_NAMES", "Location", "Metadata", "Ref", "Resource", "kind_named"]

SHORT_NAMES: Mapping[str, str] = {
    "Repository": "repository",
    "DataCenter": "dc",
    "Cluster": "cluster",
    "Host": "host",
    "MacPool": "macpool",
    "Network": "network",
    "StorageDomain": "sd",
    "Image": "image",
    "InstanceType": "instancetype",
    "VirtualMachine": "vm",
    "AffinityGroup": "affinitygroup",
    "SchedulingPolicy": "schedulingpolicy",
}
"""Kind → its short name, in the order in which kinds depend on each other."""


def _plural(word: str) -> str:
    return word[:-1] + "ies" if word.endswith("y") else word + "s"


_KINDS = {
    word.lower(): kind
    for kind, short in SHORT_NAMES.items()
    for each in (kind, short)
    for word in (each, _plural(each))
}


def kind_named(word: str) -> str:
    """The kind that `vm`, `vms`, `VirtualMachine` or `virtualmachines` means; BadReference if there is none."""
    kind = _KINDS.get(word.lower())
    if kind is None:
        hint = did_you_mean(word, (*SHORT_NAMES, *SHORT_NAMES.values()))
        raise BadReference(f"unknown kind `{word}`" + (f"; {hint}" if hint else ""))
    return kind


class Ref(Struct, frozen=True, order=True):
    """A resource by kind and name: `Ref("VirtualMachine", "web")`, written `vm/web`."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{SHORT_NAMES.get(self.kind, self.kind)}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> Ref:
        """From `vm/web` or `VirtualMachine/web`; BadReference if it is neither."""
        word, slash, name = text.partition("/")
        if not slash or not name or "/" in name:
            raise BadReference(f"`{text}` is not a reference; write KIND/NAME, for instance vm/web")
        return cls(kind_named(word), name)


class Metadata(Struct, frozen=True, kw_only=True):
    """`metadata:` of a document. `renamed_from` is the name that the VM had before, "" if it was not renamed; beside it
    where that is written.
    """

    name: str
    labels: Mapping[str, str] = field(default_factory=dict)
    renamed_from: str = ""
    renamed_place: Location | None = None


class Resource(Struct, frozen=True, kw_only=True):
    """One declared object.

    `spec` is the kind's model (specs/kinds) with the effective values: what the object says, over its instance type,
    cluster, data center and repository; references that may be left out (the only cluster, the only data domain)
    are filled in. None means that nobody declared the field.
    `declared` has every leaf that somebody wrote at any level, by canonical path (`disks[root].size`, `cpu.count`),
    with the place where; and each entry of a named list by itself (`disks[root]`). A value that is in `spec` but not
    in `declared` was filled in.
    `location` is where the document begins; `implied` is true for a data center or cluster that no file declares.
    """

    ref: Ref
    metadata: Metadata
    spec: Any
    declared: Mapping[str, Location]
    location: Location
    implied: bool = False

    @property
    def name(self) -> str:
        """The object's name, which is also its name in libvirt."""
        return self.ref.name

    def where(self, path: str) -> Location:
        """Where that field was written, or what is nearest: a part of it, its group, its entry, the document."""
        if path == "metadata.renamedFrom" and self.metadata.renamed_place is not None:
            return self.metadata.renamed_place
        while path:
            if path in self.declared:
                return self.declared[path]
            parts = [place for each, place in self.declared.items() if each.startswith((path + ".", path + "["))]
            if parts:
                return min(parts)
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self.location
