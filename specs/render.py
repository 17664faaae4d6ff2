"""Render: effective objects as YAML, each value with the place that it comes from.

Reading the result again gives the same objects; secrets that stand in the repository are the exception, they are shown
as `***`. Called by `gitvirt render` and by whatever has to show an object as people write it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from specs.catalog import Catalog
from specs.errors import SpecError, did_you_mean
from specs.fields import Secret
from specs.kinds import API_VERSION, KINDS
from specs.model import Model
from specs.resource import Ref, Resource
from specs.shape import Shape
from specs.yaml import plain

_SIMPLE = re.compile(r"[A-Za-z0-9_/.][A-Za-z0-9_./:@+%-]*(?<!:)", re.ASCII)
_NOT_SIMPLE = re.compile(r"[0-9:._-]+|[yYnN]|(?i:yes|no|on|off|true|false|null)|<<", re.ASCII)
_BLOCK = re.compile(r"[^\s\x00-\x08\x0b-\x1f\x7f-\x9f][^\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\ufeff]*\n")
_COMMENT_COLUMN = 48


class NoSuchResource(SpecError):
    """The repository declares no such object."""


def render(catalog: Catalog, ref: Ref | None = None) -> str:
    """One object, or all of them (the repository first, then by kind and name) as documents of one text."""
    if ref is None:
        order = {kind: place for place, kind in enumerate(KINDS)}
        rest = sorted(catalog.resources.values(), key=lambda each: (order[each.ref.kind], each.name))
        return "---\n".join(document(each) for each in (catalog.repository, *rest))
    resource = catalog.repository if ref == catalog.repository.ref else catalog.resources.get(ref)
    if resource is None:
        near = did_you_mean(ref.name, (each.name for each in catalog.of(ref.kind)))
        raise NoSuchResource(f"there is no {ref}" + (f"; {near}" if near else ""))
    return document(resource)


def document(resource: Resource) -> str:
    """One object as a YAML document with the origin of each value as a comment."""
    metadata: dict[str, Any] = {"name": resource.name}
    if resource.metadata.labels:
        metadata["labels"] = dict(resource.metadata.labels)
    if resource.metadata.renamed_from:
        metadata["renamedFrom"] = resource.metadata.renamed_from
    origin = "implied, nobody declares it" if resource.implied else str(resource.location)
    spec = list(_group(_Writer(resource), resource.spec, KINDS[resource.ref.kind].shape, "", "  "))
    lines = [
        f"apiVersion: {API_VERSION}",
        _commented(f"kind: {resource.ref.kind}", origin),
        "metadata:",
        *_free(metadata, "  "),
        *(["spec:", *spec] if spec else ["spec: {}"]),
    ]
    return "\n".join(lines) + "\n"


def spec_data(resource: Resource) -> dict[str, Any]:
    """The effective spec as plain data, values as they are written in YAML; secrets as `***`."""
    written = _written(resource.spec, KINDS[resource.ref.kind].shape)
    assert isinstance(written, dict)
    return written


class _Writer:
    """Tells where the values of one resource come from."""

    def __init__(self, resource: Resource) -> None:
        self._declared = resource.declared

    def origin(self, path: str) -> str:
        place = self._declared.get(path)
        return str(place) if place is not None else "filled in"

    def declares(self, path: str) -> bool:
        return path in self._declared


def _group(writer: _Writer, model: Model, shape: Shape, path: str, indent: str) -> Iterator[str]:
    for key, field in shape.fields.items():
        value, here = getattr(model, field.attribute), f"{path}.{key}" if path else key
        if value is None and not (field.empty and writer.declares(here)):
            continue
        if key == "name" and field.effect == "identity":
            yield f"{indent}{key}: {scalar(value)}"
        elif field.form == "group":
            inner = list(_group(writer, value, field, here, indent + "  "))
            yield from [f"{indent}{key}:", *inner] if inner else [f"{indent}{key}: {{}}"]
        elif field.form == "named" and value:
            yield f"{indent}{key}:"
            for entry in value:
                yield from _entry(writer, entry, field, f"{here}[{entry.name}]", indent + "  ")
        else:
            yield from _leaf(f"{indent}{key}:", _written(value, field), writer.origin(here), indent)


def _entry(writer: _Writer, entry: Any, shape: Shape, path: str, indent: str) -> Iterator[str]:
    first, *rest = _group(writer, entry, shape, path, indent + "  ")
    yield _commented(f"{indent}- {first.strip()}", writer.origin(path) if writer.declares(path) else "")
    yield from rest


def _leaf(head: str, value: Any, origin: str, indent: str) -> Iterator[str]:
    if isinstance(value, str) and "\n" in value and _is_block(value):
        yield _commented(f"{head} |", origin)
        yield from (f"{indent}  {line}" if line else "" for line in value.removesuffix("\n").split("\n"))
    elif isinstance(value, Mapping | list) and value:
        yield _commented(head, origin)
        yield from _free(value, indent + "  ")
    else:
        yield _commented(f"{head} {scalar(value)}", origin)


def _free(value: Any, indent: str) -> Iterator[str]:
    """A mapping or list that is not empty, one scalar a line."""
    items = value.items() if isinstance(value, Mapping) else ((None, each) for each in value)
    for key, item in items:
        head = f"{indent}-" if key is None else f"{indent}{scalar(str(key))}:"
        if isinstance(item, Mapping | list) and item:
            inner = list(_free(item, indent + "  "))
            yield from [f"{head} {inner[0].lstrip()}", *inner[1:]] if key is None else [head, *inner]
        else:
            yield f"{head} {scalar(item)}"


def _is_block(text: str) -> bool:
    """Whether a text can be a literal block: printable lines, the last one ended, no space to begin with."""
    return (
        _BLOCK.fullmatch(text, 0, text.index("\n") + 1) is not None
        and all(_BLOCK.fullmatch("x" + line + "\n") for line in text.removesuffix("\n").split("\n"))
        and text.endswith("\n")
        and not text.endswith("\n\n")
    )


def _written(value: Any, shape: Shape) -> Any:
    """A model's value as it is written in YAML: plain mappings, lists and scalars."""
    if isinstance(value, Secret):
        return repr(value)
    if isinstance(value, Model):
        fields = [(key, field, getattr(value, field.attribute)) for key, field in shape.fields.items()]
        written = {key: _written(each, field) for key, field, each in fields if each is not None}
        return written[shape.shorthand[0]] if shape.atomic and [*written] == [*shape.shorthand] else written
    if isinstance(value, tuple | list):
        return [_written(each, shape) for each in value]
    if isinstance(value, Mapping):
        return {key: _written(each, shape) for key, each in value.items()}
    return shape.written(value) if shape.written is not None else value


def scalar(value: Any) -> str:
    """One scalar as YAML that every reader takes for the same value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    if not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if _SIMPLE.fullmatch(value) and not _NOT_SIMPLE.fullmatch(value) and plain(value) == value:
        return value
    return _quoted(value)


def _quoted(text: str) -> str:
    """In double quotes, with everything escaped that YAML does not take as it is."""
    quoted = json.dumps(text, ensure_ascii=False)
    return re.sub(r"[\x7f-\xa0\u2028\u2029\ufeff\ufffe\uffff]", lambda found: f"\\u{ord(found[0]):04x}", quoted)


def _commented(line: str, comment: str) -> str:
    return f"{line:<{_COMMENT_COLUMN}}  # {comment}" if comment else line
