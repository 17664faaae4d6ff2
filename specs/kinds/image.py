"""Image: a disk image or ISO that is brought into a storage domain once and never changed."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator

from specs.kinds.common import Line
from specs.model import Model, Name, Unit, Yes, declared, matching

Checksum = Annotated[
    str,
    AfterValidator(
        matching(r"sha256:[0-9a-f]{64}", "a checksum", "write `sha256:` and the 64 digits that sha256sum prints")
    ),
    Unit("`sha256:…`"),
]
VolumeName = Annotated[
    str,
    AfterValidator(
        matching(r"[^/\x00-\x1f.][^/\x00-\x1f]{0,254}", "a volume", "write the file's name without its folder")
    ),
    Unit("volume name"),
]


class Image(Model):
    """A disk image or ISO."""

    description: Line | None = declared("Text for people.", effect="policy")
    file: Annotated[str | None, Unit("path")] = declared(
        "The image: relative to this file and inside the repository, or absolute in a folder allowed locally.",
        effect="creation",
    )
    checksum: Checksum | None = declared("What the file must be; without it, whatever the file is.", effect="creation")
    format: Literal["qcow2", "raw"] | None = declared(
        "Format of the file; without it, what the file says.", effect="creation"
    )
    type: Literal["disk", "iso"] | None = declared("For disks or for CD-ROM drives.", effect="creation")
    storage_domain: Name | None = declared(
        "Where it is brought; may be left out if there is only one data domain.", effect="creation"
    )
    external: Yes | None = declared(
        "It is a volume already: referred to, never created, changed or removed.", effect="policy"
    )
    volume: VolumeName | None = declared("Name of that volume, with `external: true`.", effect="creation")
