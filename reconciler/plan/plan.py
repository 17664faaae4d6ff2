"""Plan: what will be done, in which order, what is kept back, and what to know. Pure values.

Made by plan/planner.py; shown by plan/faces/text.py and friends; executed by reconciler/apply.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from drivers.base import Edit, NewNetwork, NewPool, NewVm, NewVolume, VmEdit
from drivers.mark import Mark
from drivers.moving import Migration, Relocation
from reconciler.diff.change import Change
from reconciler.place.choose import Placement
from specs.effects import Effect
from specs.fields import Secret
from specs.resource import Ref

# ---- calls: what a step asks of a driver -----------------------------------------------------------------------
# One frozen class per call; apply/dispatch.py has the one table from these to driver methods.


@dataclass(frozen=True, slots=True, kw_only=True)
class DefinePool:
    """Define, build, start a pool and let it start with the host."""

    pool: NewPool


@dataclass(frozen=True, slots=True, kw_only=True)
class StartPool:
    """Start a pool of ours that is off."""

    pool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UndefinePool:
    """Let go of a pool; its volumes stay."""

    pool: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineNetwork:
    """Define a network (or redefine it: `expects` is then its mark's generation), start it and set autostart."""

    network: NewNetwork
    expects: int | None = None
    restart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EditNetwork:
    """Change a running network in place."""

    network: NewNetwork
    expects: int
    live: tuple[Edit, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class UndefineNetwork:
    """Stop a network that nobody uses and remove it."""

    network: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadImage:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepImage:
    """Note that `repository` wants an image that another one brought; with `keep` False, that it no longer does."""

    pool: str
    volume: str
    repository: str
    keep: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadSeed:
    """Build what a first boot needs (a small ISO with that label, or an Ignition config) and bring it into a pool."""

    pool: str
    volume: str
    files: Mapping[str, Secret]
    label: str = "cidata"


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateVolume:
    """Create a disk's volume; a copy is marked ready when it is complete, and rebuilt if it was not."""

    volume: NewVolume
    grow_to: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowVolume:
    """Grow the volume of a VM that is off."""

    pool: str
    volume: str
    capacity: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TrashVolume:
    """Mark a volume as lying in the trash since `when` (unix seconds)."""

    pool: str
    volume: str
    when: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RestoreVolume:
    """Take a volume out of the trash: remove its trash markers."""

    pool: str
    volume: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteVolume:
    """Delete a volume, and its markers, for good. `trashed`: only while its trash marker is still there."""

    pool: str
    volume: str
    trashed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DefineVm:
    """Define a new domain."""

    vm: NewVm
    autostart: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class EditVm:
    """Change a domain of ours, definition and running machine."""

    edit: VmEdit


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkVm:
    """Write only the mark (`expects` None: the domain bears none yet)."""

    uuid: str
    expects: int | None
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class RenameVm:
    """Rename a domain that is off."""

    uuid: str
    expects: int
    name: str
    mark: Mark


@dataclass(frozen=True, slots=True, kw_only=True)
class AutostartVm:
    """Whether libvirt starts the VM with its host."""

    uuid: str
    on: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class StartVm:
    """Start (resume, wake) a VM; done if it runs."""

    uuid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StopVm:
    """Stop gracefully: agent, then ACPI, for `timeout` seconds; then `last_resort`: `fail`, or `destroy`."""

    uuid: str
    timeout: int
    last_resort: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UndefineVm:
    """Remove the definition of a VM that is off."""

    uuid: str
    expects: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrateVm:
    """Move a running VM to the host `target`; the step's own host is the one that it leaves.

    `concurrent`: how many migrations may run at once from the one host, and to the other.
    """

    migration: Migration
    target: str
    concurrent: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RelocateVm:
    """Move the definition of a VM that is off to the host `target`."""

    relocation: Relocation
    target: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SettleVm:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something to know that is not a change: `text` with its reason, `where` in the YAML if it has a place."""

    text: str
    where: str = ""


@dataclass(frozen=True, kw_only=True)
class Plan:
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
