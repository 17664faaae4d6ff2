"""Fields of a device that are one attribute of one of its elements: a table says where each is.

`Attributes` reads them all in one go over an element's attributes, and makes the writers of a DeviceList. Used by
drives.py and nics.py for the many settings that libvirt keeps this way.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from drivers.libvirt.domain.aspect import Write
from drivers.libvirt.domain.tree import CannotWrite, Element, ensure, number, put, remove
from specs.fields import Scalar
from specs.structs import Struct

Form = Literal["text", "number", "on", "yes"]
_SWITCHES: dict[str, tuple[str, str]] = {"on": ("on", "off"), "yes": ("yes", "no")}


class At(Struct, frozen=True):
    """Where a field is: the tag below the device ("" for itself), the attribute, and how it is said there."""

    tag: str
    attribute: str
    form: Form = "text"


class Attributes:
    """A table of fields; made once, at import."""

    __slots__ = ("_by_tag", "write")

    def __init__(self, table: Mapping[str, At]) -> None:
        self._by_tag: dict[object, dict[str, tuple[str, Form]]] = {}
        self.write: dict[str, Write] = {}
        for field, at in table.items():
            self._by_tag.setdefault(at.tag, {})[at.attribute] = (field, at.form)
            self.write[field] = _writer(field, at)

    def own(self, device: Element, found: dict[str, Scalar]) -> None:
        """Reads what the device's own attributes say."""
        _read(device, self._by_tag.get("", {}), found)

    def child(self, element: Element, found: dict[str, Scalar]) -> None:
        """Reads what an element below the device says."""
        known = self._by_tag.get(element.tag)
        if known is not None:
            _read(element, known, found)


def _read(element: Element, known: Mapping[str, tuple[str, Form]], found: dict[str, Scalar]) -> None:
    for attribute, text in element.attrib.items():
        place = known.get(str(attribute))
        if place is None:
            continue
        field, form = place
        value: Scalar = str(text)
        if form == "number":
            value = number(str(text))
        elif form != "text":
            value = text == _SWITCHES[form][0]
        if value not in (None, ""):
            found[field] = value


def _writer(field: str, at: At) -> Write:
    def write(device: Element, value: Scalar) -> None:
        element = device if not at.tag else device.find(at.tag)
        if element is None:
            if value is None:
                return
            element = ensure(device, at.tag)
        put(element, at.attribute, _said(field, at.form, value))
        if at.tag and not element.attrib and not len(element):
            remove(element)

    return write


def _said(field: str, form: Form, value: Scalar) -> object:
    if value is None or form == "text":
        return value
    if form == "number":
        if not isinstance(value, int) or value < 0:
            raise CannotWrite(field, f"must be a number, not {value}")
        return value
    return _SWITCHES[form][0 if value else 1]
