"""Image: a disk image or ISO that is brought into a storage domain once and never changed."""

from typing import Annotated, Literal

from pydantic import AfterValidator

from specs.kinds.common import Line
from specs.model import Model, Name, Unit, Yes, declared, matching

Checksum = Annotated[
    str,
    AfterValidator(
        matching(
            r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}",
            "a checksum",
            "write `sha256:` or `sha512:` and the digits that sha256sum or sha512sum prints",
        )
    ),
    Unit("`sha256:…`, `sha512:…`"),
]
Url = Annotated[
    str,
    AfterValidator(
        matching(
            r"https?://[^\s/@?#\\]+/[^\s#\\\x00-\x1f\x7f]{0,2000}",
            "a URL of an image",
            "write `https://SERVER/PATH`, without a password in it",
        )
    ),
    Unit("URL"),
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
    url: Url | None = declared("Where the image is fetched from, http or https; needs `checksum`.", effect="creation")
    checksum: Checksum | None = declared(
        "What the source must be, as it is published (compressed or not); without it, whatever the file is.",
        effect="creation",
    )
    format: Literal["qcow2", "raw"] | None = declared(
        "Format of the volume; without it, raw for ISOs and plain raw files, else qcow2. Converted where needed.",
        effect="creation",
    )
    type: Literal["disk", "iso"] | None = declared(
        "For disks or for CD-ROM drives; without it, `iso` where the name ends so.", effect="creation"
    )
    storage_domain: Name | None = declared(
        "Where it is brought; may be left out if there is only one data domain.", effect="creation"
    )
    external: Yes | None = declared(
        "It is a volume already: referred to, never created, changed or removed.", effect="policy"
    )
    volume: VolumeName | None = declared("Name of that volume, with `external: true`.", effect="creation")
