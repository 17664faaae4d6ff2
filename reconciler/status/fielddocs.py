"""Documentation of kinds and fields, as `kubectl explain` gives it: type, unit, when a change takes effect. Pure.

From the models alone (specs/shape, specs/effects), without a repository.
"""

from __future__ import annotations

import re

from reconciler.desired import defaults
from reconciler.errors import UsageError
from reconciler.plan.faces import words
from reconciler.status.sections import Section
from specs.effects import WORDS
from specs.errors import BadReference, did_you_mean
from specs.fields import entry_of
from specs.kinds import API_VERSION, KINDS, Kind
from specs.resource import kind_named
from specs.shape import Shape

_NAMED = re.compile(r"\[[^\]]*\]")
_METADATA = {
    "name": ("text", "Unique among the objects of its kind; the name in libvirt.", "identity"),
    "labels": ("mapping of text to text", "Labels, to select by (`-l`).", "policy"),
    "renamedFrom": ("text", "Former name of a VM, which is renamed in place.", "policy"),
}


def is_field(text: str) -> bool:
    """Whether the text names a kind, or a field of one: `vm`, `vm.spec.disks`."""
    try:
        kind_named(text.partition(".")[0])
    except BadReference:
        return False
    return "/" not in text


def explain(text: str) -> list[Section]:
    """What is to be said about a kind (`vm`) or a field (`vm.spec.disks.size`, also `vm.disks[*].size`)."""
    word, *path = _NAMED.sub("", text).split(".")
    kind = KINDS[kind_named(word)]
    if path[:1] == ["metadata"]:
        return [_head(kind), _metadata(path[1:], text)]
    return _field(kind, [each for each in path if each][1:] if path[:1] == ["spec"] else path, text)


def _field(kind: Kind, path: list[str], text: str) -> list[Section]:
    shape, walked = kind.shape, ""
    for key in path:
        if key not in shape.fields:
            hint = did_you_mean(key, shape.fields) or (f"it has {', '.join(shape.fields)}" if shape.fields else "")
            where = walked or kind.name
            raise UsageError(f"`{text}`: {where} has no field `{key}`" + (f"; {hint}" if hint else ""))
        walked += f"{'[*]' if shape.form == 'named' else ''}.{key}" if walked else key
        shape = shape.fields[key]
    found = [_head(kind)]
    if walked:
        found.append(Section(title=f"spec.{walked}", rows=_facts(kind, walked, shape)))
    else:
        found.append(
            Section(title="metadata", rows=[[name, type_, doc] for name, (type_, doc, _) in _METADATA.items()])
        )
    if shape.fields and shape.form != "leaf":
        rows = [[_star(name, each), each.type, each.doc] for name, each in shape.fields.items()]
        found.append(Section(title="Fields" if walked else "spec", rows=rows))
    return found


def _head(kind: Kind) -> Section:
    rows = [["written", f"{kind.short}/NAME"], ["version", API_VERSION], ["about", kind.doc]]
    if kind.levels:
        rows.append(["defaults", f"may stand in {', '.join(kind.levels)}"])
    return Section(title=kind.name, rows=rows)


def _facts(kind: Kind, path: str, shape: Shape) -> list[list[str]]:
    rows = [["type", shape.type + (", required" if shape.required else "")], ["about", shape.doc]]
    if shape.shorthand and shape.form != "leaf":
        rows.append(["short", f"a value alone is its {' and '.join(shape.shorthand)}"])
    if shape.effect:
        rows.append(["a change", f"{WORDS[shape.effect]} (rule {shape.effect})"])
    if (default := _default(kind, path)) is not None:
        rows.append(["built in", f"{default}, when it is made and nobody says otherwise"])
    if shape.empty:
        rows.append(["null", "says that it is empty; leaving it out says nothing"])
    return rows


def _default(kind: Kind, path: str) -> str | None:
    """The built-in default of a new VM's field."""
    if kind.name != "VirtualMachine":
        return None
    if (parts := entry_of(path)) is not None:
        table = defaults.DEVICES.get(parts[0], {})
        return words.value(path, table[parts[2]]) if parts[2] in table else None
    return words.value(path, defaults.VM[path]) if path in defaults.VM else None


def _metadata(path: list[str], text: str) -> Section:
    name = path[0] if path else ""
    if name and name not in _METADATA:
        hint = did_you_mean(name, _METADATA)
        raise UsageError(f"`{text}`: metadata has no field `{name}`" + (f"; {hint}" if hint else ""))
    if not name:
        return Section(title="metadata", rows=[[each, type_, doc] for each, (type_, doc, _) in _METADATA.items()])
    type_, doc, rule = _METADATA[name]
    return Section(title=f"metadata.{name}", rows=[["type", type_], ["about", doc], ["a change", WORDS[rule]]])


def _star(name: str, shape: Shape) -> str:
    return f"{name} (required)" if shape.required else name
