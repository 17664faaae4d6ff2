"""Definitions: the XML of a new domain, and an existing definition with edits made to it.

Pure. `build` makes all of a new domain's XML from its fields; `change` patches the observed definition in place and
keeps everything that gitvirt does not know. Called by vms.py, which proves the result with visible.py. Raises
CannotWrite, naming the field.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy

from drivers.base import NewVm, VmEdit
from drivers.libvirt.domain import boot, controllers, marks, patches
from drivers.libvirt.domain.aspect import DeviceList, Place
from drivers.libvirt.domain.aspects import cpu, modules
from drivers.libvirt.domain.draft import Draft, Names, alias_of
from drivers.libvirt.domain.reading import draft
from drivers.libvirt.domain.table import CHECKS, LISTS, WRITE
from drivers.libvirt.domain.tree import CannotWrite, Element, drop, ensure, new, put_text, remove, write
from drivers.libvirt.domain.visible import fields_of
from drivers.mark import Device, Mark, kind_of, list_of
from specs.fields import Fields, Scalar, entries, entry_of
from specs.structs import Struct, replace

TRANSLATION_CACHE = "32"  # MiB; QEMU's own choice under emulation is up to 1 GiB per VM
TRANSLATION_CACHE_SINCE = 8_000_000  # libvirt's version


class Context(Struct, frozen=True, kw_only=True):
    """What an edit is made with: the merged device table, and the live XML if the VM runs."""

    devices: Mapping[str, Device]
    live: Element | None = None


def build(request: NewVm, libvirt: int) -> str:
    """The XML of a new domain, for a daemon of that version."""
    domain = new("domain", type="kvm")
    put_text(domain, "name", request.name)
    put_text(domain, "uuid", request.uuid)
    _write_scalars(domain, {path: value for path, value in request.fields.items() if entry_of(path) is None})
    _surroundings(domain, request.fields, libvirt)
    for list_name, each in LISTS.items():
        for name, fields in entries(request.fields, list_name).items():
            _insert(domain, each, name, fields, Context(devices=request.mark.devices))
    controllers.furnish(domain)
    patches.apply(domain, request.xml)
    _settle(domain)
    marks.write(domain, request.mark)
    return write(domain)


def _surroundings(domain: Element, fields: Fields, libvirt: int) -> None:
    """What every new domain has besides its fields."""
    features = ensure(domain, "features")
    for name in ("acpi", "apic"):
        if fields.get(f"features.{name}") is not False:
            ensure(features, name)
    emulated = domain.get("type") == "qemu"
    if emulated and libvirt >= TRANSLATION_CACHE_SINCE and not cpu.can_grow(domain):
        put_text(ensure(features, "tcg"), "tb-cache", TRANSLATION_CACHE)
        ensure(features, "tcg/tb-cache").set("unit", "MiB")
    clock = ensure(domain, "clock")
    clock.set("offset", clock.get("offset", "utc"))
    if not emulated and "clock.timers" not in fields:
        clock.append(new("timer", name="rtc", tickpolicy="catchup"))
        clock.append(new("timer", name="pit", tickpolicy="delay"))
        clock.append(new("timer", name="hpet", present="no"))
    for event, action in (("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy")):
        put_text(domain, event, domain.findtext(event) or action)
    if domain.find("devices/memballoon") is None:
        ensure(domain, "devices").append(new("memballoon", model="virtio"))


def change(domain: Element, edit: VmEdit, context: Context) -> Mark:
    """Makes the edits of the next boot's definition in place; returns the mark that it now bears."""
    modules.exclude(domain)
    patches.revert(domain, edit.xml_before, edit.xml)
    known = draft(domain, Names(context.devices))
    whole = [each for each in edit.config if each.path.endswith("]")]
    for each in whole:
        if each.after is None and (device := known.elements.get(each.path)) is not None:
            remove(device)
    _write_single(domain, known, {each.path: _scalar(each.after) for each in edit.config if each not in whole})
    for each in whole:
        if each.after is not None and each.path not in known.elements:
            parts = entry_of(each.path)
            assert parts is not None, each.path
            _insert(domain, _list(each.path), parts[1], fields_of(each.after), context)
    mark = _following(edit.mark, known)
    patches.apply(domain, edit.xml)
    _settle(domain)
    marks.write(domain, mark)
    return mark


def alter(domain: Element, fields: Fields, devices: Mapping[str, Device]) -> None:
    """Sets single fields in place, and nothing else: neither the mark nor the patches change."""
    modules.exclude(domain)
    _write_single(domain, draft(domain, Names(devices)), fields)
    _settle(domain)


def alias_for(path: str, devices: Mapping[str, Device]) -> str:
    """The alias that the device of that entry shall have: the mark's, else the one that its name makes."""
    parts = entry_of(path)
    assert parts is not None, path
    known = devices.get(f"{kind_of(parts[0])}/{parts[1]}")
    return known.alias if known is not None and known.alias else alias_of(parts[0], parts[1])


def _list(path: str) -> DeviceList:
    parts = entry_of(path)
    if parts is None or parts[0] not in LISTS:
        raise CannotWrite(path, "is not a field of a VM")
    return LISTS[parts[0]]


def _scalar(value: Scalar | Fields) -> Scalar:
    return None if isinstance(value, Mapping) else value


def _write_single(domain: Element, known: Draft, values: Mapping[str, Scalar]) -> None:
    _write_scalars(domain, {path: value for path, value in values.items() if entry_of(path) is None})
    for path, value in values.items():
        if entry_of(path) is not None:
            _write_field(known, path, value)


def _write_scalars(domain: Element, values: Mapping[str, Scalar]) -> None:
    for path in values:
        if path not in WRITE:
            raise CannotWrite(path, "is not a field of a VM")
    for path, writer in WRITE.items():
        if path in values:
            writer(domain, values[path])


def _write_field(known: Draft, path: str, value: Scalar) -> None:
    parts = entry_of(path)
    assert parts is not None, path
    each = _list(path)
    if parts[2] in each.unwritten:
        return
    element = known.elements.get(f"{parts[0]}[{parts[1]}]")
    if element is None or element.getparent() is None:
        raise CannotWrite(path, "the VM has no such device (any more)")
    if parts[2] not in each.write:
        raise CannotWrite(path, "is not a field of such a device")
    try:
        each.write[parts[2]](element, value)
    except CannotWrite as problem:
        raise CannotWrite(path, problem.reason) from None


def _insert(domain: Element, each: DeviceList, name: str, fields: Fields, context: Context) -> None:
    path = f"{each.name}[{name}]"
    alias = alias_for(path, context.devices)
    try:
        built = each.build(Place(domain=domain, live=context.live, alias=alias), fields)
    except CannotWrite as problem:
        raise CannotWrite(f"{path}.{problem.path}", problem.reason) from None
    if context.live is not None and (twin := by_alias(context.live, alias)) is not None:
        _take_place(domain, built, twin)
    ensure(domain, "devices").append(built)


def by_alias(domain: Element, alias: str) -> Element | None:
    """The device of a domain that has the alias."""
    for each in domain.iterfind("devices/*/alias"):
        if each.get("name") == alias:
            return each.getparent()
    return None


def _take_place(domain: Element, built: Element, twin: Element) -> None:
    """Gives a device of the definition the target and the bus address that it has on the running VM."""
    if built.tag == "disk" and (target := twin.find("target")) is not None:
        taken = {each.get("dev") for each in domain.iterfind("devices/disk/target")}
        if target.get("dev") not in taken:
            drop(built, "target")
            built.append(deepcopy(target))
    address = twin.find("address")
    if address is None:
        return
    used = [each.attrib for each in domain.iterfind("devices/*/address") if _rivals(each, built)]
    if address.attrib not in used:
        drop(built, "address")
        built.append(deepcopy(address))


def _rivals(address: Element, built: Element) -> bool:
    """Whether the address is in the same space as the new device's: drives have one space per bus."""
    if address.get("type") != "drive":
        return True
    return _bus(address.getparent()) == _bus(built)


def _bus(device: Element | None) -> str | None:
    target = device.find("target") if device is not None else None
    return target.get("bus") if target is not None else None


def _following(mark: Mark, known: Draft) -> Mark:
    """The mark with the targets and MACs by which adopted devices are found after this change."""
    table = dict(mark.devices)
    for key, device in mark.devices.items():
        kind, _, name = key.partition("/")
        element = known.elements.get(f"{list_of(kind)}[{name}]")
        if device.alias or element is None or not (found := LISTS[list_of(kind)].key(element)):
            continue
        table[key] = replace(device, mac=found) if device.mac else replace(device, target=found)
    return replace(mark, devices=table)


def _settle(domain: Element) -> None:
    boot.settle(domain)
    modules.include(domain)
    for check in CHECKS:
        check(domain)
