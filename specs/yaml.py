"""YAML: bytes of one file → nodes with their places, safely and fast.

libyaml's events (through ruamel.yaml.clib) are turned into nodes here, without recursion and with limits, so that no
input can exhaust stack or memory. Scalars are read by the core schema of YAML 1.2: `no`, `on` and `12:30` are text.
Called by `specs.reading.documents`. What cannot be read becomes a Finding; documents before it are still returned.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from _ruamel_yaml import (  # type: ignore[import-not-found]
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.error import YAMLError

from specs.errors import BadValue, Finding, Location
from specs.reading import events
from specs.reading.encoding import decoded
from specs.structs import Struct, field

MOST_NODES = 100_000
"""Of one file, counting what an alias repeats."""
DEEPEST = 40

Content: TypeAlias = "str | int | float | bool | dict[str, Node] | list[Node] | None"


class Node:
    """One value and where it was written; in a mapping, the place is that of the key. Treat as immutable."""

    __slots__ = ("place", "value")

    def __init__(self, value: Content, place: Location) -> None:
        self.value = value
        self.place = place

    def __repr__(self) -> str:
        return f"Node({self.value!r}, {self.place})"


class Filled(Node):
    """A value that nobody wrote, filled in because only one is possible."""

    __slots__ = ()


class Parsed(Struct):
    """The documents of one file (empty ones left out), what was wrong with it, and whether its end was not reached."""

    documents: list[Node] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    cut: bool = False


def parse(file: str, content: bytes) -> Parsed:
    """Reads all documents of a file; never raises, whatever the bytes."""
    text = decoded(file, content)
    if isinstance(text, Finding):
        return Parsed(findings=[text], cut=True)
    parsed, error = _built(file, events.fast(text))
    if error is not None and events.is_colon_in_flow(error):
        parsed, error = _built(file, events.shielded(text))
        if error is not None:
            parsed, error = _built(file, events.slow(text))
    if error is not None:
        parsed.findings.append(events.syntax_error(file, text, error))
        parsed.cut = True
    return parsed


def _built(file: str, source: Iterator[Any]) -> tuple[Parsed, YAMLError | None]:
    """What can be read, and why not all of it."""
    parsed = Parsed()
    try:
        _Builder(file, parsed).run(source)
    except _Refused as refused:
        parsed.findings.append(refused.finding)
        parsed.cut = True
    except YAMLError as error:
        return parsed, error
    return parsed, None


class _Refused(Exception):
    """What cannot be read past; lesser faults are noted, and the rest of the file is read."""

    def __init__(self, where: Location, what: str, why: str = "", fix: str = "") -> None:
        self.finding = Finding(where=where, path="", what=what, why=why, fix=fix)


class _Open:
    """A mapping or sequence that is being read. `dropped`: the value of this key has no place in it."""

    __slots__ = ("anchor", "children", "dropped", "key", "key_place", "node", "start")

    def __init__(self, node: Node, anchor: str | None, start: int) -> None:
        self.node, self.anchor, self.start = node, anchor, start
        self.children: Any = node.value
        self.key: str | None = None
        self.key_place = node.place
        self.dropped = False


class _Builder:
    """Turns one stream of events into nodes. `count` is the number of nodes with aliases multiplied out."""

    def __init__(self, file: str, parsed: Parsed) -> None:
        self.file, self.parsed = file, parsed
        self.stack: list[_Open] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.count = 0
        self.handlers: dict[type, Callable[[Any], None]] = {
            ScalarEvent: self.scalar,
            MappingStartEvent: self.mapping,
            SequenceStartEvent: self.sequence,
            MappingEndEvent: self.end,
            SequenceEndEvent: self.end,
            AliasEvent: self.alias,
            DocumentStartEvent: self.document,
            DocumentEndEvent: self.document_end,
        }

    def run(self, source: Iterator[Any]) -> None:
        handlers = self.handlers
        for event in source:
            handler = handlers.get(type(event))
            if handler is not None:
                handler(event)

    def document(self, event: Any) -> None:
        self.anchors = {}
        self.root: Node | None = None

    def document_end(self, event: Any) -> None:
        if self.root is not None and self.root.value is not None:
            self.parsed.documents.append(self.root)

    def scalar(self, event: Any) -> None:
        top = self.stack[-1] if self.stack else None
        place = self.place(event)
        if top is not None and top.key is None and type(top.children) is dict:
            self.set_key(top, event, place)
            return
        self.note_tag(event, place)
        self.counted(1, place)
        node = Node(self.value(event, place), place)
        if event.anchor is not None:
            self.anchors[event.anchor] = (node, 1)
        self.put(node)

    def value(self, event: Any, place: Location) -> Content:
        try:
            return plain(event.value) if event.implicit[0] else event.value
        except BadValue as error:
            self.note(place, error.what, error.why, error.fix)
            return None

    def set_key(self, top: _Open, event: Any, place: Location) -> None:
        key = event.value
        if event.anchor is not None:
            self.note(place, "an anchor on a key", "only values may be repeated", "put it on the value")
        self.note_tag(event, place)
        merged = key == "<<" and event.implicit[0]
        if merged:
            why = "merge keys are not part of YAML 1.2"
            self.note(place, "`<<` is not supported", why, "use `defaults` or an InstanceType")
        elif key in top.children:
            first = top.children[key].place
            self.note(place, f"`{key[:80]}` is written twice", f"first in line {first.line}", "take one away")
        top.key, top.key_place, top.dropped = key, place, merged or key in top.children

    def mapping(self, event: Any) -> None:
        self.open(event, {})

    def sequence(self, event: Any) -> None:
        self.open(event, [])

    def open(self, event: Any, value: Content) -> None:
        place = self.place(event)
        self.note_tag(event, place)
        self.refuse_as_key(place)
        if len(self.stack) >= DEEPEST:
            raise _Refused(place, f"more than {DEEPEST} levels deep", "nothing that can be declared is so deep")
        self.stack.append(_Open(Node(value, place), event.anchor, self.count))
        self.counted(1, place)

    def end(self, event: Any) -> None:
        done = self.stack.pop()
        if done.anchor is not None:
            self.anchors[done.anchor] = (done.node, self.count - done.start)
        self.put(done.node)

    def alias(self, event: Any) -> None:
        place = self.place(event)
        self.refuse_as_key(place)
        if event.anchor not in self.anchors:
            inside = any(each.anchor == event.anchor for each in self.stack)
            why = "it would contain itself" if inside else "no `&` of that name stands before it in this document"
            self.note(place, f"`*{event.anchor}` cannot be used here", why)
            self.put(Node(None, place))
            return
        node, weight = self.anchors[event.anchor]
        self.counted(weight, place)
        self.put(Node(node.value, place))

    def put(self, node: Node) -> None:
        """Hands a finished node to what it stands in."""
        if not self.stack:
            self.root = node
            return
        top = self.stack[-1]
        if type(top.children) is list:
            top.children.append(node)
            return
        if not top.dropped:
            node.place = top.key_place
            top.children[top.key] = node
        top.key = None

    def place(self, event: Any) -> Location:
        mark = event.start_mark
        return Location(self.file, mark.line + 1, mark.column + 1)

    def counted(self, nodes: int, place: Location) -> None:
        self.count += nodes
        if self.count > MOST_NODES:
            why = "aliases count for all that they repeat"
            raise _Refused(place, f"more than {MOST_NODES} values in one file", why, "split it, or use fewer aliases")

    def note(self, place: Location, what: str, why: str = "", fix: str = "") -> None:
        self.parsed.findings.append(Finding(where=place, path="", what=what, why=why, fix=fix))

    def note_tag(self, event: Any, place: Location) -> None:
        if event.tag is not None:
            why = "the type of a value comes from its field"
            self.note(place, f"tag `{event.tag[:60]}` is not supported", why, "take it away; quote text that needs it")

    def refuse_as_key(self, place: Location) -> None:
        top = self.stack[-1] if self.stack else None
        if top is not None and top.key is None and type(top.children) is dict:
            fix = "quote text that begins with a bracket; there are no templates"
            raise _Refused(place, "a key must be plain text", fix=fix)


_NULLS = frozenset(("", "~", "null", "Null", "NULL"))
_BOOLEANS = {each: each.lower() == "true" for each in ("true", "True", "TRUE", "false", "False", "FALSE")}
_FIRST_OF_NUMBER = frozenset("0123456789+-.")
_INTEGER = re.compile(r"^[-+]?[0-9]+$", re.ASCII)
_OCTAL_OR_HEX = re.compile(r"^0o[0-7]+$|^0x[0-9a-fA-F]+$", re.ASCII)
_FLOAT = re.compile(r"^[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$", re.ASCII)
_NOT_FINITE = re.compile(r"^[-+]?\.(?:inf|Inf|INF)$|^\.(?:nan|NaN|NAN)$", re.ASCII)
_MOST_DIGITS = 40


def plain(text: str) -> str | int | float | bool | None:
    """A scalar without quotes, by the core schema of YAML 1.2."""
    if text[:1] not in _FIRST_OF_NUMBER:
        if text in _NULLS:
            return None
        return _BOOLEANS.get(text, text)
    if text[0] == "0" and text[1:2].isalpha() and _OCTAL_OR_HEX.match(text):
        return int(_bounded(text), 0)
    if _INTEGER.match(text):
        return int(_bounded(text))
    if _NOT_FINITE.match(text):
        raise BadValue(f"`{text}` is no value of any field", fix="quote it if it is text")
    return float(_bounded(text)) if _FLOAT.match(text) else text


def _bounded(digits: str) -> str:
    if len(digits) > _MOST_DIGITS:
        raise BadValue(f"a number of {len(digits)} digits", fix="quote it if it is text")
    return digits
