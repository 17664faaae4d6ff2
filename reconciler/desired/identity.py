"""Names that follow from the repository's id: UUIDs, MACs, volume names. Pure, and final once used.

Called by desired (UUIDs of networks, pools, VMs) and plan (MACs of new NICs, names of new volumes).
"""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Container

from specs.resource import Ref

_MAC_PREFIX = "52:54:00"


def derived_uuid(repository: str, ref: Ref, salt: int = 0) -> str:
    """uuid5 of the repository's id, the ref and, where that is taken already, a count."""
    name = f"{ref}" if not salt else f"{ref}#{salt}"
    return str(uuid.uuid5(uuid.UUID(repository), name))


def free_uuid(repository: str, ref: Ref, taken: Container[str]) -> str:
    """The first derived UUID that nothing else has (a renamed VM keeps the one of its old name)."""
    salt = 0
    while (found := derived_uuid(repository, ref, salt)) in taken:
        salt += 1
    return found


def mac(repository: str, vm_uuid: str, nic: str, taken: Container[str]) -> str:
    """A MAC in QEMU's range that follows from the VM and the NIC's name, and that nobody else has."""
    salt = 0
    while True:
        digest = hashlib.sha256(f"{repository}/{vm_uuid}/{nic}/{salt}".encode()).digest()
        found = f"{_MAC_PREFIX}:{digest[0]:02x}:{digest[1]:02x}:{digest[2]:02x}"
        if found not in taken:
            return found
        salt += 1


IMAGES = "gv-img-"


def image_volume(checksum: str, format_: str) -> str:
    """`gv-img-<digest/16>.<format>`, `checksum` being `sha256:…`: the same content is the same volume for everybody."""
    return f"{IMAGES}{checksum.partition(':')[2][:16]}.{format_}"


def seed_volume(vm_uuid: str, digest: str, ending: str = "iso") -> str:
    """`gv-seed-<uid8>-<digest/16>.iso`: what the VM is told at its first boot; `.ign` for an Ignition config."""
    return f"gv-seed-{vm_uuid[:8]}-{digest[:16]}.{ending}"


def disk_volume(owner: tuple[str, str], disk: str, format_: str, taken: Container[str]) -> str:
    """`gv-<repo8>-<uid8>-<disk>-<n>.<format>` with the first n that is free; `owner` is (repository id, VM uuid)."""
    number = 1
    while (found := f"gv-{owner[0][:8]}-{owner[1][:8]}-{disk}-{number}.{format_}") in taken:
        number += 1
    return found


def ready_marker(volume: str) -> str:
    """The zero-length volume that says: `volume` was written completely and checked."""
    return f"{volume}.ready"


def keeper_marker(volume: str, repository: str) -> str:
    """The zero-length volume that says: this repository wants the image `volume`, which several may share."""
    return f"{volume}.by.{repository[:8]}"


def kept_by(name: str) -> tuple[str, str] | None:
    """The inverse of `keeper_marker`: (volume, first 8 digits of the repository's id), or None."""
    volume, found, repository = name.rpartition(".by.")
    return (volume, repository) if found and len(repository) == 8 else None


def is_marker(name: str) -> bool:
    """True for the name of any marker volume."""
    return name.endswith(".ready") or kept_by(name) is not None or trashed_since(name) is not None


def trash_marker(volume: str, when: int) -> str:
    """The zero-length volume that says: `volume` lies in the trash since `when` (unix seconds)."""
    return f"{volume}.trash.{when}"


def trashed_since(name: str) -> tuple[str, int] | None:
    """The inverse of `trash_marker`: (volume, unix seconds), or None for a name that is no such marker."""
    volume, found, when = name.rpartition(".trash.")
    return (volume, int(when)) if found and when.isdecimal() else None
