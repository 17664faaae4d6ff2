"""The mark: what gitvirt writes on an object it owns, kept on the object itself (no state file).

A mark says who owns the object (repository id, ref and, against cloned metadata, the object's own UUID), what was
declared when it was last changed (for the three-way diff), which devices are ours, and the operator's overrides.
In: JSON text found by a driver in an object's metadata. Out: the same, written with every change of the object.
Read by reconciler/observe and diff; written by drivers/libvirt and drivers/memory, which never look inside but for
`devices`, the names of the object's devices.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from specs.structs import Struct, field

NAMESPACE = "https://gitvirt.dev/mark/v1"
FORMAT = 1


def kind_of(list_name: str) -> str:
    """The word for one entry of a list of devices, in device tables and aliases: `disks` → `disk`."""
    return list_name.removesuffix("s")


def list_of(kind: str) -> str:
    """The inverse of `kind_of`."""
    return kind + "s"


class Device(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How one declared device is found again: by alias if gitvirt added it, else by MAC (nic) or `target` (all else).

    `target` is what tells an adopted device from its like: a disk's target, a channel's name, a host device's address.

    `volume` is "pool/volume" of a disk; `made` is true if gitvirt made that volume, so that it may go to the trash;
    `pending` while it is being made: what exists of it was never attached and is made again from the start.
    """

    alias: str = ""
    target: str = ""
    mac: str = ""
    volume: str = ""
    made: bool = False
    pending: bool = False


class Override(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """An operator's deed that the reconciler obeys: `kind` is power, hold, cdrom/DRIVE, maintenance or migrate.

    `value` is what was done ("stopped", an image, "" for an empty drive), `field` the declared value at that time (a
    change of it in Git ends the override), `since` and `until` are unix seconds (until 0: no end).
    """

    kind: str
    value: str = ""
    field: str = ""
    author: str = ""
    reason: str = ""
    since: int = 0
    until: int = 0


class Mark(
    Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, tag_field="format", tag=FORMAT
):
    """One object's mark. `declared` holds canonical fields (secrets as `hmac:…`); `trashed` is unix seconds or 0.

    `devices` maps "disk/root", "cdrom/setup", "nic/lan" to how the device is found; `trash` maps "disk/NAME" of
    detached disks to their volume ("pool/volume") as long as it can be restored. `creation` keeps what was used once
    (image, cloud-init …), so that a later edit can be reported as without effect.
    """

    repository: str
    ref: str
    uuid: str
    generation: int
    revision: str
    declared: Mapping[str, Any] = field(default_factory=dict)
    creation: Mapping[str, Any] = field(default_factory=dict)
    devices: Mapping[str, Device] = field(default_factory=dict)
    trash: Mapping[str, str] = field(default_factory=dict)
    overrides: tuple[Override, ...] = ()
    trashed: int = 0
    protected: bool = False

    def override(self, kind: str) -> Override | None:
        """The override of that kind, ended ones included: the caller knows the time."""
        return next((each for each in self.overrides if each.kind == kind), None)


def dumps(mark: Mark) -> str:
    """Canonical JSON: sorted keys, no spaces, defaults left out; equal marks give equal text."""
    return _ENCODER.encode(mark).decode()


def loads(text: str) -> Mark | None:
    """The mark in `text`, or None if it is not one that this version understands (then the object is foreign)."""
    try:
        return _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


_ENCODER = msgspec.json.Encoder(order="sorted")
_DECODER = msgspec.json.Decoder(Mark)
