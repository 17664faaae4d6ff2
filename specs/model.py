"""Model: the base of every kind's model, and how a field says what it is.

A field is written `memory: Size | None = declared("…", effect="memory")`: one line of documentation and the name of the
rule (specs/effects.py) that tells what a change of it costs. The unit comes with the type (`Size`, `Duration` …).
Everything that is made of the models (reference, JSON Schema, "did you mean", canonical paths) reads this, so that a
new field is one line.

This module and those of specs/kinds are without `from __future__ import annotations`: it turns every annotation into
text, which pydantic would have to compile again at each start (a sixth of the time that importing the kinds takes).

Used by specs/kinds; the shapes are used by specs/reading, specs/merge, specs/schema and specs/effects.
"""

import re
from collections.abc import Callable
from typing import Annotated, Any, ClassVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict, WithJsonSchema
from pydantic.alias_generators import to_camel

from specs import units
from specs.errors import BadValue


class Model(BaseModel):
    """A mapping of known fields, camelCase in YAML, snake_case in Python; every field may be left out (None).

    `shorthand` names the fields that a scalar in place of the mapping is short for; `leaf` says that the mapping is
    one value, which is declared, merged and compared as a whole.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, defer_build=True)
    shorthand: ClassVar[tuple[str, ...]] = ()
    leaf: ClassVar[bool] = False


def declared(doc: str, *, effect: str, required: bool = False, empty: bool = False) -> Any:
    """A field: its documentation, the name of its effect rule, whether it must be there.

    `empty`: a null says "empty" rather than nothing, so it counts as declared.
    """
    extra: dict[str, Any] = {"effect": effect, "empty": True} if empty else {"effect": effect}
    return Field(... if required else None, description=doc, json_schema_extra=extra)


class Unit:
    """Marks a type with how its values are written: in words, and as the text that reads back as the same value."""

    __slots__ = ("text", "written")

    def __init__(self, text: str, written: Callable[[Any], str] | None = None) -> None:
        self.text = text
        self.written = written


def _text(pattern: str, description: str) -> WithJsonSchema:
    return WithJsonSchema({"type": "string", "pattern": pattern, "description": description})


def matching(pattern: str, what: str, fix: str) -> Callable[[str], str]:
    """A validator of text: the whole must match, else BadValue. Compiled at first use: most are never needed."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value, re.ASCII):
            raise BadValue(f"`{value[:60]}` is not {what}", fix=fix)
        return value

    return check


NAME_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9_-])?"
ENTRY_PATTERN = r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}"
NAME_RULE = "use letters, digits, `.`, `_` and `-`, at most 64, beginning with a letter or digit"
ENTRY_RULE = "use letters, digits, `_` and `-`, at most 32, beginning with a letter or digit"

Size = Annotated[
    int,
    BeforeValidator(units.parse_size),
    Unit("size, such as 20GiB", units.format_size),
    _text(r"^[0-9]+(\.[0-9]+)? ?(B|KiB|MiB|GiB|TiB|PiB)$", "A size such as 512MiB or 20GiB."),
]
Duration = Annotated[
    int,
    BeforeValidator(units.parse_duration),
    Unit("duration, such as 30s, 15m, 7d", units.format_duration),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": "^([0-9]+[smhdw])+$|^0$"}, {"const": 0}],
            "description": "A duration such as 30s, 15m or 7d.",
        }
    ),
]
Percentage = Annotated[
    int,
    BeforeValidator(units.parse_percentage),
    Unit("percentage, such as 10%", units.format_percentage),
    _text("^[0-9]+%$", "Such as 10%."),
]
Mac = Annotated[
    str,
    BeforeValidator(units.parse_mac),
    Unit("MAC address"),
    _text("^[0-9A-Fa-f]{2}([:-][0-9A-Fa-f]{2}){5}$", "A unicast MAC address."),
]
Cidr = Annotated[
    str,
    BeforeValidator(units.parse_subnet),
    Unit("subnet"),
    _text("^[0-9A-Fa-f.:]+/[0-9]+$", "Such as 192.168.150.0/24."),
]
Address = Annotated[
    str, BeforeValidator(units.parse_address), Unit("IP address"), _text("^[0-9A-Fa-f.:]+$", "Such as 192.168.150.1.")
]
Name = Annotated[str, AfterValidator(matching(NAME_PATTERN, "a name", NAME_RULE)), Unit("name")]
EntryName = Annotated[str, AfterValidator(matching(ENTRY_PATTERN, "a name", ENTRY_RULE)), Unit("name")]
Yes = Annotated[bool, Strict(), Unit("true or false")]
Count = Annotated[int, Strict(), Field(ge=1, le=4096), Unit("number")]
Uuid = Annotated[
    str,
    AfterValidator(
        matching(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", "a UUID", "write it in lower case, 8-4-4-4-12 digits")
    ),
    Unit("UUID"),
]


class Named(Model):
    """An entry of a list that is known by its name: lists merge by it, paths have it (`disks[root].size`)."""

    name: EntryName = declared("Name of this entry, unique in its list.", effect="identity", required=True)
