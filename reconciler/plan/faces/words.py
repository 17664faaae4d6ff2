"""Words: how values, devices, effects and many names at once are said to people, on one line and harmlessly.

Pure. In: canonical values (bytes, booleans, Secrets), refs. Out: text without control characters, so that nothing
that was written in YAML or found on a host can move the cursor, break a line or hide itself. Called by every face.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from reconciler.diff.change import FieldChange, Verb
from specs.effects import Effect
from specs.fields import Fields, Scalar, Secret, entry_of, pattern
from specs.resource import Location, Ref
from specs.units import format_size

_SIZES = {
    "": ("memory", "memoryMax"),
    "memoryPolicy.": ("guaranteed", "hardLimit", "softLimit", "swapLimit"),
    "memoryHotplug.": ("max",),
    "memoryModules[*].": ("size", "requested", "block"),
    "video.": ("vram", "ram", "vgaMemory"),
    "disks[*].": ("size",),
    "disks[*].iotune.": (
        "totalBytes", "readBytes", "writeBytes", "totalBytesMax", "readBytesMax", "writeBytesMax", "iopsSize",
    ),
    "nics[*].bandwidth.inbound.": ("average", "peak", "burst"),
    "nics[*].bandwidth.outbound.": ("average", "peak", "burst"),
}  # fmt: skip
BYTES = frozenset(before + name for before, names in _SIZES.items() for name in names)
"""Patterns of the paths whose values are bytes."""

SIGNS: Mapping[Verb, str] = {
    Verb.CREATE: "+",
    Verb.RESTORE: "^",
    Verb.ADOPT: "»",
    Verb.UPDATE: "~",
    Verb.DELETE: "-",
    Verb.PURGE: "-",
    Verb.NOTE: "·",
}
HELD_SIGN = "!"

_LONGEST = 72  # characters of one value; the rest is in the YAML
_COMMIT = re.compile(r"^[0-9a-f]{40}(?=\+|$)")
_NUMBERED = re.compile(r"^(?P<before>.*?)(?P<digits>[0-9]{1,9})(?P<after>[^0-9]*)$", re.DOTALL)


def plain(text: str) -> str:
    """The text with everything that does not print (line breaks, escapes, direction marks) spelled out as `\\x1b`."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def value(path: str, scalar: Scalar) -> str:
    """One value of a path as people write it: `2GiB`, `yes`, `none`, `***` for a secret."""
    if scalar is None:
        return "none"
    if isinstance(scalar, Secret) or (isinstance(scalar, str) and scalar.startswith("hmac:")):
        return "***"
    if isinstance(scalar, bool):
        return "yes" if scalar else "no"
    if isinstance(scalar, int):
        return format_size(scalar) if pattern(path) in BYTES else str(scalar)
    if path == "xml":
        return _patches(scalar)
    if path in ("cloudInit", "ignition", "sysprep"):
        return scalar[:12]
    text = plain(scalar) or ("empty" if path.endswith(".source") else '""')
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _patches(text: str) -> str:
    """XML patches as a mark has them: their number, since they are no reading matter."""
    try:
        count = len(json.loads(text))
    except (ValueError, TypeError):
        return "patches"
    return f"{count} patch" + ("" if count == 1 else "es")


_TELLING = {
    "disks": ("size", "source", "format", "bus", "cache", "io", "readOnly", "serial", "bootOrder"),
    "cdroms": ("source", "bus", "bootOrder"),
    "nics": ("network", "mac", "model", "link", "bootOrder"),
    "hosts": ("mac", "address"),
    "dns": ("names",),
}
_USUAL = {
    ("disks", "readOnly"): False, ("disks", "bus"): "virtio", ("disks", "format"): "qcow2",
    ("nics", "model"): "virtio", ("nics", "link"): "up",
}  # fmt: skip
_UNNAMED = frozenset({"size", "bus", "format", "names"})
_DECIDED = frozenset({("nics", "mac"), ("disks", "source")})
"""What gitvirt decides for each device anew; left out where many equal devices are said at once."""


def device(path: str, fields: Fields, alone: bool = True) -> str:
    """A device on one line: `network backup, mac 52:54:00:…`; with `alone` False without what is its own only."""
    list_name = (entry_of(path) or ("", "", ""))[0]
    said = []
    for name in _TELLING.get(list_name, tuple(fields)):
        scalar = fields.get(name)
        own = (list_name, name)
        if scalar is None or _USUAL.get(own) == scalar or (not alone and own in _DECIDED):
            continue
        text = value(f"{path}.{name}", scalar)
        if name == "source":
            name, text = "volume" if list_name == "disks" else "medium", text.rpartition("/")[2]
        said.append(text if name in _UNNAMED else f"{name} {text}")
    return ", ".join(said) or "as declared"


def shown(path: str, thing: Scalar | Fields, alone: bool = True) -> str:
    """A value or a whole device."""
    return device(path, thing, alone) if isinstance(thing, Mapping) else value(path, thing)


def path_of(change: FieldChange) -> str:
    """The path as it heads a line: `nics[+backup]` and `disks[-data]` for entries that come and go."""
    parts = entry_of(change.path)
    if parts and not parts[2] and change.kind != "release":
        sign = "+" if change.before is None else "-" if change.after is None else ""
        return plain(f"{parts[0]}[{sign}{parts[1]}]")
    return plain(change.path)


EFFECTS: Mapping[Effect, str] = {
    Effect.NONE: "no effect",
    Effect.LIVE: "live",
    Effect.HOTPLUG: "hotplug",
    Effect.MIGRATE: "migration",
    Effect.RESTART: "restart",
    Effect.OFFLINE: "offline",
    Effect.RECREATE: "made anew",
    Effect.CREATION: "at creation only",
    Effect.FORBIDDEN: "impossible",
}


def effect(change: FieldChange) -> str:
    """The effect of a field with its note: `restart, at the next power cycle`."""
    if change.kind == "note" and change.effect is Effect.CREATION:
        return EFFECTS[change.effect] + "".join(plain(change.note).partition(";")[1:])
    if change.kind in _SAID:
        waits = change.kind == "pending" and change.effect in (Effect.RESTART, Effect.OFFLINE)
        return plain(change.note) if change.note and not waits else _SAID[change.kind]
    word = _power(change) if change.path == "state" else EFFECTS[change.effect]
    note = plain(change.note)
    said = note if note.startswith(word) else f"{word}, {note}" if note else word
    return f"set back, {said}" if change.kind == "drift" else said


_SAID = {
    "record": "recorded",
    "release": "no longer declared",
    "pending": "waits for the next power cycle",
    "note": EFFECTS[Effect.NONE],
}


def _power(change: FieldChange) -> str:
    """What is done to make a state true; it is no effect on hardware."""
    if change.after == "running":
        return {"paused": "resumes", "suspended": "wakes"}.get(str(change.before), "starts")
    return "stops" if change.after == "stopped" else EFFECTS[change.effect]


def where(location: Location | None) -> str:
    """`file:line`, or "" for nowhere."""
    if location is None:
        return ""
    return plain(f"{location.file}:{location.line}" if location.line else location.file)


def revision(text: str) -> str:
    """A commit in short, anything else as it is; what marks it as dirty stays."""
    return plain(_COMMIT.sub(lambda found: found[0][:12], text))


def clock(seconds: int) -> str:
    """The time of day of unix seconds, in UTC: a plan is the same wherever it is made."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%H:%M:%S UTC")


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 host`, `3 hosts`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"


def names(many: Iterable[str]) -> list[str]:
    """Names in short, in their order: three or more that differ by one number become one, `desk-[01-20]`."""
    groups: dict[tuple[str, ...], list[str]] = {}
    many = list(dict.fromkeys(many))
    padded = {key for each in many if (key := _padded(each))}
    for each in many:
        found = _NUMBERED.match(each)
        if found is None:
            groups[(each,)] = []
            continue
        digits, around = found["digits"], (found["before"], found["after"])
        width = len(digits) if (*around, str(len(digits))) in padded else 0
        groups.setdefault((*around, str(width)), []).append(digits)
    return [plain(each) for key, digits in groups.items() for each in _ranges(key, digits)]


def _padded(name: str) -> tuple[str, ...] | None:
    """What tells the width of a series from a name with leading zeros."""
    found = _NUMBERED.match(name)
    if found is None or not found["digits"].startswith("0") or found["digits"] == "0":
        return None
    return (found["before"], found["after"], str(len(found["digits"])))


def _ranges(key: tuple[str, ...], digits: list[str]) -> list[str]:
    if not digits:
        return [key[0]]
    before, after, width = key
    if len(digits) < 3:
        return [before + each + after for each in digits]
    runs: list[list[int]] = []
    for number in sorted(map(int, digits)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    wide = [[str(each).zfill(int(width)) for each in (run[0], run[-1])[: len(run)]] for run in runs]
    return [f"{before}[{','.join('-'.join(run) for run in wide)}]{after}"]


def refs(many: Iterable[Ref | str]) -> str:
    """Refs in short with their number: `vm/desk-[01-20] (20)`, `vm/a, vm/b (2)`; one alone is as it is."""
    texts = [str(each) for each in many]
    distinct = list(dict.fromkeys(texts))
    kinds: dict[str, list[str]] = {}
    for each in distinct:
        kind, slash, name = each.partition("/")
        kinds.setdefault(kind + slash, []).append(name)
    said = [plain(kind) + name for kind, found in kinds.items() for name in names(found)]
    return ", ".join(said) + (f" ({len(distinct)})" if len(distinct) > 1 else "")
