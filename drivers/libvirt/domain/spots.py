"""Spots: plain fields, each at one place of a domain's XML, so that such a field is one line in a table.

A `Spot` says where a field is (element below `<domain>`, attribute or text) and in which `Form` its value is written.
`readers` and `writers` make of a table what an Aspect needs. Reading is one walk over the elements that are there;
writing touches only that attribute or element, and takes it away without leaving empty husks. Used by aspects/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from drivers.libvirt.domain.aspect import Read, Write
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import CannotWrite, Element, ensure, legal, number, put, remove, size
from specs.fields import Scalar
from specs.structs import Struct, field


class Form(Struct, frozen=True):
    """How a value is in XML. `read` gives None for what it cannot express; `write` gets any value but None."""

    read: Callable[[Element, str], Scalar]
    write: Callable[[Element, str, Scalar], None]


class Spot(Struct, frozen=True):
    """`at` is the element's path below `<domain>`; `attribute` "" is its text."""

    at: str
    attribute: str
    form: Form


def _raw(element: Element, attribute: str) -> str | None:
    return element.get(attribute) if attribute else element.text


def _set(element: Element, attribute: str, text: str) -> None:
    if attribute:
        put(element, attribute, text)
    else:
        element.text = legal(text, element.tag)


def _words(yes: str, no: str) -> Form:
    values = {yes: True, no: False}
    return Form(
        lambda element, attribute: values.get(_raw(element, attribute) or ""),
        lambda element, attribute, value: _set(element, attribute, yes if value else no),
    )


def _write_size(element: Element, attribute: str, value: Scalar) -> None:
    assert isinstance(value, int)
    element.set("unit", "KiB")
    _set(element, attribute, str(-(-value // 1024)))


def _write_there(element: Element, attribute: str, value: Scalar) -> None:
    if not value:
        remove(element)


TEXT = Form(_raw, lambda element, attribute, value: _set(element, attribute, str(value)))
NUMBER = Form(
    lambda element, attribute: number(_raw(element, attribute)),
    lambda element, attribute, value: _set(element, attribute, str(value)),
)
ON_OFF = _words("on", "off")
YES_NO = _words("yes", "no")
SIZE = Form(lambda element, attribute: size(element), _write_size)
"""Text of an element with `unit=`; bytes here."""
THERE = Form(lambda element, attribute: True, _write_there)
"""True if the element is there, whatever it holds; such a field is False in `absent`."""


class _Node(Struct):
    here: list[tuple[str, str, Form]] = field(default_factory=list)
    below: dict[object, _Node] = field(default_factory=dict)


def readers(spots: Mapping[str, Spot]) -> dict[str, Read]:
    """Tag below `<domain>` → reader of all spots in it; those of a device by the tag below `<devices>`."""
    root = _Node()
    for path, spot in spots.items():
        node = root
        for tag in spot.at.removeprefix("devices/").split("/"):
            node = node.below.setdefault(tag, _Node())
        node.here.append((path, spot.attribute, spot.form))
    return {str(tag): _reader(node) for tag, node in root.below.items()}


def _reader(node: _Node) -> Read:
    return lambda element, draft: _walk(node, element, draft)


def _walk(node: _Node, element: Element, draft: Draft) -> None:
    for path, attribute, form in node.here:
        value = form.read(element, attribute)
        if value is not None:
            draft.fields[path] = value
    if node.below:
        for child in element:
            below = node.below.get(child.tag)
            if below is not None:
                _walk(below, child, draft)


def writers(spots: Mapping[str, Spot]) -> dict[str, Write]:
    """Field → how it is written into the domain."""
    return {path: _writer(path, spot) for path, spot in spots.items()}


def _writer(path: str, spot: Spot) -> Write:
    def write(domain: Element, value: Scalar) -> None:
        if value is None:
            _clear(domain, spot)
            return
        try:
            spot.form.write(ensure(domain, spot.at), spot.attribute, value)
        except CannotWrite as problem:
            raise CannotWrite(path, problem.reason) from None
        if value is False:
            _prune(domain, spot.at)

    return write


def _clear(domain: Element, spot: Spot) -> None:
    element = domain.find(spot.at)
    if element is None:
        return
    if spot.form is THERE:
        remove(element)
    elif spot.attribute:
        put(element, spot.attribute, None)
    else:
        element.text = None
        put(element, "unit", None)
    _prune(domain, spot.at)


def _prune(domain: Element, at: str) -> None:
    """Removes the elements of that path that say nothing any more, innermost first."""
    while at and at not in ("devices", "features"):
        element = domain.find(at)
        if element is not None:
            if len(element) or element.attrib or (element.text or "").strip():
                return
            remove(element)
        at = at.rpartition("/")[0]
