"""Firmware: BIOS or UEFI, secure boot, and where loader and variables (NVRAM) are.

UEFI is written as `<os firmware='efi'>` with the features that the image shall have, and libvirt picks one of the
host's. A running VM (and, from libvirt 9.2 on, the definition) then shows the loader that was picked: that is no
choice of anybody's and is not read as one. With a loader of one's own there are no features to choose.
"""

from __future__ import annotations

import re

from drivers.libvirt.domain.aspect import Aspect, Read
from drivers.libvirt.domain.draft import Draft
from drivers.libvirt.domain.tree import CannotWrite, Element, drop, ensure, first, new, put
from specs.fields import Scalar

FEATURES = {"secure-boot": "uefi.secureBoot", "enrolled-keys": "uefi.enrolledKeys"}
_OWN_NAME = re.compile(r"/nvram/[^/]+_VARS(\.ms)?\.(fd|qcow2)")
"""The name that libvirt itself gives to a VM's variables."""


def read_os(element: Element, draft: Draft) -> None:
    """Reads `<os>`, the machine included."""
    fields = draft.fields
    fields["firmware"] = "uefi" if element.get("firmware") == "efi" else "bios"
    for child in element:
        if (reader := _CHILDREN.get(child.tag)) is not None:
            reader(child, draft)
    loader = first(element, "loader")
    if loader is not None and loader.get("type") == "pflash":
        _read_loader(element, loader, draft)


def _read_type(kind: Element, draft: Draft) -> None:
    for path in ("arch", "machine"):
        if value := kind.get(path):
            draft.fields[path] = value


def _read_features(features: Element, draft: Draft) -> None:
    for feature in features:
        if path := FEATURES.get(feature.get("name", "")):
            draft.fields[path] = feature.get("enabled") == "yes"


def _read_nvram(nvram: Element, draft: Draft) -> None:
    path = nvram.text
    if path and not _OWN_NAME.search(path):
        draft.fields["uefi.nvram"] = path


_CHILDREN: dict[object, Read] = {"type": _read_type, "firmware": _read_features, "nvram": _read_nvram}


def _read_loader(os: Element, loader: Element, draft: Draft) -> None:
    fields = draft.fields
    fields["firmware"] = "uefi"
    fields.setdefault("uefi.secureBoot", loader.get("secure") == "yes")
    if loader.text and not _picked(os):
        fields["uefi.loader"] = loader.text
        if (nvram := os.find("nvram")) is not None and (template := nvram.get("template")):
            fields["uefi.nvramTemplate"] = template


def _picked(os: Element) -> bool:
    """Whether libvirt chose the loader."""
    return os.get("firmware") is not None or os.find("firmware") is not None


def _write_firmware(domain: Element, value: Scalar) -> None:
    os = ensure(domain, "os")
    is_uefi = os.get("firmware") == "efi" or os.find("loader[@type='pflash']") is not None
    if value == "uefi" and is_uefi:
        return
    for tag in ("firmware", "loader", "nvram"):
        drop(os, tag)
    put(os, "firmware", None)
    if value == "uefi":
        _pick(os)


def _pick(os: Element) -> None:
    """Lets libvirt choose an image, without secure boot."""
    os.set("firmware", "efi")
    for name in FEATURES:
        _feature(os, name, False)


def _feature(os: Element, name: str, on: bool) -> None:
    features = ensure(os, "firmware")
    found = next((each for each in features if each.get("name") == name), None)
    if found is None:
        found = new("feature", name=name)
        features.append(found)
    found.set("enabled", "yes" if on else "no")


def _uefi(domain: Element, path: str) -> Element:
    os = domain.find("os")
    if os is None or (os.get("firmware") != "efi" and os.find("loader[@type='pflash']") is None):
        raise CannotWrite(path, "the VM has no UEFI; set firmware: uefi too")
    return os


def _write_loader(domain: Element, value: Scalar) -> None:
    os = _uefi(domain, "uefi.loader")
    drop(os, "firmware")
    if value is None:
        drop(os, "loader")
        _pick(os)
        return
    put(os, "firmware", None)
    drop(os, "loader")
    loader = new("loader", readonly="yes", type="pflash")
    loader.text = str(value)
    kind = os.find("type")
    os.insert(0 if kind is None else os.index(kind) + 1, loader)


def _write_secure(domain: Element, value: Scalar) -> None:
    os = _uefi(domain, "uefi.secureBoot")
    on = bool(value)
    if on:
        ensure(domain, "features/smm").set("state", "on")
    loader = os.find("loader")
    if os.get("firmware") is None and loader is not None:
        put(loader, "secure", "yes" if on else None)
        return
    drop(os, "loader")  # what libvirt picked before does not fit any more
    _unpick(os)
    _feature(os, "secure-boot", on)
    _feature(os, "enrolled-keys", on)  # secure boot without keys refuses nothing


def _write_keys(domain: Element, value: Scalar) -> None:
    os = _uefi(domain, "uefi.enrolledKeys")
    if os.get("firmware") is None:
        if value is not None:
            raise CannotWrite("uefi.enrolledKeys", "the keys come with the NVRAM template of uefi.loader")
        return
    drop(os, "loader")
    _unpick(os)
    _feature(os, "enrolled-keys", bool(value))


def _unpick(os: Element) -> None:
    nvram = os.find("nvram")
    if nvram is not None:
        put(nvram, "template", None)


def _write_nvram(domain: Element, value: Scalar) -> None:
    os = _uefi(domain, "uefi.nvram")
    if value is None and os.find("nvram") is None:
        return
    ensure(os, "nvram").text = None if value is None else str(value)


def _write_template(domain: Element, value: Scalar) -> None:
    os = _uefi(domain, "uefi.nvramTemplate")
    if value is not None or os.find("nvram") is not None:
        put(ensure(os, "nvram"), "template", value)


ASPECT = Aspect(
    domain={"os": read_os},
    write={
        "firmware": _write_firmware,
        "uefi.loader": _write_loader,
        "uefi.secureBoot": _write_secure,
        "uefi.enrolledKeys": _write_keys,
        "uefi.nvram": _write_nvram,
        "uefi.nvramTemplate": _write_template,
    },
)
