"""Shape: what a kind's model looks like from outside: groups of fields, lists of named entries, leaves.

Derived from the models once, without building pydantic's validators. Used wherever YAML is walked beside its model:
reading (shorthands, unknown fields), merging, canonical paths, effect rules, reference and schema.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from specs.model import Model, Named, Unit
from specs.structs import Struct, field


class Shape(Struct, frozen=True, kw_only=True):
    """One field, or a whole spec (then `name` is "").

    `form` is "group" (a mapping of known fields), "named" (a list of entries that have a name; `fields` are those of
    an entry) or "leaf" (one value, whatever it is made of). `atomic` leaves are mappings that never merge.
    `shorthand` are the fields that a scalar stands for. `empty`: a null counts as declared. `type` is for people.
    `many`: the one value is a list of plain ones, of that type.
    `written` turns a value into its text where it is not its own; `attribute` is the field's name in Python.
    """

    name: str = ""
    form: Literal["group", "named", "leaf"] = "leaf"
    fields: Mapping[str, Shape] = field(default_factory=dict)
    shorthand: tuple[str, ...] = ()
    atomic: bool = False
    doc: str = ""
    effect: str = ""
    required: bool = False
    type: str = ""
    empty: bool = False
    many: Any = None
    written: Callable[[Any], str] | None = None
    attribute: str = ""

    def walk(self, prefix: str = "") -> Iterator[tuple[str, Shape]]:
        """Every field below, outermost first, by its pattern: `disks`, `disks[*].size`, `cpu.count`."""
        for name, shape in self.fields.items():
            path = f"{prefix}.{name}" if prefix else name
            yield path, shape
            if shape.form != "leaf":
                yield from shape.walk(f"{path}[*]" if shape.form == "named" else path)


@cache
def of(model: type[Model]) -> Shape:
    """The shape of a whole spec or of a group."""
    return Shape(form="group", fields=_fields(model), shorthand=model.shorthand)


def _fields(model: type[Model]) -> dict[str, Shape]:
    return {info.alias or name: _field(info.alias or name, name, info) for name, info in model.model_fields.items()}


def _field(name: str, attribute: str, info: Any) -> Shape:
    alternatives = _alternatives(info.annotation)
    form, inner = _form(alternatives)
    extra = info.json_schema_extra or {}
    units = [each for each in (*info.metadata, *_metadata(info.annotation)) if isinstance(each, Unit)]
    return Shape(
        name=name,
        form=form,
        fields=_fields(inner) if inner is not None else {},
        shorthand=inner.shorthand if inner is not None else (),
        atomic=inner is not None and inner.leaf,
        doc=info.description or "",
        effect=extra.get("effect", ""),
        required=info.is_required(),
        type=_words(alternatives[0], [each.text for each in units], inner, form),
        empty=extra.get("empty", False),
        many=_many(alternatives) if form == "leaf" else None,
        written=next((each.written for each in units if each.written is not None), None),
        attribute=attribute,
    )


def _form(alternatives: tuple[Any, ...]) -> tuple[Literal["group", "named", "leaf"], type[Model] | None]:
    for each in alternatives:
        if isinstance(each, type) and issubclass(each, Model):
            return ("leaf" if each.leaf else "group"), each
        if get_origin(each) is tuple:
            item = _bare(get_args(each)[0])
            if isinstance(item, type) and issubclass(item, Named):
                return "named", item
            return "leaf", item if isinstance(item, type) and issubclass(item, Model) else None
    return "leaf", None


def _many(alternatives: tuple[Any, ...]) -> Any:
    """The type of the members, if one of the types is a tuple of them."""
    tuples = [each for each in alternatives if get_origin(each) is tuple]
    return _bare(get_args(tuples[0])[0]) if tuples else None


def _alternatives(annotation: Any) -> tuple[Any, ...]:
    """The members of a union without None and without their annotations."""
    bare = _bare(annotation)
    if get_origin(bare) in (Union, types.UnionType):
        return tuple(_bare(each) for each in get_args(bare) if each is not type(None))
    return (bare,)


def _bare(annotation: Any) -> Any:
    while get_origin(annotation) is Annotated:
        annotation = get_args(annotation)[0]
    return annotation


def _metadata(annotation: Any) -> Iterator[Any]:
    """Everything that is annotated anywhere in a type."""
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        yield from extras
        yield from _metadata(inner)
    elif get_origin(annotation) is not Literal:
        for each in get_args(annotation):
            yield from _metadata(each)


def _words(alternative: Any, units: list[str], inner: type[Model] | None, form: str) -> str:
    if form == "named":
        return "list of entries"
    if form == "group":
        return "group"
    single = ", ".join(dict.fromkeys(units)) or _plain_words(alternative)
    if get_origin(alternative) is tuple:
        return f"list of {single}" if units or inner is None else "list"
    return single


def _plain_words(annotation: Any) -> str:
    if get_origin(annotation) is Literal:
        return " | ".join(str(each) for each in get_args(annotation))
    if get_origin(annotation) is tuple:
        return _plain_words(_bare(get_args(annotation)[0]))
    names = {str: "text", int: "number", bool: "true or false"}
    return names.get(annotation, "mapping")
