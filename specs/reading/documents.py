"""Documents: one YAML document → kind, metadata, spec, each with its place; or findings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from contextlib import suppress

from specs.errors import BadReference, Finding, Location, did_you_mean
from specs.kinds import API_VERSION, KINDS
from specs.model import NAME_PATTERN, NAME_RULE
from specs.resource import Metadata, Ref, kind_named
from specs.structs import Struct
from specs.yaml import Node

_KEYS = ("apiVersion", "kind", "metadata", "spec")
_METADATA = ("name", "labels", "renamedFrom")
_NAME = re.compile(NAME_PATTERN, re.ASCII)
_LABEL = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_./-]{0,251}[A-Za-z0-9])?", re.ASCII)
_LABEL_VALUE = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?)?", re.ASCII)


class Document(Struct, frozen=True, kw_only=True):
    """A document whose envelope is sound. `spec` is a mapping, as written; `name_place` is where its name stands."""

    ref: Ref
    metadata: Metadata
    spec: Node
    place: Location
    name_place: Location


class Reader:
    """Reads the envelopes of documents and gathers what is wrong. `unreadable` counts documents given up."""

    def __init__(self, findings: list[Finding]) -> None:
        self.findings = findings
        self.unreadable = 0

    def read(self, node: Node) -> Document | None:
        """The document, or None if it cannot be told what it is (or it is an encrypted file: none of ours)."""
        fields = node.value
        if not isinstance(fields, dict):
            self._given_up(node, "", "a document must be a mapping", fix=f"begin with `apiVersion: {API_VERSION}`")
            return None
        if "sops" in fields and "apiVersion" not in fields:
            return None
        kind = self._kind(node, fields)
        if kind is None:
            return None
        self._unknown_keys(fields, kind)
        metadata_node = fields.get("metadata")
        metadata = self._metadata(node, metadata_node)
        spec = fields.get("spec") or Node({}, node.place)
        if spec.value is None:
            spec = Node({}, spec.place)
        if not isinstance(spec.value, dict):
            self._wrong(spec, "spec", "this must be a mapping", fix="write its fields below it, indented")
            spec = Node({}, spec.place)
        if metadata is None or metadata_node is None:
            self.unreadable += 1
            return None
        assert isinstance(metadata_node.value, dict)
        name_place = metadata_node.value["name"].place
        ref = Ref(kind, metadata.name)
        return Document(ref=ref, metadata=metadata, spec=spec, place=node.place, name_place=name_place)

    def _kind(self, node: Node, fields: Mapping[str, Node]) -> str | None:
        version, kind = fields.get("apiVersion"), fields.get("kind")
        if version is None or version.value != API_VERSION:
            what = "`apiVersion` is missing" if version is None else f"unknown apiVersion {_shown(version)}"
            fix = f"write `apiVersion: {API_VERSION}`, or keep files of other programs out of the included folders"
            self._given_up(version or node, "apiVersion", what, fix)
            return None
        if kind is None or not isinstance(kind.value, str) or kind.value not in KINDS:
            what = "`kind` is missing" if kind is None else f"unknown kind {_shown(kind)}"
            near = _near_kind(kind.value) if kind is not None and isinstance(kind.value, str) else ""
            self._given_up(kind or node, "kind", what, near or f"use one of {', '.join(KINDS)}")
            return None
        return kind.value

    def _unknown_keys(self, fields: Mapping[str, Node], kind: str) -> None:
        for key, child in fields.items():
            if key not in _KEYS:
                inside = key in KINDS[kind].shape.fields
                fix = "write it below `spec:`" if inside else did_you_mean(key, _KEYS)
                self._wrong(child, key[:80], "unknown field", fix=fix)

    def _metadata(self, document: Node, node: Node | None) -> Metadata | None:
        if node is None or not isinstance(node.value, dict):
            self._wrong(
                node or document,
                "metadata",
                "`metadata` with a name is missing",
                fix="write `metadata: {name: NAME}`",
            )
            return None
        for key, child in node.value.items():
            if key not in _METADATA:
                fix = did_you_mean(key, _METADATA) or f"known are {', '.join(_METADATA)}"
                self._wrong(child, f"metadata.{key[:80]}", "unknown field", fix=fix)
        name = self._name(node, "name")
        if name is None and ("name" not in node.value or node.value["name"].value is None):
            self._wrong(node, "metadata.name", "the name is missing", fix="write `metadata: {name: NAME}`")
        renamed = self._name(node, "renamedFrom") or ""
        labels = self._labels(node.value.get("labels"))
        if name is not None and renamed == name:
            self._wrong(
                node.value["renamedFrom"], "metadata.renamedFrom", "this is its name already", fix="take it away"
            )
        place = node.value["renamedFrom"].place if renamed else None
        return None if name is None else Metadata(name=name, labels=labels, renamed_from=renamed, renamed_place=place)

    def _name(self, metadata: Node, key: str) -> str | None:
        assert isinstance(metadata.value, dict)
        node = metadata.value.get(key)
        if node is None or node.value is None:
            return None
        if isinstance(node.value, str) and _NAME.fullmatch(node.value):
            return node.value
        scalar = isinstance(node.value, int | float)
        self._wrong(node, f"metadata.{key}", f"{_shown(node)} is not a name", fix="quote it" if scalar else NAME_RULE)
        return None

    def _labels(self, node: Node | None) -> Mapping[str, str]:
        if node is None or node.value is None:
            return {}
        if not isinstance(node.value, dict):
            self._wrong(node, "metadata.labels", "labels must be a mapping", fix="write `labels: {tier: web}`")
            return {}
        labels: dict[str, str] = {}
        for key, child in node.value.items():
            path = f"metadata.labels.{key[:80]}"
            if not _LABEL.fullmatch(key):
                self._wrong(child, path, "this is no name of a label", fix="use letters, digits and `_ . / -`")
            elif not isinstance(child.value, str):
                self._wrong(child, path, "the value of a label must be text", fix="quote it")
            elif not _LABEL_VALUE.fullmatch(child.value):
                self._wrong(child, path, "this is no value of a label", fix="at most 63 letters, digits and `_ . -`")
            else:
                labels[key] = child.value
        return labels

    def _wrong(self, node: Node, path: str, what: str, fix: str = "") -> None:
        self.findings.append(Finding(where=node.place, path=path, what=what, fix=fix))

    def _given_up(self, node: Node, path: str, what: str, fix: str) -> None:
        self.unreadable += 1
        self._wrong(node, path, what, fix)


def _near_kind(word: str) -> str:
    """Also for `vm` or `vms`, which the command line takes."""
    with suppress(BadReference):
        return f"did you mean `{kind_named(word)}`?"
    return did_you_mean(word, KINDS)


def _shown(node: Node) -> str:
    if isinstance(node.value, dict | list):
        return "of this form"
    return f"`{str(node.value).lower() if isinstance(node.value, bool) else str(node.value)[:60]}`"
