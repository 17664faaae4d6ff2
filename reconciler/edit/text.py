"""Edits of YAML text at exact places: nothing else in the file moves, comments and layout stay as they are.

In: the text of a file, the line where a document begins, the steps to a value, its shape. Out: the new text. The
places come from ruamel's nodes. What the shape says about shorthands is kept: `cpu: 2` and cpu.count=4 give `cpu: 4`.
Called by reconciler/edit/files, which checks the result.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from reconciler.edit.path import Assignment, Step
from reconciler.errors import UsageError
from specs.shape import Shape

_Node: TypeAlias = Any


def assigned(text: str, line: int, wanted: Assignment, shape: Shape) -> str:
    """The text with the value in its place. `line` (from 1) is where the object's document begins."""
    for document in _documents(text):
        if isinstance(document, MappingNode) and document.start_mark.line + 1 == line:
            return _Edit(text, wanted).into(document, wanted.steps, _envelope(shape))
    raise UsageError(f"there is no document at line {line} any more; the file was changed meanwhile")


def _documents(text: str) -> list[_Node]:
    """Nodes with their places. libyaml, by which files are loaded, takes tabs before comments and ends of lines, where
    this parser does not: it gets blanks in their place, which moves nothing. The little else that only libyaml takes
    (two ends of a document, one after the other) is for an editor.
    """
    for each in (text, text.replace("\t", " ")):
        with suppress(YAMLError):
            return _composed(each)
    raise UsageError("this file is written so that only its values can be told, not their places; edit it by hand")


def _composed(text: str) -> list[_Node]:
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ReusedAnchorWarning
        )  # an anchor may be set again, and files.py looks at aliases
        return list(YAML(typ="safe", pure=True).compose_all(text))


def _envelope(spec: Shape) -> Shape:
    """A document as a group: `spec` has its shape, `metadata` none that matters here."""
    return Shape(form="group", fields={"spec": spec})


class _Edit:
    """One assignment to one text."""

    def __init__(self, text: str, wanted: Assignment) -> None:
        self.text, self.wanted = text, wanted

    def into(self, node: _Node, steps: Sequence[Step], shape: Shape | None) -> str:
        """Descends to where the value is, or to where its key has to be added."""
        if not steps:
            return self.replaced(node, self.wanted.text)
        if isinstance(node, MappingNode):
            return self.into_mapping(node, steps, shape)
        if isinstance(node, SequenceNode) and steps[0].entry:
            return self.into_list(node, steps, shape)
        if isinstance(node, ScalarNode):
            return self.written_out(node, steps, shape)
        raise UsageError(f"{self.wanted.path}: line {_line(node)} has a list there, not a mapping")

    def into_mapping(self, node: _Node, steps: Sequence[Step], shape: Shape | None) -> str:
        name = steps[0].name
        for key, value in node.value:
            if key.value == name:
                if _elsewhere(key, value):
                    raise UsageError(f"{self.wanted.path}: line {_line(key)} refers to an anchor; edit it by hand")
                return self.into_value(key, value, steps[1:], _below(shape, steps[0]))
        return self.added_key(node, f"{_key(name)}: {_nested(steps[1:], self.wanted.text)}")

    def into_value(self, key: _Node, value: _Node, steps: Sequence[Step], shape: Shape | None) -> str:
        """The value of a key; one that is replaced as a whole may be a block that begins on the next line."""
        if steps and not _is_null(value):
            return self.into(value, steps, shape)
        new = self.wanted.text if not steps else _nested(steps, self.wanted.text)
        if isinstance(value, ScalarNode) and value.style not in ("|", ">") and not _is_empty(value):
            return self.replaced(value, new)
        start = self.text.index(":", key.end_mark.index) + 1
        end = max(start, start if _is_empty(value) else self.end(value))
        return self.spliced(start, end, f" {_anchor(value)}{new}")

    def into_list(self, node: _Node, steps: Sequence[Step], shape: Shape | None) -> str:
        for item in node.value:
            if _name_of(item) == steps[0].name:
                if not node.start_mark.index <= item.start_mark.index < node.end_mark.index:
                    raise UsageError(f"{self.wanted.path}: the entry refers to an anchor; edit it by hand")
                return self.into(item, steps[1:], shape)
        return self.added_item(node, _nested(steps, self.wanted.text)[1:-1])

    def written_out(self, node: _Node, steps: Sequence[Step], shape: Shape | None) -> str:
        """The mapping that the scalar was short for, with the new value in it; an anchor goes with the scalar."""
        short = shape.shorthand if shape is not None else ()
        if not short or steps[0].entry:
            raise UsageError(f"{self.wanted.path}: line {_line(node)} has a single value there, not a mapping")
        if short == (steps[0].name,) and len(steps) == 1:
            return self.replaced(node, self.wanted.text)
        old = self.text[node.start_mark.index : node.end_mark.index]
        fields = {name: old for name in short} | {steps[0].name: _nested(steps[1:], self.wanted.text)}
        new = "{" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}"
        return self.spliced(node.start_mark.index, self.end(node), new)

    def replaced(self, node: _Node, new: str) -> str:
        """Its anchor stays; that its aliases would change with it is for files.py to refuse."""
        return self.spliced(node.start_mark.index, self.end(node), _anchor(node) + new)

    def spliced(self, start: int, end: int, new: str) -> str:
        return self.text[:start] + new + self.text[end:]

    def added_key(self, node: _Node, pair: str) -> str:
        if node.flow_style:
            return self.added_flow(node, [value for _, value in node.value], pair)
        column = node.value[0][0].start_mark.column
        return self.added_line(self.end(node), " " * column + pair)

    def added_item(self, node: _Node, item: str) -> str:
        if node.flow_style:
            return self.added_flow(node, node.value, item)
        dash = self.text.rfind("-", 0, node.value[0].start_mark.index)
        return self.added_line(self.end(node), " " * (dash - self.text.rfind("\n", 0, dash) - 1) + "- " + item)

    def added_flow(self, node: _Node, children: Sequence[_Node], new: str) -> str:
        at = self.end(children[-1]) if children else node.start_mark.index + 1
        return self.text[:at] + (", " if children else "") + new + self.text[at:]

    def added_line(self, after: int, line: str) -> str:
        """A new line below the one in which `after` lies; a comment at its end stays there."""
        end = self.text.find("\n", after)
        if end < 0:
            return f"{self.text}\n{line}\n"
        line += "\r" if self.text[end - 1] == "\r" else ""
        return f"{self.text[:end]}\n{line}{self.text[end:]}"

    def end(self, node: _Node) -> int:
        """Where the last character of a node is written; ruamel ends blocks only where the next thing begins."""
        if isinstance(node, ScalarNode):
            end = node.end_mark.index
        elif node.flow_style or not node.value:
            return int(node.end_mark.index)
        else:
            last = node.value[-1]
            key, child = last if isinstance(last, tuple) else (None, last)
            if key is not None and (_is_empty(child) or _elsewhere(key, child)):
                return self.line_end(key.end_mark.index)
            return self.end(child)
        written = self.text[node.start_mark.index : end]
        return int(node.start_mark.index + len(written.rstrip())) if node.style in ("|", ">") else int(end)

    def line_end(self, at: int) -> int:
        end = self.text.find("\n", at)
        return len(self.text) if end < 0 else end


def _nested(steps: Sequence[Step], value: str) -> str:
    """The value below the steps in flow style: `{size: 1GiB}`, `[{name: data, size: 1GiB}]`."""
    for step in reversed(steps):
        value = f"[{{name: {step.name}, {value[1:]}]" if step.entry else f"{{{_key(step.name)}: {value}}}"
    return value


def _below(shape: Shape | None, step: Step) -> Shape | None:
    return shape.fields.get(step.name) if shape is not None else None


def _key(name: str) -> str:
    from specs.render import scalar

    return scalar(name)


def _name_of(item: _Node) -> str | None:
    if isinstance(item, ScalarNode):
        return str(item.value)
    if isinstance(item, MappingNode):
        return next((str(value.value) for key, value in item.value if key.value == "name"), None)
    return None


def _is_empty(node: _Node) -> bool:
    return isinstance(node, ScalarNode) and node.start_mark.index == node.end_mark.index


def _is_null(node: _Node) -> bool:
    return isinstance(node, ScalarNode) and node.style is None and node.value in ("", "~", "null", "Null", "NULL")


def _anchor(node: _Node) -> str:
    return f"&{node.anchor} " if node.anchor else ""


def _elsewhere(key: _Node, value: _Node) -> bool:
    """An alias: its node is that of the anchor, which is written before the key."""
    return bool(value.start_mark.index < key.start_mark.index)


def _line(node: _Node) -> int:
    return int(node.start_mark.line) + 1
