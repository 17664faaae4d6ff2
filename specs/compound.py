"""Compound values: sets of CPUs, assignments, switches and options, each as one canonical text.

`0-1,3` is a set of numbers; `0=2-3;1=4` assigns sets to numbers; `+aes,-svm` are switches; `hpet=no,rtc=catchup` are
options. One text is one scalar field (specs/fields.py): compared, remembered and shown as a whole. The `parse_`
functions take what YAML says (text, list or mapping) and raise BadValue; the others read canonical text. Called by the
models of specs/kinds and by drivers/libvirt/domain.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from specs.errors import BadValue
from specs.units import format_size, parse_size

_MOST_CPUS = 4096
_RANGE = re.compile(r"(\^)?([0-9]{1,4})(?:-([0-9]{1,4}))?", re.ASCII)
_WORD = r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}"
_SWITCH = re.compile(rf"([+-])?({_WORD})", re.ASCII)
_OPTION = re.compile(rf"({_WORD})(?:=({_WORD}))?", re.ASCII)


def parse_numbers(value: object) -> str:
    """`0-3,^2`, `0,1,3`, `5` → `0-1,3`, `5`: as libvirt prints a set of CPUs or NUMA nodes."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    if not isinstance(text, str):
        raise BadValue("this is no set of numbers", fix="write it as text, such as `0-3,8`")
    try:
        return format_numbers(numbers(text.replace(" ", "")))
    except ValueError:
        raise BadValue(f"`{text[:60]}` is no set of numbers", fix="such as `0-3,8` or `0-7,^2`") from None


def numbers(text: str) -> frozenset[int]:
    """The members of a set in libvirt's notation. Raises ValueError for what is none."""
    found: set[int] = set()
    for part in text.split(","):
        match = _RANGE.fullmatch(part)
        if match is None:
            raise ValueError(text)
        first = int(match[2])
        last = int(match[3] or first)
        if last < first or last >= _MOST_CPUS:
            raise ValueError(text)
        members = range(first, last + 1)
        found = found.difference(members) if match[1] else found.union(members)
    if not found:
        raise ValueError(text)
    return frozenset(found)


def format_numbers(members: Iterable[int]) -> str:
    """{0, 1, 3} → `0-1,3`."""
    runs: list[tuple[int, int]] = []
    for each in sorted(members):
        if runs and each == runs[-1][1] + 1:
            runs[-1] = (runs[-1][0], each)
        else:
            runs.append((each, each))
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def parse_assignments(value: object) -> str:
    """`{0: 2-3, "1-2": 4}` → `0=2-3;1=4;2=4`; canonical text is taken too. Empty is ``."""
    found: dict[int, str] = {}
    for key, each in _pairs(value).items():
        for number in numbers(parse_numbers(key)):
            if number in found:
                raise BadValue(f"{number} is assigned twice")
            found[number] = parse_numbers(each)
    return format_assignments(found)


def format_assignments(found: Mapping[int, str]) -> str:
    """The canonical text, in the order of the numbers."""
    return ";".join(f"{number}={found[number]}" for number in sorted(found))


def assignments(text: str) -> dict[int, str]:
    """The inverse of `format_assignments`."""
    return {int(key): each for key, _, each in (part.partition("=") for part in text.split(";") if part)}


def _pairs(value: object) -> Mapping[object, object]:
    if isinstance(value, str):
        parts = [part.partition("=") for part in value.split(";") if part]
        if all(equals for _, equals, _ in parts):
            return {key: each for key, _, each in parts}
    if not isinstance(value, Mapping):
        raise BadValue("this is no assignment", fix="write a mapping, such as `{0: 2-3, 1: 4}`")
    return value


def parse_switches(value: object) -> str:
    """`[+vmx, -svm, aes]` → `+aes,-svm,+vmx`, in the order of the names; a bare name is switched on."""
    found: dict[str, str] = {}
    for each in _items(value):
        match = _SWITCH.fullmatch(each) if isinstance(each, str) else None
        if match is None:
            raise BadValue(f"`{str(each)[:60]}` is no switch", fix="write `+name` or `-name`")
        if match[2] in found:
            raise BadValue(f"`{match[2]}` is written twice")
        found[match[2]] = match[1] or "+"
    return format_switches(found)


def format_switches(found: Mapping[str, str]) -> str:
    """{aes: +} → `+aes`, in the order of the names."""
    return ",".join(sign + name for name, sign in sorted(found.items()))


def switches(text: str) -> dict[str, str]:
    """The inverse of `format_switches`."""
    return {each[1:]: each[0] for each in text.split(",") if each}


def parse_options(value: object) -> str:
    """`{hpet: false, rtc: catchup}`, `[relaxed, spinlocks=8191]` → `hpet=no,rtc=catchup`, `relaxed,spinlocks=8191`."""
    found: dict[str, str] = {}
    items = value.items() if isinstance(value, Mapping) else (_option(each) for each in _items(value))
    for name, each in items:
        word = _word(each)
        if not isinstance(name, str) or not re.fullmatch(_WORD, name, re.ASCII):
            raise BadValue(f"`{str(name)[:60]}` is no name of an option")
        if word and not re.fullmatch(_WORD, word, re.ASCII):
            raise BadValue(f"`{word[:60]}` is no value of an option")
        if name in found:
            raise BadValue(f"`{name}` is written twice")
        found[name] = word
    return format_options(found)


def _word(value: object) -> str:
    if value is None or isinstance(value, bool):
        return "" if value is None else "yes" if value else "no"
    return str(value)


def _option(each: object) -> tuple[str, str]:
    match = _OPTION.fullmatch(each) if isinstance(each, str) else None
    if match is None:
        raise BadValue(f"`{str(each)[:60]}` is no option", fix="write `name` or `name=value`")
    return match[1], match[2] or ""


def format_options(found: Mapping[str, str]) -> str:
    """{rtc: catchup, relaxed: ``} → `relaxed,rtc=catchup`."""
    return ",".join(f"{name}={each}" if each else name for name, each in sorted(found.items()))


def options(text: str) -> dict[str, str]:
    """The inverse of `format_options`."""
    return {name: each for name, _, each in (part.partition("=") for part in text.split(",") if part)}


def _items(value: object) -> Iterable[object]:
    if isinstance(value, str):
        return [each.strip() for each in value.split(",") if each.strip()]
    if not isinstance(value, list | tuple):
        raise BadValue("this is no list", fix="write `[one, two]`")
    return value


def parse_cells(value: object) -> str:
    """`[{cpus: 0-1, memory: 1GiB}, …]` → `0-1=1GiB;2-3=1GiB`; canonical text is taken too."""
    items: list[object] = []
    if isinstance(value, str):
        parts = [part.partition("=") for part in value.split(";") if part]
        items = [{"cpus": cpus, "memory": amount} for cpus, _, amount in parts]
    elif isinstance(value, list | tuple):
        items = list(value)
    else:
        raise BadValue("this is no list of NUMA cells", fix="write `[{cpus: 0-1, memory: 1GiB}]`")
    return format_cells([_cell(each) for each in items])


def _cell(value: object) -> tuple[str, int]:
    if not isinstance(value, Mapping) or set(value) != {"cpus", "memory"}:
        raise BadValue("this is no NUMA cell", fix="write `{cpus: 0-1, memory: 1GiB}`")
    amount = parse_size(value["memory"])
    if amount % 1024 or not amount:
        raise BadValue(f"{value['memory']} is no size of a cell", "libvirt counts in KiB", "use a larger unit")
    return parse_numbers(value["cpus"]), amount


def format_cells(found: Iterable[tuple[str, int]]) -> str:
    """[(CPUs, bytes)] → `0-1=1GiB;2-3=1GiB`."""
    return ";".join(f"{cpus}={format_size(amount)}" for cpus, amount in found)


def cells(text: str) -> list[tuple[str, int]]:
    """The inverse of `format_cells`."""
    return [(cpus, parse_size(amount)) for cpus, _, amount in (part.partition("=") for part in text.split(";") if part)]
