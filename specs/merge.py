"""Merge: several layers of one object's spec → the effective one, each value with its place.

Layers are nodes in normal form: shorthands written out, named lists as mappings by name. Maps merge, named lists merge
by name, `null` removes what a lower layer said, everything else is replaced. Called by `specs.load`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from specs.errors import Finding, Location, did_you_mean
from specs.model import ENTRY_RULE
from specs.shape import Shape
from specs.yaml import Filled, Node

Declared = dict[str, Location]


def normal(node: Node, shape: Shape, path: str, findings: list[Finding]) -> Node:
    """The node in normal form. What does not fit the shape is left for the model to refuse, but for list entries."""
    if shape.form == "group":
        return _normal_group(node, shape, path, findings)
    if shape.form == "named":
        return _normal_named(node, shape, path, findings)
    if shape.atomic and shape.shorthand and _is_scalar(node):
        return _written_out(node, shape)
    return node


def _normal_group(node: Node, shape: Shape, path: str, findings: list[Finding]) -> Node:
    if shape.shorthand and _is_scalar(node):
        return _written_out(node, shape)
    if not isinstance(node.value, dict):
        return node
    fields: dict[str, Node] = {}
    for key, child in node.value.items():
        inner = shape.fields.get(key)
        plain = inner is None or (inner.form == "leaf" and not inner.atomic)
        fields[key] = child if inner is None or plain else normal(child, inner, _joined(path, key), findings)
    return Node(fields, node.place)


def _normal_named(node: Node, shape: Shape, path: str, findings: list[Finding]) -> Node:
    if isinstance(node.value, dict):
        entries: list[tuple[str | None, Node]] = [(name, child) for name, child in node.value.items()]
    elif isinstance(node.value, list):
        entries = [(_entry_name(child, shape), child) for child in node.value]
    else:
        return node
    named: dict[str, Node] = {}
    for position, (name, child) in enumerate(entries):
        if name is None:
            findings.append(_nameless(child, f"{path}[{position}]"))
        elif name in named:
            what, first = f"`{name}` is in this list twice", named[name].place
            findings.append(Finding(where=child.place, path=path, what=what, why=f"first in {first}", fix="rename one"))
        else:
            named[name] = _normal_entry(name, child, shape, path, findings)
    return Node(named, node.place)


def _normal_entry(name: str, node: Node, shape: Shape, path: str, findings: list[Finding]) -> Node:
    if node.value is None:
        return node
    if _is_scalar(node) and shape.shorthand:
        return _written_out(node, shape, name)
    entry = _normal_group(node, Shape(form="group", fields=shape.fields), f"{path}[{name}]", findings)
    if not isinstance(entry.value, dict):
        return entry
    said = entry.value.get("name")
    if said is not None and said.value != name:
        what, fix = f"this entry is `{name}`", "take `name` away, its key is its name"
        findings.append(Finding(where=said.place, path=f"{path}[{name}].name", what=what, fix=fix))
    return Node({**entry.value, "name": Node(name, node.place)}, node.place)


def _nameless(node: Node, path: str) -> Finding:
    name = node.value.get("name") if isinstance(node.value, dict) else None
    if name is not None and name.value is not None:
        shown = f"`{str(name.value)[:60]}` is not text" if _is_scalar(name) else "this is not text"
        return Finding(where=name.place, path=f"{path}.name", what=shown, fix="quote it" if _is_scalar(name) else "")
    if node.value is None:
        return Finding(where=node.place, path=path, what="this entry is empty", fix="take it away")
    fix = f"write `- name: NAME`; {ENTRY_RULE}"
    return Finding(where=node.place, path=path, what="this entry has no name", fix=fix)


def _entry_name(node: Node, shape: Shape) -> str | None:
    if _is_scalar(node) and shape.shorthand:
        return str(node.value)
    name = node.value.get("name") if isinstance(node.value, dict) else None
    return name.value if name is not None and isinstance(name.value, str) else None


def _written_out(node: Node, shape: Shape, name: str | None = None) -> Node:
    """`lan` → {name: lan, network: lan}; in the mapping form the entry's own name wins."""
    fields = {key: Node(node.value, node.place) for key in shape.shorthand}
    if name is not None:
        fields["name"] = Node(name, node.place)
    return Node(fields, node.place)


def _is_scalar(node: Node) -> bool:
    return node.value is not None and not isinstance(node.value, dict | list)


def merged(layers: Iterable[Node | None], shape: Shape) -> Node | None:
    """The layers laid over each other, lowest first. A null stays in the result, to be dropped by `flat`."""
    result: Node | None = None
    for layer in layers:
        if layer is not None:
            result = layer if result is None else over(result, layer, shape)
    return result


def over(base: Node, top: Node, shape: Shape | None) -> Node:
    """One layer over another."""
    if not isinstance(base.value, dict) or not isinstance(top.value, dict) or (shape is not None and shape.atomic):
        return top
    fields = dict(base.value)
    for key, child in top.value.items():
        below = fields.get(key)
        fields[key] = child if below is None else over(below, child, _inner(shape, key))
    return Node(fields, top.place)


def _inner(shape: Shape | None, key: str) -> Shape | None:
    """The shape of a child: of the entry in a named list, of the field in a group, None in a free mapping."""
    if shape is None or shape.form == "leaf":
        return None
    if shape.form == "named":
        return Shape(form="group", fields=shape.fields)
    return shape.fields.get(key)


def flat(node: Node, shape: Shape, path: str, declared: Declared) -> Any:
    """The plain value, for the model; fills `declared` with every leaf and entry. Nulls are dropped."""
    value = node.value
    if shape.form == "group" and isinstance(value, dict):
        return _flat_fields(value, shape, path, declared)
    if shape.form == "named" and isinstance(value, dict):
        entries = []
        for name, child in value.items():
            if child.value is None:
                continue
            here = f"{path}[{name}]"
            declared[here] = child.place
            inner = _flat_fields(child.value, shape, here, declared) if isinstance(child.value, dict) else bare(child)
            entries.append(inner)
        return entries
    if type(node) is not Filled:
        declared[path] = node.place
    return bare(node)


def _flat_fields(fields: Mapping[str, Node], shape: Shape, path: str, declared: Declared) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key, child in fields.items():
        inner = shape.fields.get(key)
        if child.value is None:
            if inner is not None and inner.empty:
                declared[_joined(path, key)] = child.place
            continue
        if inner is None:
            result[key] = bare(child)
        elif inner.effect == "identity" and key == "name":
            result[key] = child.value if _is_scalar(child) else bare(child)
        else:
            result[key] = flat(child, inner, _joined(path, key), declared)
    return result


def bare(node: Node) -> Any:
    """A node as plain Python values; nulls in mappings are dropped."""
    value = node.value
    if isinstance(value, dict):
        return {key: bare(child) for key, child in value.items() if child.value is not None}
    if isinstance(value, list):
        return [bare(child) for child in value]
    return value


def _joined(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def unknown_field(name: str, shape: Shape) -> str:
    """What to do about a field that the shape has not."""
    known = ", ".join(shape.fields)
    return did_you_mean(name, shape.fields) or (f"known are {known}" if 0 < len(known) <= 150 else "")
