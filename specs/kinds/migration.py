"""Migration: how VMs move between hosts while they run. Of a cluster for all its VMs, of a VM for itself, of a host.

What a VM says comes before what its cluster says, and that before what the policy says.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, Strict

from specs.model import Address, Duration, Model, Size, Unit, Yes, declared

Policy = Literal["minimalDowntime", "suspendIfNeeded", "postCopy", "veryLarge"]
Connections = Annotated[int, Strict(), Field(ge=0, le=255), Unit("number from 0 to 255")]
AtOnce = Annotated[int, Strict(), Field(ge=1, le=16), Unit("number from 1 to 16")]


class MigrationSettings(Model):
    """What clusters and VMs may say alike."""

    policy: Policy | None = declared(
        "How much a guest may be slowed down to let it go: `minimalDowntime`, `suspendIfNeeded`, `postCopy`, "
        "`veryLarge`.",
        effect="policy",
    )
    encrypted: Yes | None = declared("The guest's memory and disks travel under TLS.", effect="policy")
    auto_converge: Yes | None = declared("Slows the guest down while it writes faster than is sent.", effect="policy")
    compressed: Yes | None = declared("Compresses memory that is sent again.", effect="policy")
    parallel: Connections | None = declared("Connections for the guest's memory; 0 for one.", effect="policy")


class ClusterMigration(MigrationSettings):
    """How the VMs of a cluster migrate."""

    shorthand: ClassVar[tuple[str, ...]] = ("policy",)

    bandwidth: Size | None = declared(
        "Bytes in a second that all migrations from a host take together; 0 lifts it.", effect="policy"
    )
    concurrent: AtOnce | None = declared(
        "How many VMs may leave a host, and come to one, at once; the policy says 1 or 2.", effect="policy"
    )
    peer_to_peer: Yes | None = declared(
        "False: hosts are never asked to connect to each other, gitvirt leads both.", effect="policy"
    )
    timeout: Duration | None = declared("How long one may go without progress before it is given up.", effect="policy")


class VmMigration(MigrationSettings):
    """Whether and how a VM migrates; `migration: never` is short for its mode."""

    shorthand: ClassVar[tuple[str, ...]] = ("mode",)

    mode: Literal["automatic", "manual", "never"] | None = declared(
        "Moved when there is reason to, only by `gitvirt migrate`, or never.", effect="policy"
    )


class HostMigration(Model):
    """How a host is reached by the others of its cluster, where that is another way than ours."""

    address: Address | None = declared("Its address in the network of migrations.", effect="policy")
