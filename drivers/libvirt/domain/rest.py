"""The rest of a definition: what it holds that no field tells, as `xml:` patches that are true of it already.

For an import: a VM that is made anew from the YAML shall get its exotic devices too. The yardstick is the definition
that gitvirt would build from the fields: what is in there, and what libvirt or QEMU adds by itself, is no rest. Every
patch is proven: applied to the definition that it was taken from, it changes nothing, and a new one takes it.
In: a domain's XML (without secrets). Out: `drivers.seen.Rest`. Pure. Called by the reader and by files.py.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from copy import deepcopy

from lxml import etree

from drivers.base import NewVm
from drivers.libvirt.domain import definition, patches
from drivers.libvirt.domain.draft import Draft, Names
from drivers.libvirt.domain.reading import draft, read_scalars
from drivers.libvirt.domain.table import ABSENT, DEVICES, DOMAIN
from drivers.libvirt.domain.tree import CannotWrite, Element, parse, write
from drivers.mark import Mark
from drivers.seen import Patch, Rest
from specs.fields import Fields, Scalar, entry_of

_LIBVIRT = 9_000_000
_NOBODY = "00000000-0000-0000-0000-000000000000"
_KIND = (
    "emulation", "arch", "machine", "firmware", "cpu.count", "cpu.max", "cpu.model", "memory", "memoryMax", "serial",
    "agent", "rng", "graphics.type", "graphics.listen",
)  # fmt: skip
"""Fields that say what kind of VM it is: always told, unless they have their built-in value."""
_ADDED: Fields = {"boot.order": "hd", "clock.timers": "hpet=no,pit=delay,rtc=catchup"}
"""What libvirt adds to a definition by itself, and every tool under emulation too."""
_LONGEST = 16 * 1024  # what specs/kinds/xmlpatch.py takes
_OURS = frozenset(("name", "uuid", "metadata", "devices", "vcpus", "resource", "pm"))
"""Of a domain: identity, what others keep there, and what libvirt writes out by itself."""
_PARTS = {"os": ("type", "loader", "nvram", "boot", "firmware"), "features": ("vmport",), "cpu": (), "clock": ()}
"""Elements of a domain that are taken apart, and which of their children are never told."""
_SETTINGS = frozenset(("on_poweroff", "on_reboot", "on_crash"))
_MANY = frozenset(("feature", "timer"))
_SINGLE = frozenset(("memballoon", "video", "vsock", "tpm", "iommu", "emulator"))
_USUAL_TIMERS = {"rtc": "catchup", "pit": "delay"}
_BETRAYS = re.compile(r"pass(wd|word|phrase)|secret,|[,-]data=|token|private.?key|api.?key", re.IGNORECASE)


def rest(xml: str) -> Rest:
    """What that domain has beside its fields. Raises NotReadable."""
    domain = parse(xml)
    return _Search(domain).result()


class _Search:
    """One walk over a definition; its patches grow in the order of the document."""

    def __init__(self, domain: Element) -> None:
        self.domain = domain
        self.draft = Draft(Names({}), ABSENT)
        self.found: list[Patch] = []
        self.kept: list[str] = []
        self.devices: dict[str, str] = {}
        unknown = self._unknown()
        self.model = _model(domain, self.draft)
        for element in unknown:
            self._tell(element)

    def result(self) -> Rest:
        sound = [each for each in self.found if self._proven(each)]
        kept = tuple(dict.fromkeys(self.kept))
        return Rest(patches=tuple(sound), kept=kept, devices=self.devices, usual=_usual_fields(self.draft))

    def _unknown(self) -> list[Element]:
        """The elements that no reader says anything about."""
        read_scalars(self.domain, self.draft)
        unknown = [
            child
            for child in self.domain
            if isinstance(child.tag, str)
            and (child.tag in _PARTS or (child.tag not in _OURS and child.tag not in DOMAIN))
        ]
        for device in self.domain.iterfind("devices/*"):
            if not self._speaks(device) and not _usual(device):
                unknown.append(device)
        return unknown

    def _speaks(self, device: Element) -> bool:
        reader = DEVICES.get(device.tag)
        if reader is None:
            return False
        before, named = dict(self.draft.fields), set(self.draft.elements)
        reader(device, self.draft)
        for path in set(self.draft.elements) - named:
            self.devices[path] = text(device)
        return before != self.draft.fields

    def _tell(self, element: Element) -> None:
        parent = element.getparent()
        assert parent is not None
        if parent is not self.domain:
            self._device(element)
        elif (twin := self.model.find(element.tag)) is None:
            self._add(".", element)
        elif element.tag in _SETTINGS:
            if (element.text or "") != (twin.text or ""):
                self.found.append(Patch(at=f"./{element.tag}", set=element.text or ""))
        elif element.tag in _PARTS:
            self._part(element, twin)
        elif not patches.contains(twin, cleaned(element)):
            self.kept.append(words(element))

    def _device(self, device: Element) -> None:
        there = self.model.findall(f"devices/{device.tag}")
        added = cleaned(device)
        if any(patches.contains(each, added) for each in there):
            return
        same_type = [each for each in there if each.get("type") == device.get("type")]
        if there and (device.tag in _SINGLE or (device.tag == "graphics" and same_type)):
            self.kept.append(words(device))
        else:
            self._add("./devices", device)

    def _part(self, element: Element, twin: Element) -> None:
        if element.tag == "clock":
            for name, value in element.attrib.items():
                if twin.get(str(name)) != value:
                    self.found.append(Patch(at=f"./clock/@{name!s}", set=str(value)))
        for child in element:
            if not isinstance(child.tag, str) or child.tag in _PARTS[element.tag] or child.tag in _spoken(element.tag):
                continue
            if _usual_timer(child) or any(
                patches.contains(each, cleaned(child)) for each in twin.iterchildren(child.tag)
            ):
                continue
            if twin.find(child.tag) is not None and child.tag not in _MANY:
                self.kept.append(f"{element.tag}: {words(child)}")
            else:
                self._add(f"./{element.tag}", child)

    def _add(self, at: str, element: Element) -> None:
        added = text(element)
        if any(each.at == at and each.add == added for each in self.found):
            added = text(element, place=True)  # two of a kind, which only their place tells apart
        if _BETRAYS.search(added):
            self.kept.append(f"{words(element)} (it may hold a password, which YAML must not)")
        elif len(added) > _LONGEST:
            self.kept.append(f"{words(element)} (too long for a patch)")
        else:
            self.found.append(Patch(at=at, add=added))

    def _proven(self, patch: Patch) -> bool:
        """Whether the definition bears the patch already, and a new one takes it."""
        declared = json.dumps([patch.data()])
        try:
            before = write(self.domain)
            same = deepcopy(self.domain)
            patches.apply(same, declared)
            patches.apply(deepcopy(self.model), declared)
        except CannotWrite:
            before, same = "", self.domain
        if write(same) == before:
            return True
        self.kept.append(_label(patch))
        return False


def _spoken(tag: str) -> tuple[str, ...]:
    """Children of a domain's element that fields tell of, whatever their content."""
    return ("model", "vendor", "topology") if tag == "cpu" else ()


def _model(domain: Element, found: Draft) -> Element:
    """What gitvirt would build from the fields, without the named devices; fields that it cannot write left out."""
    identity = domain.findtext("uuid") or _NOBODY
    return _built(identity, {path: value for path, value in found.fields.items() if entry_of(path) is None})


def _usual_fields(found: Draft) -> Fields:
    """What a new VM has that is told no more than the kind of machine, as it will be read back."""
    built = _built(_NOBODY, {path: found.fields[path] for path in _KIND if path in found.fields})
    fields = dict(draft(built, Names({})).fields)
    return {**{path: value for path, value in fields.items() if path not in _KIND}, **_ADDED}


def _built(identity: str, fields: dict[str, Scalar]) -> Element:
    mark = Mark(repository="", ref="", uuid=identity, generation=1, revision="")
    while True:
        try:
            request = NewVm(name="rest", uuid=identity, fields=fields, mark=mark)
            return parse(definition.build(request, _LIBVIRT))
        except CannotWrite as problem:
            if problem.path not in fields:
                fields = {}
            fields.pop(problem.path, None)


def _usual(device: Element) -> bool:
    """What libvirt, or every tool that makes VMs, adds by itself."""
    tag, kind = device.tag, device.get("type", "")
    if tag in ("controller", "emulator", "hub"):
        return True
    if tag == "input":
        return device.get("bus", "ps2") in ("ps2", "usb") and kind in ("mouse", "keyboard", "tablet")
    if tag == "console":
        target = device.find("target")
        return target is None or target.get("type", "serial") == "serial"
    return (tag == "audio" and kind in ("none", "spice")) or (tag == "memballoon" and device.get("model") == "virtio")


def _usual_timer(element: Element) -> bool:
    name = element.get("name", "")
    if element.tag != "timer":
        return False
    return (name == "hpet" and element.get("present") == "no") or element.get("tickpolicy", "-") == _USUAL_TIMERS.get(
        name
    )


def cleaned(element: Element, *, place: bool = False) -> Element:
    """A copy without comments and, unless `place`, without what is only good on this host: bus address, alias."""
    copy = deepcopy(element)
    copy.tail = None
    etree.strip_tags(copy, etree.Comment, etree.ProcessingInstruction)
    for tag in () if place else ("address", "alias"):
        for child in copy.findall(tag):
            copy.remove(child)
    etree.cleanup_namespaces(copy)
    return copy


def text(element: Element, *, place: bool = False) -> str:
    """The element as people write it, two spaces a level."""
    copy = cleaned(element, place=place)
    etree.indent(copy)
    return write(copy)


def words(element: Element) -> str:
    """The element for people: its name and what tells it apart, `controller scsi`."""
    told = [etree.QName(element).localname, *(element.get(each, "") for each in ("type", "model", "name"))]
    return " ".join(dict.fromkeys(each for each in told if each))


def _label(patch: Patch) -> str:
    if not patch.add:
        return patch.at
    return next(_elements(patch.add), patch.at)


def _elements(xml: str) -> Iterator[str]:
    yield words(etree.fromstring(xml))
