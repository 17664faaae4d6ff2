"""The `xml:` patches of a VM: `{at: XPath, add | set | remove}` on its definition, and taking them back.

Patches are applied last, idempotently: what is there already is left alone. What `set` and `remove` replaced is
kept in our own metadata, so that a patch that is no longer declared can be undone; an added element is recognised
again although libvirt has added attributes to it. In: the definition and the canonical JSON of the declared
patches. Called by definition.py. Raises CannotWrite.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, TypeAlias

from lxml import etree

from drivers.libvirt.domain import marks
from drivers.libvirt.domain.tree import CannotWrite, Element, legal, remove, write

Patch: TypeAlias = dict[str, Any]
Place: TypeAlias = tuple[Element, str]
"""An element and the name of its attribute, or "" for the element itself."""

_NAMESPACES = {"qemu": "http://libvirt.org/schemas/domain/qemu/1.0"}
_ATTRIBUTE = re.compile(r"^(?P<element>.*?)/?@(?P<name>[A-Za-z_][\w.-]*)$")
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, huge_tree=False)


def loads(text: str) -> list[Patch]:
    """The patches of a canonical JSON list; "" is none."""
    return list(json.loads(text)) if text else []


def revert(domain: Element, before: str, after: str) -> None:
    """Undoes the patches of `before` that are not in `after`, the last one first."""
    keep = loads(after)
    record = _Record(domain)
    for patch in reversed([each for each in loads(before) if each not in keep]):
        if "add" in patch:
            _take_back(domain, patch)
        else:
            record.restore(patch)
    record.save()


def apply(domain: Element, declared: str) -> None:
    """Makes the definition bear the patches, in their order."""
    record = _Record(domain)
    identity = domain.findtext("uuid"), domain.findtext("name")
    for number, patch in enumerate(loads(declared)):
        path = f"xml[{number}]"
        if "add" in patch:
            _add(domain, patch, path)
        elif "set" in patch:
            _set(domain, patch, path, record)
        else:
            _remove(domain, patch, path, record)
    if (domain.findtext("uuid"), domain.findtext("name")) != identity:
        raise CannotWrite("xml", "a patch must not change the VM's name or uuid")
    record.save()


def lost(domain: Element, declared: str) -> str | None:
    """The path of the first patch whose effect cannot be seen in the definition; libvirt dropped it."""
    for number, patch in enumerate(loads(declared)):
        path = f"xml[{number}]"
        if "add" in patch:
            tag = _parse(patch, path).tag
            seen = any(place.find(tag) is not None for place, name in _places(domain, patch, path) if not name)
        else:
            seen = bool(_places(domain, patch, path)) == ("set" in patch)
        if not seen:
            return path
    return None


def _places(domain: Element, patch: Patch, path: str) -> list[Place]:
    try:
        found: Any = domain.xpath(str(patch["at"]), namespaces=_NAMESPACES)
    except etree.XPathError as problem:
        raise CannotWrite(path, f"`at: {patch['at']}` is not a valid XPath: {problem}") from None
    places: list[Place] = []
    for each in found if isinstance(found, list) else ():
        if isinstance(each, etree._Element):
            places.append((each, ""))
        elif getattr(each, "is_attribute", False):
            places.append((each.getparent(), str(each.attrname)))
    return places


def _parse(patch: Patch, path: str) -> Element:
    try:
        return etree.fromstring(str(patch["add"]), _PARSER)
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise CannotWrite(path, f"`add:` is not well-formed XML: {problem}") from None


def _add(domain: Element, patch: Patch, path: str) -> None:
    parents = [place for place, name in _places(domain, patch, path) if not name]
    if not parents:
        raise CannotWrite(path, f"`at: {patch['at']}` matches no element of this VM")
    for parent in parents:
        added = _parse(patch, path)
        if not any(contains(each, added) for each in parent.iterchildren(added.tag)):
            parent.append(added)


def _take_back(domain: Element, patch: Patch) -> None:
    for parent, name in _places(domain, patch, "xml"):
        if name:
            continue
        added = _parse(patch, "xml")
        same_tag = list(parent.iterchildren(added.tag))
        found = [each for each in same_tag if contains(each, added)]
        if not found and len(same_tag) == 1:  # libvirt has rewritten a value of it
            found = same_tag
        if found:
            remove(found[-1])


def contains(seen: Element, added: Element) -> bool:
    """Whether `seen` is `added` with, perhaps, more attributes and children."""
    if seen.tag != added.tag or (added.text or "").strip() != (seen.text or "").strip():
        return False
    if any(seen.get(name) != value for name, value in added.attrib.items()):
        return False
    rest = [each for each in seen if isinstance(each.tag, str)]
    for child in added:
        if not isinstance(child.tag, str):
            continue
        match = next((each for each in rest if contains(each, child)), None)
        if match is None:
            return False
        rest.remove(match)
    return True


def _set(domain: Element, patch: Patch, path: str, record: _Record) -> None:
    places = _places(domain, patch, path)
    attribute = _ATTRIBUTE.match(str(patch["at"]))
    if not places and attribute:  # an attribute that is not there yet
        at = {**patch, "at": attribute["element"] or "."}
        places = [(place, attribute["name"]) for place, name in _places(domain, at, path) if not name]
    if not places:
        raise CannotWrite(path, f"`at: {patch['at']}` matches nothing in this VM")
    value = legal(str(patch["set"]), path)
    if all(_value(place) == value for place in places):
        return
    record.keep(patch, [[_where(domain, element), name, _value((element, name))] for element, name in places])
    for place in places:
        _put(place, value)


def _remove(domain: Element, patch: Patch, path: str, record: _Record) -> None:
    former: list[list[Any]] = []
    for element, name in reversed(_places(domain, patch, path)):
        parent = element.getparent()
        if name:
            former.append([_where(domain, element), name, element.get(name)])
            del element.attrib[name]
        elif parent is not None:
            former.append([_where(domain, parent), parent.index(element), write(element)])
            remove(element)
    if former:
        record.keep(patch, former[::-1])  # in the document's order, so that each index is right when put back


def _value(place: Place) -> str | None:
    element, name = place
    return element.get(name) if name else (element.text or "")


def _put(place: Place, value: str | None) -> None:
    element, name = place
    if not name:
        element.text = value
    elif value is None:
        element.attrib.pop(name, "")
    else:
        element.set(name, value)


def _where(domain: Element, element: Element) -> str:
    return domain.getroottree().getelementpath(element)


class _Record:
    """What patches replaced: a list of [patch, former values] in the definition's own metadata."""

    def __init__(self, domain: Element) -> None:
        self._domain = domain
        text = marks.get(domain, marks.UNDO_TAG)
        try:
            found = json.loads(text) if text else []
        except ValueError:
            found = []
        self._entries: list[tuple[Patch, list[list[Any]]]] = [
            (each[0], each[1]) for each in found if isinstance(each, list) and len(each) == 2
        ]
        self._had = bool(text)

    def keep(self, patch: Patch, former: list[list[Any]]) -> None:
        """Notes the former values, unless this patch's first ones are known already."""
        if not any(each == patch for each, _ in self._entries):
            self._entries.append((patch, former))

    def restore(self, patch: Patch) -> None:
        """Puts the former values back. What has no place any more (its device is gone) stays away."""
        for _, former in [each for each in self._entries if each[0] == patch]:
            for (_, key, value), place in zip(former, self._targets(patch, former), strict=True):
                if place is None:
                    continue
                if isinstance(key, int):
                    _insert(place, key, str(value))
                else:
                    _put((place, key), value)
        self._entries = [each for each in self._entries if each[0] != patch]

    def _targets(self, patch: Patch, former: Sequence[list[Any]]) -> Iterator[Element | None]:
        """Where the values go: where the XPath leads now if it still fits, else where they were."""
        places = [place for place, _ in _places(self._domain, patch, "xml")] if "set" in patch else []
        for number, (where, _, _) in enumerate(former):
            yield places[number] if len(places) == len(former) else self._domain.find(where)

    def save(self) -> None:
        """Writes the record back, or takes it away if nothing is left."""
        if not self._entries and not self._had:
            return
        text = json.dumps(self._entries, separators=(",", ":"), ensure_ascii=False) if self._entries else None
        marks.put(self._domain, marks.UNDO_TAG, marks.UNDO_PREFIX, marks.escaped(text) if text else None)


def _insert(parent: Element, index: int, xml: str) -> None:
    parent.insert(min(index, len(parent)), etree.fromstring(xml, _PARSER))
