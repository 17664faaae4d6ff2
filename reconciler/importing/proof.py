"""Proof: the documents are loaded, planned, adopted on paper and planned again, before anybody sees them.

What the models or the checks refuse, and what would be more than an adoption, is taken out of the YAML (the host keeps
it, as it keeps everything that nobody declares) and told in a comment; where that does not help, the object is passed
over with its reason. So a written import always loads, its plan adopts and nothing else, and the plan after is empty.
Pure. In: the documents and the repository's own files. Called by reconciler/cli/import_.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from drivers.seen import SeenHost, SeenVm
from reconciler.desired.resolve import Sources, resolve
from reconciler.diff.change import Change, Verb
from reconciler.diff.compare import compare
from reconciler.diff.context import Context
from reconciler.importing.document import Document, Source
from reconciler.importing.documents import Drawn
from reconciler.importing.machine import tell_as_xml
from reconciler.importing.text import text
from reconciler.observe.observed import Observed
from reconciler.plan import planner
from reconciler.plan.adopted import adopted
from reconciler.plan.plan import MarkVm, Plan
from specs.catalog import Catalog
from specs.errors import Finding, LoadFailed, SpecError
from specs.fields import Secret, entry_of
from specs.load import load
from specs.resource import Location
from specs.structs import Struct, replace
from specs.tree import Tree, TreeFile

_ROUNDS = 30
_ESSENTIAL = frozenset(("", "name", "volume", "storageDomain", "network", "mac", "source", "image", "device"))
"""Parts of an entry without which it would be another device."""
_NEVER = frozenset(("uuid", "state", "external", "cluster"))
"""What an object is not left without: then it is passed over."""
_PRETENDED = "qemu+tls://{}.invalid/system"
_REVISION = "import"


class ImportRefused(SpecError):
    """What would be written cannot stand beside what the repository has."""


class Ground(Struct, frozen=True, kw_only=True):
    """Where the documents go: the repository's tree, its folder with gitvirt.yaml, and the folder of new files.

    `own`: files that are about to be written besides the documents (a new gitvirt.yaml).
    """

    tree: Tree
    root: str
    folder: str
    own: Mapping[str, str]

    def path(self, document: Document) -> str:
        """Path of a document's file in the tree."""
        return document.file if self.folder == "." else f"{self.folder}/{document.file}"


def prove(drawn: Drawn, sources: Sequence[Source], ground: Ground) -> None:
    """Corrects the documents until they are an adoption and nothing else. Raises ImportRefused, LoadFailed."""
    for _ in range(_ROUNDS):
        catalog = _loaded(drawn, sources, ground)
        if catalog is None:
            continue
        missing = [each for each in drawn.documents if each.ref not in catalog.resources]
        if missing:
            raise ImportRefused(
                f"{ground.path(missing[0])} would not be read: {ground.root}/gitvirt.yaml includes other folders only; "
                "name one of them with --folder"
            )
        if not _corrected(drawn, catalog, sources):
            return
    raise ImportRefused("the documents could not be made to agree with the hosts; import fewer VMs with --name")


class _Overlay:
    """A tree with more files in it."""

    def __init__(self, tree: Tree, more: Mapping[str, str]) -> None:
        self._tree, self._more = tree, more

    @property
    def label(self) -> str:
        return self._tree.label

    def files(self) -> Iterable[TreeFile]:
        yield from (each for each in self._tree.files() if each.path not in self._more)
        yield from (TreeFile(path=path, size=len(text.encode())) for path, text in self._more.items())

    def read(self, path: str) -> bytes:
        return self._more[path].encode() if path in self._more else self._tree.read(path)


def _loaded(drawn: Drawn, sources: Sequence[Source], ground: Ground) -> Catalog | None:
    """The catalog with the documents in it; None if some had to be corrected first."""
    files = {ground.path(each): each for each in drawn.documents}
    written = {path: text(each) for path, each in files.items()} | dict(ground.own)
    try:
        return load(_Overlay(ground.tree, written | _pretended(sources, ground)), ground.root)
    except LoadFailed as failed:
        strangers = [each for each in failed.errors if each.where.file not in files]
        if strangers:
            raise ImportRefused(f"beside what is there already, this would not load: {strangers[0]}") from failed
        for each in failed.errors:
            document = files[each.where.file]
            if document in drawn.documents:
                _refused(drawn, document, each)
        return None


def _pretended(sources: Sequence[Source], ground: Ground) -> dict[str, str]:
    """Hosts for exported files, so that there is one to plan with."""
    found = {}
    for each in sources:
        if each.hearsay:
            uri = _PRETENDED.format(each.name)
            prefix = "" if ground.folder == "." else ground.folder + "/"
            found[f"{prefix}pretended-{each.name}.yaml"] = (
                f'apiVersion: gitvirt/v1\nkind: Host\nmetadata: {{name: {each.name}}}\nspec: {{uri: "{uri}"}}\n'
            )
    return found


def _refused(drawn: Drawn, document: Document, finding: Finding) -> None:
    """Takes out what a finding is about."""
    told = finding.what + (f", {finding.why}" if finding.why else "")
    if not take_out(document, finding.path, told):
        drawn.without(document, f"{finding.path or 'the document'}: {told}")


def take_out(document: Document, path: str, why: str) -> bool:
    """Takes a field (or its group, or its whole device) out of the YAML, and says so; False if it cannot be."""
    entry = _entry(document, path)
    if entry is not None:
        return _take_out_of_entry(document, entry, path, why)
    if document.machine is None and document.ref.kind != "Network":
        return False
    keys = path.split(".")
    while keys:
        if _delete(document.spec, keys):
            document.comment(f"{path} is not declared here: {why}")
            return True
        keys.pop()
    return False


def _delete(spec: Any, keys: list[str]) -> bool:
    if not isinstance(spec, dict) or keys[0] not in spec or keys[0] in _NEVER:
        return False
    if len(keys) == 1:
        del spec[keys[0]]
        return True
    if not _delete(spec[keys[0]], keys[1:]):
        return False
    if not spec[keys[0]]:
        del spec[keys[0]]
    return True


def _entry(document: Document, path: str) -> tuple[str, str, str] | None:
    """(list, name, field) of a path into a named list; positions are turned into names."""
    parts = entry_of(path)
    if parts is None or parts[0] == "xml":
        return None
    list_name, name, field = parts
    items = document.spec.get(list_name)
    if isinstance(items, list) and name.isdigit() and all(each.get("name") != name for each in items):
        name = str(items[int(name)].get("name")) if int(name) < len(items) else name
    return list_name, name, field


def _take_out_of_entry(document: Document, where: tuple[str, str, str], path: str, why: str) -> bool:
    list_name, name, field = where
    items = document.spec.get(list_name, [])
    item = next((each for each in items if isinstance(each, dict) and each.get("name") == name), None)
    if item is None:
        return False
    field = "image" if list_name == "cdroms" and field == "source" else field
    if field in item and (field not in _ESSENTIAL or (list_name == "cdroms" and field == "image")):
        del item[field]
        document.comment(f"{path} is not declared here: {why}")
        return True
    items.remove(item)
    if not items:
        del document.spec[list_name]
    if document.machine is not None:
        seen = document.machine.entries.pop(f"{list_name}[{name}]", f"{list_name}[{name}]")
        tell_as_xml(document, seen, why)
    return True


def _corrected(drawn: Drawn, catalog: Catalog, sources: Sequence[Source]) -> bool:
    """Plans the adoption and what comes after it; True if something had to be taken out."""
    hosts: dict[str, SeenHost] = {each.name: replace(each.seen, name=each.name) for each in sources}
    context = _context(catalog, hosts)
    changes = compare(context)
    plan = planner.make(changes, context)
    ours = {each.ref: each for each in drawn.documents}
    wrong = [each for each in plan.changes if each.ref in ours and (each.verb is not Verb.ADOPT or each.held)]
    if not wrong:
        later = _context(catalog, _after(hosts, plan))
        wrong = [each for each in compare(later) if each.ref in ours]
    for change in wrong:
        if ours[change.ref] in drawn.documents:
            _amend(drawn, ours[change.ref], change)
    return bool(wrong)


def _context(catalog: Catalog, hosts: Mapping[str, SeenHost]) -> Context:
    wanted = resolve(catalog, _REVISION, Sources(files={}, reveal=_nothing))
    observed = Observed(hosts=dict(hosts), taken=0, repository=wanted.repository, recorded=True)
    return Context(wanted=wanted, observed=observed, now=0, digest=lambda secret: "", secrets_comparable=False)


def _nothing(reference: object, where: Location) -> Secret:
    return Secret("")


def _after(hosts: Mapping[str, SeenHost], plan: Plan) -> dict[str, SeenHost]:
    """The hosts once the plan's marks are written."""
    marks = {(each.host, each.call.uuid): each.call.mark for each in plan.steps if isinstance(each.call, MarkVm)}

    def seen(host: str, vm: SeenVm) -> SeenVm:
        mark = marks.get((host, vm.uuid))
        return vm if mark is None else adopted(vm, mark)

    return {name: replace(each, vms=tuple(seen(name, vm) for vm in each.vms)) for name, each in hosts.items()}


def _amend(drawn: Drawn, document: Document, change: Change) -> None:
    """Takes out of a document what would change something, or the document itself."""
    if document.machine is None or not change.fields:
        drawn.without(document, change.held.text if change.held else f"the plan would {change.verb} it")
        return
    for field in change.fields:
        why = f"it would be a change ({_plain(field.before)} is not {_plain(field.after)})"
        if not take_out(document, field.path, why) and document in drawn.documents:
            drawn.without(document, f"{field.path}: {why}")


def _plain(value: object) -> str:
    shown = "nothing" if value is None else "secret" if isinstance(value, Secret) else str(value)
    return re.sub(r"\s+", " ", shown)[:80]
