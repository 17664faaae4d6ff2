"""Schema: what may be written, for editors (JSON Schema) and for people (reference in Markdown).

Both are made from the models, so they are never behind. Called by `gitvirt schema`.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from specs.effects import WORDS
from specs.kinds import API_VERSION, KINDS, Kind
from specs.model import NAME_PATTERN, Model
from specs.shape import Shape

_Json = dict[str, Any]
_OURS = ("effect", "empty", "title")
_LABELS = {"type": "object", "additionalProperties": {"type": "string"}, "description": "Labels, to select by."}


def json_schema() -> _Json:
    """One JSON Schema (draft 7) for a document of any kind."""
    definitions: _Json = {}
    branches = []
    for kind in KINDS.values():
        definitions[kind.name] = _spec(kind, definitions)
        condition = {"properties": {"kind": {"const": kind.name}}, "required": ["kind"]}
        branches.append({"if": condition, "then": {"properties": {"spec": {"$ref": f"#/$defs/{kind.name}"}}}})
    for kind in KINDS.values():
        _allow_defaults(kind, definitions)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "gitvirt",
        "type": "object",
        "required": ["apiVersion", "kind", "metadata"],
        "additionalProperties": False,
        "properties": {
            "apiVersion": {"const": API_VERSION},
            "kind": {
                "enum": list(KINDS),
                "description": " ".join(f"{each.name}: {each.doc}" for each in KINDS.values()),
            },
            "metadata": _metadata(),
            "spec": {"type": ["object", "null"]},
        },
        "allOf": branches,
        "$defs": dict(sorted(definitions.items())),
    }


def _metadata() -> _Json:
    name = {"type": "string", "pattern": f"^{NAME_PATTERN}$"}
    return {
        "type": "object",
        "required": ["name"],
        "additionalProperties": False,
        "properties": {
            "name": {**name, "description": "Unique among the objects of its kind; the name in libvirt."},
            "labels": _LABELS,
            "renamedFrom": {**name, "description": "Former name of a VM, which is renamed in place."},
        },
    }


def _spec(kind: Kind, definitions: _Json) -> _Json:
    """The schema of a kind's spec; what it refers to goes into `definitions`."""
    schema = kind.model.model_json_schema(ref_template="#/$defs/{model}")
    for name, part in schema.pop("$defs", {}).items():
        definitions.setdefault(name, _tidy(part))
    for model in _models():
        if model.__name__ in definitions:
            definitions[model.__name__] = _with_shorthand(model, definitions[model.__name__])
    tidy: _Json = _tidy(schema)
    _allow_entries(tidy, definitions)
    for part in list(definitions.values()):
        _allow_entries(part, definitions)
    return tidy


def _models() -> Iterator[type[Model]]:
    """All models; each knows its own shorthand."""
    seen: list[type[Model]] = [Model]
    for each in seen:
        seen.extend(each.__subclasses__())
    yield from dict.fromkeys(seen)


def _tidy(schema: Any) -> Any:
    """Without what is ours or noise; descriptions of fields stay."""
    if isinstance(schema, list):
        return [_tidy(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: value for key, value in schema.items() if key not in _OURS and not (key == "default" and value is None)
    }
    properties = schema.get("properties")
    tidy = {key: _tidy(value) for key, value in kept.items() if key != "properties"}
    if isinstance(properties, dict):
        tidy["properties"] = {name: _tidy(each) for name, each in properties.items()}
    return tidy


def _with_shorthand(model: type[Model], schema: _Json) -> _Json:
    if not model.shorthand or "anyOf" in schema:
        return schema
    scalar = copy.deepcopy(schema["properties"][model.shorthand[0]])
    words = " and ".join(f"`{name}`" for name in model.shorthand)
    scalar["description"] = f"Short for a mapping with {words}."
    return {"anyOf": [scalar, schema], "description": schema.get("description", "")}


def _allow_entries(schema: _Json, definitions: _Json) -> None:
    """Lists of named entries may also be written as a mapping by name, where null removes an entry."""
    for field in schema.get("properties", {}).values():
        for choice in list(field.get("anyOf", ())):
            target = choice.get("items", {}).get("$ref", "").rpartition("/")[2]
            if not target or "name" not in _object(definitions[target])["properties"]:
                continue
            entry = {key: value for key, value in _object(definitions[target]).items() if key != "required"}
            definitions.setdefault(f"{target}ByName", entry)
            values = {"anyOf": [{"$ref": f"#/$defs/{target}ByName"}, {"type": ["null", "string"]}]}
            mapping = {"type": "object", "additionalProperties": values}
            if mapping not in field["anyOf"]:
                field["anyOf"].append(mapping)


def _object(schema: _Json) -> _Json:
    """The mapping form of a definition that may have a shorthand."""
    found: _Json = next((each for each in schema.get("anyOf", ()) if "properties" in each), schema)
    return found


def _allow_defaults(kind: Kind, definitions: _Json) -> None:
    """`defaults` takes partial specs of the kinds below."""
    if "defaults" not in kind.shape.fields:
        return
    properties = {}
    for below in KINDS.values():
        if kind.name in below.levels:
            partial = {key: value for key, value in definitions[below.name].items() if key != "required"}
            definitions[f"{below.name}Defaults"] = partial
            properties[below.name] = {"$ref": f"#/$defs/{below.name}Defaults"}
    field = definitions[kind.name]["properties"]["defaults"]
    description = field.get("description", "")
    definitions[kind.name]["properties"]["defaults"] = {
        "type": ["object", "null"],
        "description": description,
        "properties": properties,
        "additionalProperties": False,
    }


def reference_markdown() -> str:
    """The reference of all kinds: each field with its type, when a change takes effect, and what it is."""
    parts = [_HEAD.format(version=API_VERSION), *(_kind_markdown(kind) for kind in KINDS.values())]
    return "\n".join(parts)


_HEAD = """\
# Reference

Every document has `apiVersion: {version}`, `kind`, `metadata` and `spec`. `metadata` has `name`, unique among the
objects of its kind, and may have `labels` (a mapping of text to text) and, of a VM, `renamedFrom` (its former name: it
is renamed in place).

Sizes are written `512MiB`, `20GiB`; durations `30s`, `15m`, `7d`; percentages `10%`. Lists whose entries have a
`name` merge by it with the defaults below, and may be written as a mapping by name; `null` removes what a default says.
A bold field must be there. "When" tells when a change of the field takes effect on a running object.
"""


def _kind_markdown(kind: Kind) -> str:
    lines = [f"## {kind.name}", "", f"{kind.doc} Written `{kind.short}/NAME` on the command line."]
    if kind.levels:
        lines.append(f"Defaults for it may stand in {_listed(kind.levels)}.")
    lines += ["", "| field | type | when | what it is |", "|---|---|---|---|"]
    lines += [_row(path, field) for path, field in kind.shape.walk()]
    return "\n".join(lines) + "\n"


def _row(path: str, field: Shape) -> str:
    name = f"**`{path}`**" if field.required else f"`{path}`"
    short = f" or {' = '.join(field.shorthand)}" if field.shorthand and field.form != "leaf" else ""
    cells = (name, field.type + short, WORDS[field.effect], field.doc)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _listed(words: tuple[str, ...]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
