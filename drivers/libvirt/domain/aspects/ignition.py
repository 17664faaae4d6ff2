"""Ignition: the config of a first boot, as a fw_cfg entry of QEMU: `<sysinfo type='fwcfg'>` with a file of the host.

Never inline: libvirt hands an inline text to QEMU with its quotes spelled `&quot;` and its commas as they are. Other
entries are kept as they are.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Aspect
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import Element, new, remove
from specs.fields import Scalar

ENTRY = "opt/com.coreos/config"


def _read(element: Element, draft: Draft) -> None:
    if element.get("type") == "fwcfg" and (entry := _entry(element)) is not None and entry.get("file"):
        draft.fields["ignition"] = entry.get("file")


def _write(domain: Element, value: Scalar) -> None:
    own = next((each for each in domain.iterfind("sysinfo") if each.get("type") == "fwcfg"), None)
    entry = _entry(own) if own is not None else None
    if value is None:
        if own is not None and entry is not None:
            remove(own if len(own) == 1 else entry)
        return
    if own is None:
        own = new("sysinfo", type="fwcfg")
        domain.append(own)
    if entry is None:
        entry = new("entry", name=ENTRY)
        own.append(entry)
    entry.text = None
    entry.set("file", str(value))


def _entry(sysinfo: Element) -> Element | None:
    return next((each for each in sysinfo.iterfind("entry") if each.get("name") == ENTRY), None)


ASPECT = Aspect(domain={"sysinfo": _read}, write={"ignition": _write})
