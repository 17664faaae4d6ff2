"""Change: what differs between wanted and seen, for one object, and what has to be kept back.

Frozen values made by `reconciler.diff`, turned into steps by `reconciler.plan`, shown by every face.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from specs.effects import Effect
from specs.fields import Fields, Scalar
from specs.resource import Location, Ref
from specs.structs import Struct, replace


class Verb(StrEnum):
    """What is to be done to an object as a whole."""

    CREATE = "create"
    RESTORE = "restore"  # out of the trash
    ADOPT = "adopt"  # write the mark, nothing else
    UPDATE = "update"
    DELETE = "delete"  # into the trash where it holds data
    PURGE = "purge"  # out of the trash for good, its time being over
    NOTE = "note"  # nothing to do, something to know


class HeldReason(StrEnum):
    """Why a change is kept back; docs/held.md has a line for each: what it means, what to do."""

    HOST_UNSEEN = "HostUnseen"
    PARTIAL_VIEW = "PartialView"
    NAME_TAKEN = "NameTaken"
    UUID_TAKEN = "UuidTaken"
    DEFINED_TWICE = "DefinedTwice"
    BEHIND = "Behind"
    PROTECTED = "DeleteProtected"
    BUDGET = "BudgetExceeded"
    RENAME_SUSPECTED = "RenameSuspected"
    WOULD_SHRINK = "WouldShrink"
    IN_USE = "InUse"
    NO_HOST = "NoHost"
    SOURCE_MISSING = "SourceMissing"
    STORAGE = "StorageUnavailable"
    NETWORK = "NetworkUnavailable"
    EXTERNAL_MISSING = "ExternalMissing"
    ON_HOLD = "OnHold"
    TRANSIENT = "Transient"
    HOLDS_DATA = "HoldsData"
    NEEDS_STOP = "NeedsStop"
    NEEDS_MOVE = "NeedsMove"
    HOST_NOT_EMPTY = "HostNotEmpty"
    CANNOT_MOVE = "CannotMove"
    IN_FLIGHT = "InFlight"
    RUNS_TWICE = "RunsTwice"
    PAUSED = "Paused"
    BACKING_OFF = "BackingOff"
    SAVED_STATE = "SavedState"
    DEPENDENCY = "DependencyHeld"
    DISK_MISSING = "DiskMissing"
    DRIFT = "DriftNotRepaired"
    UNSUPPORTED = "HostLacks"
    XML_REFUSED = "XmlRefused"
    MAC_TAKEN = "MacTaken"
    MAC_POOL = "MacPoolEmpty"


class Held(Struct, frozen=True, kw_only=True):
    """Kept back: a typed reason, the facts in words, and what the reader can do."""

    reason: HeldReason
    text: str
    fix: str = ""

    def __str__(self) -> str:
        return f"{self.reason}: {self.text}" + (f"; {self.fix}" if self.fix else "")


class FieldChange(Struct, frozen=True, kw_only=True):
    """One field of a change. For a whole device the path is its entry and the values are its fields.

    `kind`: `change` (the YAML moved), `drift` (the world moved), `pending` (the definition is right, the running
    machine is not yet), `record` (already so; only the mark learns it), `release` (no longer declared, left as it
    is), `note` (declared, but of no effect on what exists).
    `config` and `live`: which of the two definitions has to be edited; `make`: a disk's volume has to be made (again,
    if an earlier attempt did not finish); `restart`: the VM is restarted for it now, as its update policy says.
    """

    path: str
    before: Scalar | Fields
    after: Scalar | Fields
    effect: Effect
    kind: Literal["change", "drift", "pending", "record", "release", "note"] = "change"
    config: bool = False
    live: bool = False
    make: bool = False
    restart: bool = False
    where: Location | None = None
    note: str = ""
    held: Held | None = None

    @property
    def acts(self) -> bool:
        """True if this field makes a step; a release or a record makes one too: the mark learns of it."""
        if self.held is not None:
            return False
        return self.config or self.live or self.make or self.restart or self.kind in ("record", "release")

    @property
    def waits_for_guest(self) -> bool:
        """True for memory that the balloon of a booting guest has not given back yet: it follows without a restart."""
        return self.kind == "pending" and self.path == "memory" and self.effect is Effect.HOTPLUG

    def keep_back(self, reason: HeldReason, text: str, fix: str = "") -> FieldChange:
        """The same field, held."""
        return replace(
            self, held=Held(reason=reason, text=text, fix=fix), config=False, live=False, make=False, restart=False
        )


class Change(Struct, frozen=True, kw_only=True):
    """Everything that differs for one object, or why nothing may be done about it.

    `host` is where it is (or "" before placement, or for objects of several hosts, then each host is a change of its
    own). `reason` says why in a few words; `held` keeps the whole change back, `FieldChange.held` one field.
    """

    ref: Ref
    verb: Verb
    host: str = ""
    reason: str = ""
    fields: tuple[FieldChange, ...] = ()
    where: Location | None = None
    held: Held | None = None

    def keep_back(self, reason: HeldReason, text: str, fix: str = "") -> Change:
        """The same change, held."""
        return replace(self, held=Held(reason=reason, text=text, fix=fix))

    @property
    def acts(self) -> bool:
        """True if this change makes steps: not held, and more than things to know."""
        if self.held or self.verb == Verb.NOTE:
            return False
        return self.verb != Verb.UPDATE or any(each.acts for each in self.fields)
