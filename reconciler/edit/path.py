"""Assignments: `disks[root].size=40GiB` → the steps to a value, and the value.

A path is written as in plans and findings. It begins below `spec`; `metadata.labels.tier=web` and
`metadata.renamedFrom=…` reach the metadata. The value is YAML on one line (`4GiB`, `{cores: 2}`, `[a, b]`, `null`);
what cannot be read as such is text.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from reconciler.errors import UsageError
from specs.merge import bare
from specs.render import scalar
from specs.structs import Struct
from specs.yaml import parse

_STEP = re.compile(r"(?P<key>[A-Za-z_][A-Za-z0-9_]*)(?:\[(?P<entry>[^\[\]]+)\])?(?:\.|$)")
_LABEL = re.compile(r"(?:spec\.)?metadata\.labels\.(?P<label>[^=]+)")
_METADATA = ("labels", "renamedFrom")
_EXAMPLE = {"nics": "network", "cdro": "image"}


class Step(NamedTuple):
    """One step down: into a field of a mapping, or (`entry`) to the entry of that name in a list."""

    name: str
    entry: bool = False


class Assignment(Struct, frozen=True, kw_only=True):
    """`steps` start with `spec` or `metadata`; `text` is the value as written, `value` what it means."""

    path: str
    steps: tuple[Step, ...]
    text: str
    value: Any


def assignment(argument: str) -> Assignment:
    """From `path=value`; UsageError if it is not of that form."""
    path, equals, value = argument.partition("=")
    path = path.strip()
    if not equals or not path:
        raise UsageError(f"`{argument}` is not of the form PATH=VALUE, such as memory=4GiB or disks[root].size=40GiB")
    if not value.strip():
        raise UsageError(
            f"`{argument}` has no value; write {path}=null to take it away, {path}='\"\"' for an empty text"
        )
    steps = _steps(path)
    text, meaning = _value(value.strip())
    if steps[:2] == (Step("metadata"), Step("labels")) and isinstance(meaning, int | float):
        text, meaning = scalar(value.strip()), value.strip()  # a label is text: what else could `rack=7` mean
    return Assignment(path=path, steps=steps, text=text, value=meaning)


def _steps(path: str) -> tuple[Step, ...]:
    if label := _LABEL.fullmatch(path):
        return Step("metadata"), Step("labels"), Step(label["label"])
    found: list[Step] = []
    at = 0
    while at < len(path):
        step = _STEP.match(path, at)
        if step is None or (step.end() == len(path) and path.endswith(".")):
            raise UsageError(f"`{path}` is not a path; write it as in a plan: memory, cpu.count, disks[root].size")
        found.append(Step(step["key"]))
        if step["entry"]:
            found.append(Step(step["entry"], entry=True))
        at = step.end()
    if found[-1].entry:
        raise UsageError(
            f"`{path}` is a whole entry; name a field of it, such as {path}.{_EXAMPLE.get(path[:4], 'size')}"
        )
    if found[0].name not in ("spec", "metadata"):
        found.insert(0, Step("spec"))
    if found[0].name == "metadata" and (len(found) < 2 or found[1].name not in _METADATA):
        raise UsageError(f"`{path}` cannot be set; of the metadata only labels and renamedFrom")
    if len(found) < 2:
        raise UsageError(f"`{path}` is everything; name a field, such as memory")
    return tuple(found)


def _value(text: str) -> tuple[str, Any]:
    parsed = parse("value", text.encode("utf-8", "surrogateescape"))
    if parsed.findings or len(parsed.documents) > 1 or "\n" in text:
        return scalar(text), text
    meaning = bare(parsed.documents[0]) if parsed.documents else text if text.startswith("#") else None
    flow = text[:1] in "{["
    if flow is not isinstance(meaning, dict | list) or (isinstance(meaning, str) and text[:1] not in "\"'"):
        return scalar(text), text  # also what YAML would cut at a `#`, or take for a mapping at a `:`
    return text, meaning
