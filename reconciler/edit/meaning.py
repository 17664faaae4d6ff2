"""Meaning: what the documents of one file declare, so that an edit is known by what it changes.

In: a text. Out: every value by its object and path, shorthands written out. Called by reconciler/edit/files before
and after an edit: whatever differs must be what was asked for, or a part of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from reconciler.edit.path import Step
from reconciler.errors import UsageError
from specs import merge
from specs.fields import Secret
from specs.kinds import KINDS
from specs.reading.documents import Document, Reader
from specs.resource import Ref
from specs.shape import Shape
from specs.structs import Struct
from specs.yaml import Node, parse

_Leaf = tuple[Ref, str]


class Meaning(Struct, frozen=True, kw_only=True):
    """The documents by what they declare, their specs with shorthands written out, and every leaf by its path."""

    documents: Mapping[Ref, Document]
    specs: Mapping[Ref, Node]
    leaves: Mapping[_Leaf, Any]

    def differing(self, other: Meaning) -> set[_Leaf]:
        """The leaves that are not the same in both."""
        return {
            each for each in self.leaves.keys() | other.leaves.keys() if self.leaves.get(each) != other.leaves.get(each)
        }

    def is_part(self, each: _Leaf, path: str, ref: Ref) -> bool:
        """Whether a leaf may change with an assignment to `path`: what lies below it, the name of a new entry, or an
        empty mapping or list that something comes into.
        """
        owner, at = each
        entry = path[: path.rfind("]") + 1]
        filled = (not at or _below(path, at)) and self.leaves.get(each) in ({}, [])
        return owner == ref and (at == path or _below(at, path) or filled or bool(entry and at == f"{entry}.name"))

    def at(self, ref: Ref, steps: Sequence[Step], shape: Shape) -> Any:
        """The value at the end of the steps as plain data, None if nothing is there."""
        if steps[0].name == "metadata":
            metadata = self.documents[ref].metadata
            if steps[1].name == "renamedFrom":
                return metadata.renamed_from or None
            return metadata.labels.get(steps[2].name) if len(steps) > 2 else dict(metadata.labels) or None
        node, inner = self.specs[ref], shape
        for step in steps[1:]:
            if not isinstance(node.value, dict) or step.name not in node.value:
                return None
            node, inner = node.value[step.name], _inner(inner, step.name)
        return _plain(node, inner)


def meaning(file: str, text: str, ref: Ref) -> Meaning:
    """Of all documents of the file; UsageError, which names the object to be edited, if it does not parse."""
    parsed = parse(file, text.encode("utf-8", "surrogateescape"))
    if parsed.findings:
        raise UsageError(f"{ref}: the edit does not fit into {file}: {parsed.findings[0]}; edit it by hand")
    read = (Reader([]).read(node) for node in parsed.documents)
    documents = {each.ref: each for each in read if each is not None}
    specs = {each.ref: merge.normal(each.spec, KINDS[each.ref.kind].shape, "", []) for each in documents.values()}
    leaves = {(owner, at): value for owner in documents for at, value in _of_document(documents[owner], specs[owner])}
    return Meaning(documents=documents, specs=specs, leaves=leaves)


def _of_document(document: Document, spec: Node) -> Iterator[tuple[str, Any]]:
    yield from _leaves(spec, KINDS[document.ref.kind].shape, "")
    for label, value in document.metadata.labels.items():
        yield f"metadata.labels.{label}", value
    yield "metadata.renamedFrom", document.metadata.renamed_from


def _leaves(node: Node, shape: Shape, path: str) -> Iterator[tuple[str, Any]]:
    if not isinstance(node.value, dict) or not node.value:
        yield path, merge.bare(node)
        return
    for key, child in node.value.items():
        at = f"{path}[{key}]" if shape.form == "named" else f"{path}.{key}" if path else key
        yield from _leaves(child, _inner(shape, key), at)


def _inner(shape: Shape, name: str) -> Shape:
    """The shape of an entry of a named list, or of a field; an empty one in a mapping of any keys."""
    if shape.form == "named":
        return Shape(form="group", fields=shape.fields)
    return shape.fields.get(name, Shape())


def _plain(node: Node, shape: Shape) -> Any:
    """As `merge.bare`, with named lists as lists and clear texts of secrets hidden."""
    if not isinstance(node.value, dict):
        return merge.bare(node)
    hidden = shape.shorthand == ("value",)
    fields = {
        name: Secret(str(child.value)) if hidden and name == "value" else _plain(child, _inner(shape, name))
        for name, child in node.value.items()
        if child.value is not None
    }
    return list(fields.values()) if shape.form == "named" else fields


def _below(at: str, path: str) -> bool:
    return at.startswith((path + ".", path + "["))
