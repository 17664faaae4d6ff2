"""A golden case: a folder that says what is wanted and what is seen, and the plan that follows from it.

CASE/case.yaml      what it is about; options (all but `about` may be left out):
                      about: one sentence          allowed: {deletions: 5, refs: [vm/web], force_revision: true, …}
                      history: [r1, r2]            the revisions that r2, the wanted one, descends from
                      since: {kvm1: {vms: …}}      what happened on the hosts since: a merge patch (observe.py)
CASE/desired/       the repository, at revision r2
CASE/before/        its files that were different at r1, the revision applied last; an empty one was not there.
                    Without this folder nothing was ever applied.
CASE/observed.yaml  what the hosts report, as `gitvirt observe` writes it; made by observe.py, or by hand
CASE/plan.txt       the plan as text, 100 columns wide
"""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from drivers.snapshot import from_data
from reconciler import cycle
from reconciler.desired.resolve import FileFacts, Sources, resolve
from reconciler.diff.context import Allowed, Context
from reconciler.observe.observed import Observed
from reconciler.plan.plan import Plan
from specs.fields import Secret
from specs.load import load
from specs.resource import Location
from specs.structs import Struct
from specs.tree import Folder

FOLDER = Path(__file__).parent
NOW = 1_700_000_000
KEY = b"the key of the golden cases"


class Case(Struct, frozen=True, dict=True):
    """One case by its folder."""

    folder: Path

    @property
    def options(self) -> dict[str, Any]:
        """case.yaml."""
        return read_yaml(self.folder / "case.yaml") or {}

    def look(self) -> tuple[Context, Plan]:
        """The plan for what case.yaml, desired/ and observed.yaml say."""
        observed = from_data(read_yaml(self.folder / "observed.yaml"))
        revision = loaded(self.folder / "desired", "r2", self.options.get("history", ["r1", "r2"]))
        wanted = resolve(revision.catalog, revision.name, revision.sources)
        seen = Observed(hosts=observed, taken=NOW + 86400, repository=wanted.repository)
        return cycle.think(wanted, seen, revision, outside(), allowed(self.options.get("allowed", {})))


def cases() -> list[Path]:
    """The folders of all cases."""
    return sorted(each.parent for each in FOLDER.glob("*/case.yaml"))


def loaded(folder: Path, name: str, history: list[str]) -> cycle.Revision:
    """A folder as a revision of that name."""
    return cycle.Revision(
        catalog=load(Folder(folder)),
        name=name,
        sources=Sources(files=files(folder), reveal=_reveal),
        ancestors=lambda ids: frozenset(history),
    )


def files(folder: Path) -> dict[str, FileFacts]:
    """Its image files: their first bytes are of no interest here."""
    found = {}
    for path in folder.rglob("*"):
        if path.suffix in (".qcow2", ".iso", ".raw"):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            kind = "qcow2" if path.suffix == ".qcow2" else "raw"
            found[str(path.relative_to(folder))] = FileFacts(size=path.stat().st_size, format=kind, sha256=digest)
    return found


def before(case: Case, into: Path) -> Path:
    """The repository as it was applied last: desired/ with the files of before/ over it."""
    shutil.copytree(case.folder / "desired", into)
    for path in (case.folder / "before").iterdir():
        target = into / path.name
        target.unlink(missing_ok=True) if not path.stat().st_size else shutil.copy(path, target)
    return into


def outside() -> cycle.Outside:
    """What `think` asks of the outside: how secrets are hidden."""

    def nothing(*args: object) -> Any:
        raise AssertionError("a golden case reaches no host")

    return cycle.Outside(connect=nothing, now=lambda: NOW, digest=lambda each: each.digest(KEY), register=nothing)


def allowed(data: dict[str, Any]) -> Allowed:
    """`allowed:` of case.yaml."""
    values = {name: frozenset(value) if isinstance(value, list) else value for name, value in data.items()}
    return Allowed(**values)


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text())


def yaml_text(data: Any) -> str:
    yaml, text = YAML(typ="safe"), io.StringIO()
    yaml.default_flow_style = False
    yaml.width = 110
    yaml.dump(data, text)
    return text.getvalue()


def _reveal(ref: object, where: Location) -> Secret:
    return Secret(hashlib.sha256(str(ref).encode()).hexdigest()[:8])
