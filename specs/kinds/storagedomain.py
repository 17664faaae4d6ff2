"""StorageDomain: a directory with volumes, on each host (local) or shared by all of them (posix)."""

from typing import Literal

from specs.kinds.common import AbsolutePath, Line
from specs.model import Model, Name, Percentage, Size, Yes, declared


class FreeSpace(Model):
    """When space is short."""

    warning: Percentage | None = declared("Warn when less of the capacity is free.", effect="policy")
    critical: Size | None = declared("Create and grow no disks when less is free.", effect="policy")


class StorageDomain(Model):
    """A place for disks and images."""

    data_center: Name | None = declared("Its data center; may be left out if there is only one.", effect="policy")
    clusters: tuple[Name, ...] | None = declared("Only the hosts of these clusters have it.", effect="policy")
    hosts: tuple[Name, ...] | None = declared("Only these hosts have it.", effect="policy")
    description: Line | None = declared("Text for people.", effect="policy")
    type: Literal["local", "posix"] = declared(
        "A directory of each host's own (`local`), or one that all hosts have mounted (`posix`).",
        effect="recreate",
        required=True,
    )
    path: AbsolutePath = declared("The directory on the hosts.", effect="recreate", required=True)
    function: Literal["data", "iso"] | None = declared(
        "Disks and images (`data`), or only ISO images (`iso`).", effect="policy"
    )
    external: Yes | None = declared(
        "It exists already: referred to, never created, changed or removed.", effect="policy"
    )
    free_space: FreeSpace | None = declared("When space is short.", effect="policy")
