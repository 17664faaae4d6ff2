"""Checked texts of tuning: sets of CPUs, assignments, switches, options (specs/compound.py)."""

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from specs import compound
from specs.errors import BadValue
from specs.model import Size, Unit

_TEXT = {"type": "string"}
_LIST = {"type": "array", "items": {"type": "string"}}
_MAPPING = {"type": "object", "additionalProperties": {"type": ["string", "integer", "boolean"]}}

Numbers = Annotated[
    str,
    BeforeValidator(compound.parse_numbers),
    Unit("set, such as `0-3,8`"),
    WithJsonSchema({"anyOf": [{"type": "string", "pattern": "^[0-9,^ -]+$"}, {"type": "integer", "minimum": 0}]}),
]
Assignments = Annotated[
    str,
    BeforeValidator(compound.parse_assignments),
    Unit("mapping of number to set, such as `{0: 2-3, 1: 4}`"),
    WithJsonSchema({"anyOf": [_MAPPING, _TEXT]}),
]
Switches = Annotated[
    str,
    BeforeValidator(compound.parse_switches),
    Unit("list, such as `[+aes, -svm]`"),
    WithJsonSchema({"anyOf": [_LIST, _TEXT]}),
]


def _whole_kib(value: int) -> int:
    if value % 1024:
        raise BadValue(f"{value} bytes are not a whole number of KiB", "libvirt counts in KiB", "use a larger unit")
    return value


WholeSize = Annotated[Size, AfterValidator(_whole_kib)]
"""A size that libvirt keeps exactly."""


def options_of(names: frozenset[str], what: str) -> Callable[[object], str]:
    """A validator of options with known names."""

    def parse(value: object) -> str:
        text = compound.parse_options(value)
        for name in compound.options(text):
            if name not in names:
                raise BadValue(f"`{name}` is no {what}", fix=f"use one of {', '.join(sorted(names))}")
        return text

    return parse


OPTIONS_SCHEMA = WithJsonSchema({"anyOf": [_LIST, _MAPPING, _TEXT]})
