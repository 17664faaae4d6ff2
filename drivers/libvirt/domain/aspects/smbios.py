"""What the firmware tells the guest about its hardware: `<os><smbios>` and `<sysinfo type='smbios'>`.

The tables are used only with mode `sysinfo`, so the first entry sets it where no mode is, and the last one that goes
takes it along.
"""

from __future__ import annotations

from functools import partial

from drivers.libvirt.domain.aspect import Aspect
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.spots import TEXT, Spot, readers, writers
from drivers.libvirt.domain.tree import CannotWrite, Element, children, drop, ensure, legal, new, remove
from specs.fields import Scalar

TABLES = {
    "bios": ("vendor", "version", "date", "release"),
    "system": ("manufacturer", "product", "version", "serial", "sku", "family"),
    "baseBoard": ("manufacturer", "product", "version", "serial", "asset", "location"),
    "chassis": ("manufacturer", "version", "serial", "asset", "sku"),
}
_MODE = {"smbios.mode": Spot("os/smbios", "mode", TEXT)}
_PATHS = {
    (table, name): f"smbios.{table if table != 'baseBoard' else 'baseboard'}.{name}"
    for table, names in TABLES.items()
    for name in names
}


def _read(element: Element, draft: Draft) -> None:
    if element.get("type") != "smbios":
        return
    for table in element.iterchildren("*"):
        if table.tag == "oemStrings":
            texts = [each.text or "" for each in children(table, "entry")]
            draft.fields["smbios.oemStrings"] = ",".join(texts)
            continue
        for entry in children(table, "entry"):
            path = _PATHS.get((str(table.tag), entry.get("name", "")))
            if path is not None and entry.text:
                draft.fields[path] = entry.text


def _sysinfo(domain: Element) -> Element:
    found = next((each for each in children(domain, "sysinfo") if each.get("type") == "smbios"), None)
    if found is None:
        found = new("sysinfo", type="smbios")
        domain.append(found)
    if domain.find("os/smbios") is None:
        ensure(domain, "os/smbios").set("mode", "sysinfo")
    return found


def _write_entry(table: str, name: str, domain: Element, value: Scalar) -> None:
    sysinfo = _sysinfo(domain)
    parent = ensure(sysinfo, table)
    entry = next((each for each in children(parent, "entry") if each.get("name") == name), None)
    if value is None:
        if entry is not None:
            remove(entry)
    else:
        if entry is None:
            entry = new("entry", name=name)
            parent.append(entry)
        entry.text = legal(str(value), name)
    _settle(domain, sysinfo, parent)


def _write_strings(domain: Element, value: Scalar) -> None:
    sysinfo = _sysinfo(domain)
    drop(sysinfo, "oemStrings")
    parent = ensure(sysinfo, "oemStrings")
    for text in str(value or "").split(","):
        if text:
            entry = new("entry")
            entry.text = legal(text, "smbios.oemStrings")
            parent.append(entry)
    _settle(domain, sysinfo, parent)


def _settle(domain: Element, sysinfo: Element, table: Element) -> None:
    if not len(table):
        remove(table)
    if not len(sysinfo):
        remove(sysinfo)
        os = domain.find("os")
        if os is not None and (mode := os.find("smbios")) is not None and mode.get("mode") == "sysinfo":
            remove(mode)


def _check(domain: Element) -> None:
    mode = domain.find("os/smbios")
    tables = any(each.get("type") == "smbios" for each in children(domain, "sysinfo"))
    if mode is not None and mode.get("mode") == "sysinfo" and not tables:
        raise CannotWrite("smbios.mode", "`sysinfo` needs an entry, such as `smbios.system.serial`")


ASPECT = Aspect(
    domain={"sysinfo": _read, **readers(_MODE)},
    absent={"smbios.oemStrings": ""},
    write={
        **writers(_MODE),
        **{path: partial(_write_entry, table, name) for (table, name), path in _PATHS.items()},
        "smbios.oemStrings": _write_strings,
    },
    check=_check,
)
