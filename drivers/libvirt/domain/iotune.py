"""I/O limits of a disk: `<iotune>`, our fields `iotune.totalBytes` … of a disk.

libvirt takes either a total or limits of reading and writing, and a burst only above a limit; so a limit that is set
takes the other kind away, and one that is lifted (0) takes its bursts along. Read, written, and changed on a running VM
by the block device's own call. Used by drives.py and aspects/disks.py.
"""

from __future__ import annotations

from drivers.libvirt.domain.aspect import Change, NotNow, Running, Write
from drivers.libvirt.domain.tree import CannotWrite, Element, drop, ensure, number, put_text, remove
from specs.fields import Scalar, entry, entry_of

_ENDS = {"": "", "Max": "_max", "MaxLength": "_max_length"}
_KINDS = {"Bytes": "bytes_sec", "Iops": "iops_sec"}
NAMES: dict[str, str] = {
    f"iotune.{way}{kind}{end}": f"{way}_{word}{tail}"
    for end, tail in _ENDS.items()
    for kind, word in _KINDS.items()
    for way in ("total", "read", "write")
} | {"iotune.iopsSize": "size_iops_sec"}
"""Our field → libvirt's element, which is the parameter's name too."""
FIELDS = {name: field for field, name in NAMES.items()}


def read(element: Element, found: dict[str, Scalar]) -> None:
    """Reads `<iotune>`."""
    for child in element:
        field = FIELDS.get(str(child.tag))
        if field is not None and (value := number(child.text)):
            found[field] = value


def implied(name: str, value: int) -> dict[str, int]:
    """libvirt's parameters that one limit means: itself, and those that cannot stay beside it as 0."""
    way, _, rest = name.partition("_")
    if way == "size":
        return {name: value}
    if not value:
        return {each: 0 for each in FIELDS if each == name or each.startswith(name + "_")}
    others = ("read", "write") if way == "total" else ("total",)
    stem = next(word for word in _KINDS.values() if rest.startswith(word))
    return {name: value, **{f"{other}_{stem}{tail}": 0 for other in others for tail in _ENDS.values()}}


def _number(field: str, value: Scalar) -> int:
    if value is None:
        return 0
    if not isinstance(value, int) or value < 0:
        raise CannotWrite(field, f"must be a number, not {value}")
    return int(value)


def _writer(field: str) -> Write:
    def write(device: Element, value: Scalar) -> None:
        tune = ensure(device, "iotune")
        for name, limit in implied(NAMES[field], _number(field, value)).items():
            if limit:
                put_text(tune, name, limit)
            else:
                drop(tune, name)
        if not len(tune):
            remove(tune)

    return write


def _change(running: Running, path: str, value: Scalar) -> None:
    parts = entry_of(path)
    assert parts is not None, path
    target = running.draft().targets.get(entry(parts[0], parts[1]))
    if target is None:
        raise NotNow("the running VM does not have this disk yet")
    running.limit(target, **implied(NAMES[parts[2]], _number(parts[2], value)))


WRITE: dict[str, Write] = {field: _writer(field) for field in NAMES}
LIVE: dict[str, Change] = dict.fromkeys(NAMES, _change)
