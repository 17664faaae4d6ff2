"""Invalid: what pydantic found wrong in a merged spec → findings with the place of the very value and our words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from specs.errors import BadValue, Finding, did_you_mean
from specs.merge import unknown_field
from specs.shape import Shape
from specs.yaml import Node


def findings_of(error: ValidationError, node: Node, shape: Shape, *, partial: bool = False) -> Iterator[Finding]:
    """One finding for each fault. `partial` specs (defaults) may leave required fields out.

    That a list is too short is no fault of its own where its entries are at fault: pydantic has counted the good ones.
    """
    faults = error.errors(include_url=False)
    within = {fault["loc"][:-1] for fault in faults}
    for each in faults:
        if (partial and each["type"] == "missing") or (each["type"] == "too_short" and each["loc"] in within):
            continue
        spot = _spot(each["loc"], node, shape)
        what, why, fix = _WORDS.get(each["type"], _other)(spot, each)
        yield Finding(where=spot.node.place, path=spot.path, what=what, why=why, fix=fix)


def without_faults(error: ValidationError, values: dict[str, Any]) -> None:
    """Takes out of the plain values, in place, what the model refused: the value itself or, where a required field is
    missing, the entry that lacks it. What is left may be looked at for other faults.
    """
    spots = {each["loc"][:-1] if each["type"] == "missing" else each["loc"] for each in error.errors(include_url=False)}
    for loc in sorted(spots, key=lambda loc: [(isinstance(part, int), part) for part in loc], reverse=True):
        _take_out(values, loc)


def _take_out(values: Any, loc: tuple[int | str, ...]) -> None:
    holder, last = None, None
    for part in loc:
        inside = part in values if isinstance(values, dict) else isinstance(part, int) and isinstance(values, list)
        if not inside or (isinstance(values, list) and isinstance(part, int) and part >= len(values)):
            break
        holder, last, values = values, part, values[part]
    if holder is not None:
        del holder[last]


class _Spot:
    """Where a fault is: the nearest node, the shape there, the path, and the last part of pydantic's location."""

    def __init__(self, node: Node, shape: Shape) -> None:
        self.node, self.path, self.last = node, "", ""
        self.shape: Shape | None = shape
        self.parent: Shape = shape
        self.secret = False

    def shown(self) -> str:
        value = self.node.value
        if self.secret:
            return "this"
        if isinstance(value, bool):
            return f"`{str(value).lower()}`"
        return "this" if isinstance(value, dict | list) or value is None else f"`{str(value)[:60]}`"


def _spot(loc: tuple[int | str, ...], node: Node, shape: Shape) -> _Spot:
    spot = _Spot(node, shape)
    for part in loc:
        if spot.shape is not None and spot.shape.type == "secret":
            spot.secret = True
        if isinstance(part, int):
            _into_entry(spot, part)
        elif part != "[key]":
            _into_field(spot, part)
    if spot.shape is not None and spot.shape.type == "secret":
        spot.secret = True
    return spot


def _into_entry(spot: _Spot, position: int) -> None:
    value = spot.node.value
    if isinstance(value, dict):
        present = [(name, child) for name, child in value.items() if child.value is not None]
        if position < len(present):
            name, spot.node = present[position]
            spot.path += f"[{name}]"
            if spot.shape is not None:
                spot.shape = Shape(form="group", fields=spot.shape.fields)
    elif isinstance(value, list) and position < len(value):
        spot.node = value[position]
        spot.path += f"[{position}]"


def _into_field(spot: _Spot, name: str) -> None:
    spot.last = name
    spot.path = f"{spot.path}.{name[:80]}" if spot.path else name[:80]
    if spot.shape is not None:
        spot.parent = spot.shape
        spot.shape = spot.shape.fields.get(name)
    value = spot.node.value
    if isinstance(value, dict) and name in value:
        spot.node = value[name]


_FEW = 4
_Said = tuple[str, str, str]
_Error = Mapping[str, Any]


def _unknown(spot: _Spot, error: _Error) -> _Said:
    return "unknown field", "", unknown_field(spot.last, spot.parent)


def _missing(spot: _Spot, error: _Error) -> _Said:
    doc = spot.shape.doc.rstrip(".") if spot.shape is not None else ""
    return f"`{spot.last}` is missing", "", f"write it: {doc[:1].lower()}{doc[1:]}" if doc else ""


def _bad_value(spot: _Spot, error: _Error) -> _Said:
    cause = error.get("ctx", {}).get("error")
    if isinstance(cause, BadValue):
        return cause.what, cause.why, cause.fix
    return _other(spot, error)


def _choice(spot: _Spot, error: _Error) -> _Said:
    choices = [each.strip("'") for each in error["ctx"]["expected"].replace(" or ", ", ").split(", ")]
    few = len(choices) <= _FEW or spot.secret
    near = "" if few else did_you_mean(str(spot.node.value), choices)
    return f"{spot.shown()} cannot be used here", "", near or f"use {_listed(choices)}"


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _expected(words: str, fix: str = "") -> Callable[[_Spot, _Error], _Said]:
    return lambda spot, error: (f"{spot.shown()} is not {words}", "", fix)


def _number(spot: _Spot, error: _Error) -> _Said:
    text = spot.node.value
    quoted = isinstance(text, str) and text.isdecimal() and text.isascii()
    return f"{spot.shown()} is not a whole number", "", "take the quotes away" if quoted else ""


_YES_OR_NO = {"yes": "true", "on": "true", "y": "true", "no": "false", "off": "false", "n": "false"}


def _switch(spot: _Spot, error: _Error) -> _Said:
    word = str(spot.node.value).lower()
    if word in ("true", "false"):
        return f"{spot.shown()} is text here", "", "take the quotes away"
    return f"{spot.shown()} is not true or false", "", f"write `{_YES_OR_NO[word]}`" if word in _YES_OR_NO else ""


def _text(spot: _Spot, error: _Error) -> _Said:
    if spot.node.value is None:
        return "nothing is written here", "", "write a text, or take it away"
    return f"{spot.shown()} is not text", "", "quote it" if not isinstance(spot.node.value, dict | list) else ""


def _bound(words: str, key: str) -> Callable[[_Spot, _Error], _Said]:
    return lambda spot, error: (f"{spot.shown()} is {words} than {error['ctx'][key]}", "", "")


def _short(spot: _Spot, error: _Error) -> _Said:
    return f"the list needs {error['ctx']['min_length']} or more entries", "", ""


def _other(spot: _Spot, error: _Error) -> _Said:
    message = str(error["msg"]).removeprefix("Value error, ")
    return f"{spot.shown()} cannot be used here", message[:1].lower() + message[1:], ""


_WORDS: Mapping[str, Callable[[_Spot, _Error], _Said]] = {
    "extra_forbidden": _unknown,
    "missing": _missing,
    "value_error": _bad_value,
    "literal_error": _choice,
    "string_type": _text,
    "int_type": _number,
    "bool_type": _switch,
    "model_type": _expected("a mapping", "write its fields below it, indented"),
    "mapping_type": _expected("a mapping", "write `key: value` lines below it"),
    "dict_type": _expected("a mapping", "write `key: value` lines below it"),
    "tuple_type": _expected("a list", "write `[…]`, or lines that begin with `-`"),
    "too_short": _short,
    "greater_than_equal": _bound("less", "ge"),
    "less_than_equal": _bound("more", "le"),
}
