"""Plan: what will be done, in which order, what is kept back, and what to know. Pure values.

Made by plan/planner.py; shown by plan/faces/text.py and friends; executed by reconciler/apply.
"""

from __future__ import annotations

from collections.abc import Mapping

from drivers.base import Edit, NewNetwork, NewPool, NewVm, NewVolume, VmEdit
from drivers.mark import Mark
from drivers.moving import Migration, Relocation
from reconciler.diff.change import Change
from reconciler.place.choose import Placement
from specs.effects import Effect
from specs.fields import Secret
from specs.resource import Ref
from specs.structs import Struct, field

# ---- calls: what a step asks of a driver -----------------------------------------------------------------------
# One frozen class per call; apply/dispatch.py has the one table from these to driver methods.


class DefinePool(Struct, frozen=True, kw_only=True):
    """Define, build, start a pool and let it start with the host."""

    pool: NewPool


class StartPool(Struct, frozen=True, kw_only=True):
    """Start a pool of ours that is off."""

    pool: str


class UndefinePool(Struct, frozen=True, kw_only=True):
    """Let go of a pool; its volumes stay."""

    pool: str


class DefineNetwork(Struct, frozen=True, kw_only=True):
    """Define a network (or redefine it: `expects` is then its mark's generation), start it and set autostart."""

    network: NewNetwork
    expects: int | None = None
    restart: bool = False


class EditNetwork(Struct, frozen=True, kw_only=True):
    """Change a running network in place."""

    network: NewNetwork
    expects: int
    live: tuple[Edit, ...] = ()


class UndefineNetwork(Struct, frozen=True, kw_only=True):
    """Stop a network that nobody uses and remove it."""

    network: str


class UploadImage(Struct, frozen=True, kw_only=True):
    """Bring an image from a file or a URL into a pool, and mark it ready. Redone from the start if unready.

    `checksum` is that of the source, `cached` its bytes if it lies here already (else 0); the volume has `format`, and
    is kept for `repository`.
    """

    pool: str
    volume: str
    checksum: str
    format: str
    repository: str
    file: str = ""
    url: str = ""
    iso: bool = False
    cached: int = 0


class KeepImage(Struct, frozen=True, kw_only=True):
    """Note that `repository` wants an image that another one brought; with `keep` False, that it no longer does."""

    pool: str
    volume: str
    repository: str
    keep: bool = True


class UploadSeed(Struct, frozen=True, kw_only=True):
    """Build what a first boot needs (a small ISO with that label, or an Ignition config) and bring it into a pool."""

    pool: str
    volume: str
    files: Mapping[str, Secret]
    label: str = "cidata"


class CreateVolume(Struct, frozen=True, kw_only=True):
    """Create a disk's volume; a copy is marked ready when it is complete, and rebuilt if it was not."""

    volume: NewVolume
    grow_to: int = 0


class GrowVolume(Struct, frozen=True, kw_only=True):
    """Grow the volume of a VM that is off."""

    pool: str
    volume: str
    capacity: int


class TrashVolume(Struct, frozen=True, kw_only=True):
    """Mark a volume as lying in the trash since `when` (unix seconds)."""

    pool: str
    volume: str
    when: int


class RestoreVolume(Struct, frozen=True, kw_only=True):
    """Take a volume out of the trash: remove its trash markers."""

    pool: str
    volume: str


class DeleteVolume(Struct, frozen=True, kw_only=True):
    """Delete a volume, and its markers, for good. `trashed`: only while its trash marker is still there."""

    pool: str
    volume: str
    trashed: bool = False


class DefineVm(Struct, frozen=True, kw_only=True):
    """Define a new domain."""

    vm: NewVm
    autostart: bool = False


class EditVm(Struct, frozen=True, kw_only=True):
    """Change a domain of ours, definition and running machine."""

    edit: VmEdit


class MarkVm(Struct, frozen=True, kw_only=True):
    """Write only the mark (`expects` None: the domain bears none yet)."""

    uuid: str
    expects: int | None
    mark: Mark


class RenameVm(Struct, frozen=True, kw_only=True):
    """Rename a domain that is off."""

    uuid: str
    expects: int
    name: str
    mark: Mark


class AutostartVm(Struct, frozen=True, kw_only=True):
    """Whether libvirt starts the VM with its host."""

    uuid: str
    on: bool


class StartVm(Struct, frozen=True, kw_only=True):
    """Start (resume, wake) a VM; done if it runs."""

    uuid: str


class StopVm(Struct, frozen=True, kw_only=True):
    """Stop gracefully: agent, then ACPI, for `timeout` seconds; then `last_resort`: `fail`, or `destroy`."""

    uuid: str
    timeout: int
    last_resort: str


class UndefineVm(Struct, frozen=True, kw_only=True):
    """Remove the definition of a VM that is off."""

    uuid: str
    expects: int


class MigrateVm(Struct, frozen=True, kw_only=True):
    """Move a running VM to the host `target`; the step's own host is the one that it leaves.

    `concurrent`: how many migrations may run at once from the one host, and to the other.
    """

    migration: Migration
    target: str
    concurrent: int = 2


class RelocateVm(Struct, frozen=True, kw_only=True):
    """Move the definition of a VM that is off to the host `target`."""

    relocation: Relocation
    target: str


class SettleVm(Struct, frozen=True, kw_only=True):
    """Find out on both hosts where a VM is after a move that was interrupted, and end what was left half-done.

    `moved`: the steps after it are right only if the target alone has the VM, so anything else found fails it as stale.
    """

    uuid: str
    target: str
    moved: bool = False


Call = (
    DefinePool | StartPool | UndefinePool
    | DefineNetwork | EditNetwork | UndefineNetwork
    | UploadImage | KeepImage | UploadSeed | CreateVolume | GrowVolume | TrashVolume | RestoreVolume | DeleteVolume
    | DefineVm | EditVm | MarkVm | RenameVm | AutostartVm | StartVm | StopVm | UndefineVm
    | MigrateVm | RelocateVm | SettleVm
)  # fmt: skip


class Step(Struct, frozen=True, kw_only=True):
    """One idempotent call on one host.

    `id` is stable over plans (host, ref and what is called); `after` names the steps that must have succeeded;
    `what` says it in words ("define", "start" …) for progress and logs.
    """

    id: str
    ref: Ref
    host: str
    what: str
    call: Call
    effect: Effect = Effect.LIVE
    after: tuple[str, ...] = ()


class Warned(Struct, frozen=True, kw_only=True):
    """Something to know that is not a change: `text` with its reason, `where` in the YAML if it has a place."""

    text: str
    where: str = ""


class Plan(Struct, frozen=True, kw_only=True, dict=True):
    """All changes (held ones included) in order of harm, the steps that make the others true, and the digest.

    `digest` is of the steps and held changes: equal digests mean that the same would be done and the same kept back.
    `fingerprints` are of what was seen of each ref in the plan (definitions and power, never statistics).
    `anyway` (with `base`): the (ref, host) of changes that the revision `base` causes just the same.
    """

    repository: str
    name: str
    revision: str
    taken: int
    changes: tuple[Change, ...] = ()
    steps: tuple[Step, ...] = ()
    placements: Mapping[str, Placement] = field(default_factory=dict)
    warnings: tuple[Warned, ...] = ()
    hosts_seen: int = 0
    hosts_declared: int = 0
    digest: str = ""
    fingerprints: Mapping[str, str] = field(default_factory=dict)
    base: str = ""
    anyway: frozenset[tuple[str, str]] = frozenset()

    @property
    def held(self) -> tuple[Change, ...]:
        """The changes that are kept back altogether."""
        return tuple(each for each in self.changes if each.held)

    @property
    def anything_held(self) -> bool:
        """True if a change or a field of one is kept back."""
        return any(change.held or any(each.held for each in change.fields) for change in self.changes)

    @property
    def empty(self) -> bool:
        """True if there is nothing to do."""
        return not self.steps
