"""The revision that a daemon took last, kept over its own end.

A revision that does not load is not taken, and the last that did stays wanted. So that this holds for a daemon that
is killed and started again, or started while the Git server is away, the name of that revision lies in the state
directory. Losing the file loses nothing else. Called by the command `daemon` and reconciler/daemon/loop.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from drivers.errors import DriverError
from drivers.git import Repository
from reconciler.daemon.follow import Source
from reconciler.key import private_folder
from specs.catalog import Catalog
from specs.errors import LoadFailed


class Taken:
    """One source's last good revision, in `taken-<hash of what is followed>`."""

    def __init__(self, state: Path, key: str) -> None:
        self.path = state / f"taken-{hashlib.sha256(key.encode()).hexdigest()[:16]}"

    def revision(self) -> str:
        """Its name; "" if none was taken yet."""
        try:
            return self.path.read_text().strip()
        except (OSError, UnicodeDecodeError):
            return ""

    def note(self, revision: str) -> None:
        """Keeps it."""
        if revision != self.revision():
            fresh = private_folder(self.path.parent) / f"{self.path.name}.new"
            fresh.write_text(revision + "\n")
            fresh.replace(self.path)


def first(source: Source, taken: Taken) -> tuple[str, tuple[Catalog, Repository, str]]:
    """What to begin with: the revision that is there now, or the one taken last if that cannot be had, or lost all."""
    kept = taken.revision()
    try:
        revision = source.poll()
        found = source.load(revision)
    except (LoadFailed, DriverError, OSError):
        before = _load(source, kept) if kept else None
        if before is None:
            raise
        return kept, before
    before = _load(source, kept) if kept not in ("", revision) else None
    if before is not None and same(before[0], found[0]) and lost(before[0], found[0]):
        return kept, before
    return revision, found


def same(before: Catalog, catalog: Catalog) -> bool:
    """Whether both are of one repository."""
    return bool(before.repository.spec.id == catalog.repository.spec.id)


def lost(before: Catalog, catalog: Catalog) -> str:
    """Why a revision that has no object of a kind any more is taken for a mistake; "" if it has."""
    for kind in ("VirtualMachine", "Host", "StorageDomain"):
        if len(before.of(kind)) > 1 and not catalog.of(kind):
            told = f"it has no {kind} any more, where there were {len(before.of(kind))}; not taken"
            return f"{told}; if it is meant, leave one of them in a commit before"
    return ""


def _load(source: Source, revision: str) -> tuple[Catalog, Repository, str] | None:
    try:
        return source.load(revision)
    except (LoadFailed, DriverError, OSError):
        return None
