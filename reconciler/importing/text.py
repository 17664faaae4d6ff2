"""Documents → YAML as people write it: short mappings on one line, XML as literal blocks, comments above. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from reconciler.importing.document import Document
from specs.kinds import API_VERSION, KINDS
from specs.render import scalar

_ROOT = """\
# Who this repository is. Every field: `gitvirt schema --docs`.
apiVersion: {version}
kind: Repository
metadata: {{name: {name}}}
spec:
  id: {identity}  # random; never change it: it is how gitvirt knows its own VMs
"""
_LAST = ("autostart", "uuid", "state", "drift", "xml")
"""What a reader looks for last; all else stands in the order of the model."""
_WIDTH = 110
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")
_BLOCK_LINE = re.compile(r"[^\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]*")


def text(document: Document) -> str:
    """The document as it goes into its file."""
    lines = [f"# {printable(each)}" for each in document.comments]
    lines += [
        f"apiVersion: {API_VERSION}",
        f"kind: {document.ref.kind}",
        f"metadata: {{name: {scalar(document.ref.name)}}}",
    ]
    spec = ordered(document)
    short = _flow(spec) if document.machine is None else None
    if not spec or (short is not None and len(short) < _WIDTH):
        return "\n".join([*lines, f"spec: {short or '{}'}"]) + "\n"
    return "\n".join([*lines, "spec:", *_mapping(spec, "  ")]) + "\n"


def root(name: str, identity: str) -> str:
    """A gitvirt.yaml for a folder that has none."""
    return _ROOT.format(version=API_VERSION, name=scalar(name), identity=identity)


def ordered(document: Document) -> dict[str, Any]:
    """The spec's fields in the order in which they are read."""
    order = [each for each in KINDS[document.ref.kind].shape.fields if each not in _LAST] + list(_LAST)
    return {key: document.spec[key] for key in sorted(document.spec, key=order.index)}


def printable(comment: str) -> str:
    """On one line, whatever a host called its things."""
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", comment)[:500]


def _mapping(values: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, value in values.items():
        yield from _pair(key, value, indent)


def _pair(key: str, value: Any, indent: str) -> Iterator[str]:
    head = f"{indent}{scalar(key)}:"
    if isinstance(value, str) and "\n" in value and _fits_block(value):
        yield f"{head} |-"
        yield from (f"{indent}  {line}" if line else "" for line in value.split("\n"))
    elif isinstance(value, Mapping | list) and value:
        flat = _flow(value)
        if flat is not None and len(head) + len(flat) < _WIDTH and (isinstance(value, Mapping) or _plain(value)):
            yield f"{head} {flat}"
        elif isinstance(value, Mapping):
            yield head
            yield from _mapping(value, indent + "  ")
        else:
            yield head
            yield from _items(value, indent + "  ")
    else:
        yield f"{head} {scalar(value) if isinstance(value, str) else _flow(value)}"


def _items(values: list[Any], indent: str) -> Iterator[str]:
    for each in values:
        flat = _flow(each)
        if flat is not None and len(indent) + len(flat) < _WIDTH:
            yield f"{indent}- {flat}"
        elif isinstance(each, Mapping):
            first, *rest = _mapping(each, indent + "  ")
            yield f"{indent}- {first.lstrip()}"
            yield from rest
        else:
            yield f"{indent}- {scalar(each)}"


def _plain(values: list[Any]) -> bool:
    return not any(isinstance(each, Mapping | list) for each in values)


def _flow(value: Any) -> str | None:
    """The value on one line; None for texts that have lines."""
    if isinstance(value, Mapping):
        parts = [(scalar(str(key)), _flow(each)) for key, each in value.items()]
        return None if any(each is None for _, each in parts) else "{" + ", ".join(f"{k}: {v}" for k, v in parts) + "}"
    if isinstance(value, list):
        items = [_flow(each) for each in value]
        return None if any(each is None for each in items) else "[" + ", ".join(map(str, items)) + "]"
    return None if isinstance(value, str) and "\n" in value else scalar(value)


def _fits_block(value: str) -> bool:
    """Whether a literal block says exactly this: printable lines, none of them blank at an end, no leading space."""
    lines = value.split("\n")
    return (
        bool(lines[0].strip())
        and not lines[0][0].isspace()
        and bool(lines[-1].strip())
        and all(_BLOCK_LINE.fullmatch(line) and (not line or line.strip()) for line in lines)
    )
