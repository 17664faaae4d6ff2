"""Single devices: a device of which a VM has one or none (sound card, TPM, watchdog …), told as a table.

A module in aspects/ says the element's tag, the field that says whether there is one (its model's name, or true), and
which fields are which attributes; `aspect` makes the readers and writers of it. Elements that a module does not call
its own (`mine`) are never read, changed or removed. Pure; used by the modules of aspects/.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from drivers.libvirt.domain.aspect import Aspect, Check, Running, Write
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import (
    CannotWrite,
    Element,
    alias,
    children,
    drop,
    ensure,
    first,
    new,
    number,
    put,
    remove,
)
from specs.fields import Scalar
from specs.structs import Struct, field

_KIB = 1024
_YES = frozenset(("yes", "on"))


class Attribute(Struct, frozen=True, kw_only=True):
    """A field that is an attribute: `name` of the child `at` of the device ("": the device itself).

    `name` "" is its text. `form`: text, number, size (bytes here, KiB there), or a switch: `yes/no`, `on/off`.
    """

    name: str
    at: str = ""
    form: str = "text"

    def read(self, device: Element) -> Scalar:
        """The value in our terms; None where it is not there, or is nothing that we know."""
        element = first(device, self.at) if self.at else device
        text = None if element is None else element.get(self.name) if self.name else element.text
        if text is None or self.form == "text":
            return text
        if self.form in ("number", "size"):
            value = number(text)
            return value * _KIB if value is not None and self.form == "size" else value
        return text in _YES

    def write(self, device: Element, value: Scalar) -> None:
        """Sets it; None takes it away."""
        if value is None and self.at and device.find(self.at) is None:
            return
        element = ensure(device, self.at) if self.at else device
        text = self._text(value)
        if self.name:
            put(element, self.name, text)
        else:
            element.text = text
        if self.at and text is None and not element.attrib and not len(element):
            drop(device, self.at)

    def _text(self, value: Scalar) -> str | None:
        if value is None:
            return None
        if isinstance(value, bool):
            yes, no = ("on", "off") if self.form == "on/off" else ("yes", "no")
            return yes if value else no
        return str(-(-value // _KIB)) if self.form == "size" and isinstance(value, int) else str(value)


def _every(device: Element) -> bool:
    return True


class Single(Struct, frozen=True, kw_only=True):
    """`switch` is the field that says whether there is one: true or false, or, with `model`, a value or `none`.

    `model` is the attribute with that value. `new` makes the element for a value of the switch, with the domain that
    it goes into. `fields` are the other fields by their full paths.
    """

    tag: str
    switch: str
    new: Callable[[Scalar, Element], Element]
    model: Attribute | None = None
    fields: Mapping[str, Attribute] = field(default_factory=dict)
    mine: Callable[[Element], bool] = _every
    hotplug: bool = False

    def aspect(self, check: Check | None = None) -> Aspect:
        """The aspect of this device."""
        writes: dict[str, Write] = {self.switch: self._write}
        writes |= {path: partial(self._write_field, path) for path in self.fields}
        return Aspect(
            devices={self.tag: self._read},
            absent={self.switch: "none" if self.model else False},
            write=writes,
            live={self.switch: self._live} if self.hotplug else {},
            check=check,
        )

    def _read(self, device: Element, draft: Draft) -> None:
        if not self.mine(device) or draft.fields[self.switch] not in ("none", False):
            return  # only the first counts
        value = self.model.read(device) if self.model else True
        if value is None:
            return
        draft.fields[self.switch] = value
        for path, attribute in self.fields.items():
            if (found := attribute.read(device)) is not None:
                draft.fields[path] = found

    def _there(self, domain: Element) -> list[Element]:
        devices = ensure(domain, "devices")
        return [each for each in children(devices, self.tag) if self.mine(each)]

    def _write(self, domain: Element, value: Scalar) -> None:
        there = self._there(domain)
        if value in (None, False, "none"):
            for each in there:
                remove(each)
        elif not there:
            ensure(domain, "devices").append(self.new(value, domain))
        elif self.model and self.model.read(there[0]) != value:
            self.model.write(there[0], value)
            drop(there[0], "address")  # another model may be on another bus

    def _write_field(self, path: str, domain: Element, value: Scalar) -> None:
        there = self._there(domain)
        if there:
            self.fields[path].write(there[0], value)
        elif value is not None:
            raise CannotWrite(path, f"the VM has no {self.tag}; set {self.switch} too")

    def _live(self, running: Running, path: str, value: Scalar) -> None:
        live = running.live()
        for each in self._there(live):
            if self.model and self.model.read(each) == value:
                return
            running.detach(alias(each))
        if value not in (None, False, "none"):
            device = self.new(value, live)
            device.append(new("alias", name=f"ua-{self.tag}"))
            running.attach(device)
