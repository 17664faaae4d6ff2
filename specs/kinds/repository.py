"""Repository: `gitvirt.yaml`, the identity of a repository and the rules for all of it."""

from typing import Literal

from specs.kinds.common import Drift, FreeMapping, LimitText
from specs.kinds.secretsource import SecretSource
from specs.model import Duration, Model, Uuid, declared


class Budgets(Model):
    """How much may happen because of one revision; what is beyond is held until it is allowed."""

    deletions: LimitText | None = declared("Deletions of a kind, as a number or a share of that kind.", effect="policy")
    restarts: LimitText | None = declared("Restarts of VMs.", effect="policy")
    migrations: LimitText | None = declared("Migrations of VMs.", effect="policy")
    per: Literal["revision"] | None = declared("What the budgets are counted for.", effect="policy")


class Trash(Model):
    """What becomes of disks that are no longer declared."""

    keep: Duration | None = declared("How long a deleted VM or disk can be restored.", effect="policy")


class Repository(Model):
    """The repository itself; one document, in `gitvirt.yaml`."""

    id: Uuid = declared(
        "Random identity in marks, UUIDs and MACs, shared by clones and branches; `init --fork` writes a new one.",
        effect="identity",
        required=True,
    )
    include: tuple[str, ...] | None = declared(
        "Folders or files with documents, relative to `gitvirt.yaml`; without it, its own folder.", effect="policy"
    )
    drift: Drift | None = declared(
        "What to do about changes made outside of Git, unless an object says otherwise.", effect="policy"
    )
    budgets: Budgets | None = declared("Limits to what one revision may do.", effect="policy")
    secrets: tuple[SecretSource, ...] | None = declared(
        "Encrypted files of this repository, which `{secret: NAME/KEY}` refers to.", effect="policy"
    )
    trash: Trash | None = declared("What becomes of deleted disks.", effect="policy")
    defaults: FreeMapping | None = declared(
        "Partial specs by kind, under every object of that kind. Not part of the effective object.", effect="policy"
    )
