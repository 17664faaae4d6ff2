"""Load: a tree of files → a checked Catalog, or every error of the repository at once.

The stages: the repository's own file · the files it includes · their documents · shorthands written out · defaults
laid under each object · the models · what may be left out filled in · checks across objects. A stage that meets a
fault notes it and goes on with the rest. Called by the CLI and the daemon for each revision.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from contextlib import suppress

from pydantic import ValidationError

from specs import check, merge, texts
from specs.catalog import Catalog
from specs.errors import Finding, LoadFailed, Location, in_order
from specs.kinds import KINDS
from specs.layers import Layers
from specs.merge import Declared
from specs.model import Model
from specs.reading import files, invalid
from specs.reading.documents import Document, Reader
from specs.resource import Metadata, Ref, Resource
from specs.structs import replace
from specs.tree import Tree, within
from specs.yaml import Node

IMPLIED = "default"
"""Name of the data center and of the cluster that exist when none is declared."""
_NO_ID = "00000000-0000-0000-0000-000000000000"
"""Of a Repository without a sound one, so that the rest of it can be looked at; nothing that has it is ever loaded."""


def load(tree: Tree, root: str = ".") -> Catalog:
    """The catalog of the repository whose `gitvirt.yaml` is in the folder `root` of the tree.

    `include:` may lead anywhere inside the tree. Raises LoadFailed with all findings if one of them is an error.
    """
    loading = _Loading(tree, root)
    catalog = loading.catalog()
    findings = in_order(loading.findings)
    if catalog is None or any(each.severity == "error" for each in findings):
        raise LoadFailed(findings)
    return replace(catalog, warnings=findings)


class _Loading:
    """One run of `load`; `findings` grow from stage to stage."""

    def __init__(self, tree: Tree, root: str) -> None:
        self.listing = files.Listing(tree)
        self.root = posixpath.normpath(root)
        self.findings: list[Finding] = []
        self.reader = Reader(self.findings)
        self.partial: list[Resource] = []

    def catalog(self) -> Catalog | None:
        """The catalog, faulty if there are errors; None if there is no repository at all."""
        own = self._own_documents()
        if own is None:
            return None
        repository, documents = own
        documents += self._included(repository)
        declared = self._by_ref(documents)
        self._imply(declared, repository)
        layers = Layers(declared, repository, self.findings)
        resources = {ref: self._resource(layers, declared[ref]) for ref in sorted(declared)}
        home = self._resource(layers, repository) or self._faulty(repository.ref)
        sound = {ref: each for ref, each in resources.items() if each is not None}
        if home is None:
            return None
        reading = texts.Reading(self.listing, self.findings)
        reading.secrets(home)
        reading.texts(each for ref, each in sound.items() if ref.kind == "VirtualMachine")
        catalog = Catalog(repository=home, resources=sound, contents=reading.contents)
        complete = self.reader.unreadable == 0
        scope = check.Scope(catalog, frozenset(declared), complete, self.listing.files, tuple(self.partial))
        self.findings.extend(check.findings(scope))
        return catalog

    def _own_documents(self) -> tuple[Document, list[Document]] | None:
        """The Repository and what else is in its file."""
        path = files.root_path(self.root)
        if self.listing.problem is not None:
            self.findings.append(self.listing.problem)
            return None
        if path not in self.listing.files:
            fix = files.elsewhere(self.listing, self.root)
            where = Location(self.listing.tree.label)
            self.findings.append(Finding(where=where, path="", what=f"there is no {path}", fix=fix))
            return None
        documents = self._documents(path)
        repositories = [each for each in documents if each.ref.kind == "Repository"]
        if not repositories:
            if not self.findings:
                fix = "`gitvirt init` shows how it begins"
                self.findings.append(
                    Finding(where=Location(path), path="", what="no document of kind Repository", fix=fix)
                )
            return None
        return repositories[0], [each for each in documents if each is not repositories[0]]

    def _documents(self, path: str) -> list[Document]:
        parsed = self.listing.parsed(path)
        self.findings.extend(parsed.findings)
        self.reader.unreadable += parsed.cut
        found = (self.reader.read(node) for node in parsed.documents)
        return [each for each in found if each is not None]

    def _included(self, repository: Document) -> list[Document]:
        documents: list[Document] = []
        encrypted = {within(self.root, each) for each in _encrypted(repository)}
        for path in files.selected(self.listing, self.root, _include(repository), self.findings):
            documents += self._documents(path) if path not in encrypted else []
        return documents

    def _by_ref(self, documents: list[Document]) -> dict[Ref, Document]:
        declared: dict[Ref, Document] = {}
        for each in documents:
            first = declared.get(each.ref)
            if each.ref.kind == "Repository":
                what, why = "a second Repository", "there is one, in gitvirt.yaml"
                self._wrong(each.place, "kind", what, why, "take it away")
            elif first is not None:
                what, why = f"{each.ref} is declared twice", f"first in {first.name_place}"
                self._wrong(each.name_place, "metadata.name", what, why, "rename or remove one of them")
            else:
                declared[each.ref] = each
        return declared

    def _imply(self, declared: dict[Ref, Document], repository: Document) -> None:
        """The data center and the cluster that nobody has to write."""
        for kind in ("DataCenter", "Cluster"):
            if not any(ref.kind == kind for ref in declared):
                ref, place = Ref(kind, IMPLIED), Location(repository.place.file)
                metadata = Metadata(name=IMPLIED)
                spec = Node({}, place)
                declared[ref] = Document(ref=ref, metadata=metadata, spec=spec, place=place, name_place=place)

    def _resource(self, layers: Layers, document: Document) -> Resource | None:
        """The object with its effective spec; None, and findings, if the model refuses it."""
        kind = KINDS[document.ref.kind]
        node = layers.effective(document)
        declared: Declared = {}
        values = merge.flat(node, kind.shape, "", declared)
        try:
            return _made(document, kind.model.model_validate(values), declared)
        except ValidationError as error:
            self.findings.extend(invalid.findings_of(error, node, kind.shape))
            invalid.without_faults(error, values)
        if document.ref.kind == "Repository":
            values.setdefault("id", _NO_ID)
        with suppress(ValidationError):
            self.partial.append(_made(document, kind.model.model_validate(values), declared))
        return None

    def _faulty(self, ref: Ref) -> Resource | None:
        """What is left of an object with faults: those of the Repository must not hide what is wrong elsewhere."""
        return next((each for each in self.partial if each.ref == ref), None)

    def _wrong(self, where: Location, path: str, what: str, why: str = "", fix: str = "") -> None:
        self.findings.append(Finding(where=where, path=path, what=what, why=why, fix=fix))


def _made(document: Document, spec: Model, declared: Declared) -> Resource:
    return Resource(
        ref=document.ref,
        metadata=document.metadata,
        spec=spec,
        declared=declared,
        location=document.place,
        implied=document.place.line == 0,
    )


def _include(repository: Document) -> Iterator[tuple[str, Location]]:
    """What `include:` names; its own folder if it is absent. What is no text is refused by the model later."""
    assert isinstance(repository.spec.value, dict)
    node = repository.spec.value.get("include")
    if node is None or node.value is None:
        yield ".", repository.place
    for each in node.value if node is not None and isinstance(node.value, list) else ():
        if isinstance(each.value, str):
            yield each.value, each.place


def _encrypted(repository: Document) -> Iterator[str]:
    """The files that `secrets:` names, which are YAML but no documents. What is wrong there the model tells later."""
    assert isinstance(repository.spec.value, dict)
    node = repository.spec.value.get("secrets")
    value = node.value if node is not None else None
    for entry in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        for key in ("sops", "age"):
            path = entry.value[key].value if isinstance(entry.value, dict) and key in entry.value else None
            if isinstance(path, str):
                yield path
