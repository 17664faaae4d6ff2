"""Units: sizes, durations, percentages, addresses. Text of a YAML file ↔ canonical values.

Sizes are whole bytes, durations whole seconds, MACs lower case with colons. Everything that cannot be read exactly
raises BadValue with a hint; nothing is rounded. Called by the models of specs/kinds, by the command line's options,
and, the `format_` functions, by whatever shows values to people.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from specs.errors import BadValue

_SIZES: Mapping[str, int] = {"B": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40, "PiB": 2**50}
_DURATIONS: Mapping[str, int] = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_QUANTITY = re.compile(r"^(?P<number>[0-9]{1,40})(?P<fraction>\.[0-9]{1,6})? ?(?P<unit>[A-Za-z]*)$", re.ASCII)
_DURATION = re.compile(r"^(?:[0-9]{1,12}[a-z])+$", re.ASCII)
_MAC = re.compile(r"^[0-9a-f]{2}(?::[0-9a-f]{2}){5}$", re.ASCII)
_LARGEST_SIZE = 2**60
_LONGEST_DURATION = 100 * 366 * 86400


def parse_size(value: object) -> int:
    """`512MiB` → 536870912. Only binary units; `GB`, `G` and bare numbers are refused, since readers disagree."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise BadValue(
            f"{value} has no unit", "a number alone may mean bytes or GiB", f"write `{value}GiB` or `{value}MiB`"
        )
    found = _QUANTITY.match(value) if isinstance(value, str) else None
    if found is None:
        raise BadValue(f"{_shown(value)} is not a size", fix="write a number and a unit, such as `512MiB` or `20GiB`")
    factor = _SIZES.get(found["unit"])
    if factor is None:
        raise _wrong_size_unit(found)
    fraction: str = found["fraction"] or ".0"
    scale = int(10 ** (len(fraction) - 1))
    size, rest = divmod((int(found["number"]) * scale + int(fraction[1:])) * factor, scale)
    if rest:
        raise BadValue(f"{value} is not a whole number of bytes", fix="use a smaller unit")
    if size > _LARGEST_SIZE:
        raise BadValue(f"{value} is too large", f"the largest size is {format_size(_LARGEST_SIZE)}")
    return size


def format_size(size: int) -> str:
    """The shortest exact text: 536870912 → `512MiB`, 1000 → `1000B`."""
    for unit, factor in reversed(tuple(_SIZES.items())):
        if size and size % factor == 0:
            return f"{size // factor}{unit}"
    return f"{size}B"


def parse_duration(value: object) -> int:
    """`90s`, `15m`, `7d`, `1h30m` → seconds."""
    bare = isinstance(value, int) and not isinstance(value, bool)
    if bare and value == 0:
        return 0
    if not isinstance(value, str) or not _DURATION.match(value):
        hint = f"`{value}s` or `{value}m`" if bare else "a number and a unit, such as `30s`, `15m`, `7d`"
        raise BadValue(f"{_shown(value)} is not a duration", fix=f"write {hint}")
    seconds = 0
    for number, unit in re.findall(r"([0-9]+)([a-z])", value):
        if unit not in _DURATIONS:
            raise BadValue(f"`{unit}` is no unit of time", fix=f"use one of {', '.join(_DURATIONS)}")
        seconds += int(number) * _DURATIONS[unit]
    if seconds > _LONGEST_DURATION:
        raise BadValue(f"{value} is too long", "the longest duration is 100 years")
    return seconds


def format_duration(seconds: int) -> str:
    """The shortest exact text: 5400 → `90m`, 604800 → `7d`, 0 → `0s`."""
    for unit in ("d", "h", "m"):
        if seconds and seconds % _DURATIONS[unit] == 0:
            return f"{seconds // _DURATIONS[unit]}{unit}"
    return f"{seconds}s"


def parse_percentage(value: object) -> int:
    """`150%` → 150."""
    found = re.match(r"^([0-9]{1,4})%$", value, re.ASCII) if isinstance(value, str) else None
    if found is None:
        raise BadValue(f"{_shown(value)} is not a percentage", fix="write a whole number and %, such as `10%`")
    return int(found[1])


def format_percentage(value: int) -> str:
    """The inverse of `parse_percentage`."""
    return f"{value}%"


def parse_mac(value: object) -> str:
    """A unicast MAC, lower case with colons."""
    mac = value.lower().replace("-", ":") if isinstance(value, str) else ""
    if not _MAC.match(mac):
        raise BadValue(f"{_shown(value)} is not a MAC address", fix="write six pairs, such as `52:54:00:12:34:56`")
    if int(mac[:2], 16) & 1:
        raise BadValue(f"{mac} is a multicast address", "a NIC needs a unicast one", "make its first pair even")
    if mac == "00:00:00:00:00:00":
        raise BadValue(f"{mac} is no address of a NIC", fix="leave `mac` out to get one")
    return mac


def parse_subnet(value: object) -> str:
    """`192.168.150.0/24` in canonical form; the address must be that of the network itself."""
    text = value if isinstance(value, str) else ""
    try:
        if "/" not in text:
            raise ValueError("no prefix length")
        return str(ipaddress.ip_network(text))
    except ValueError:
        raise BadValue(f"{_shown(value)} is not a subnet", fix=_nearest_subnet(text)) from None


def parse_address(value: object) -> str:
    """An IPv4 or IPv6 address in canonical form."""
    try:
        if not isinstance(value, str):
            raise ValueError("not text")
        address = ipaddress.ip_address(value)
    except ValueError:
        fix = "write it without the prefix length" if isinstance(value, str) and "/" in value else ""
        raise BadValue(f"{_shown(value)} is not an IP address", fix=fix or "such as `192.168.150.1`") from None
    if getattr(address, "scope_id", None):
        raise BadValue(f"{_shown(value)} has a zone", "a zone means nothing on another machine", "leave out `%…`")
    return str(address)


def _wrong_size_unit(found: re.Match[str]) -> BadValue:
    number, unit = found["number"] + (found["fraction"] or ""), found["unit"]
    letter = unit[:1].upper()
    likely = next((each for each in _SIZES if each != "B" and each[0] == letter), "GiB")
    if not unit:
        return BadValue(f"{number} has no unit", fix=f"write `{number}{likely}`")
    if unit in {"b", "bytes", "byte", "BYTES"}:
        return BadValue(f"`{unit}` is no unit of size", fix=f"write `{number}B`")
    why = "it may mean powers of 1000 or of 1024" if unit.upper().rstrip("B") in {"K", "M", "G", "T", "P"} else ""
    return BadValue(f"`{unit}` is no unit of size", why, f"write `{number}{likely}`")


def _nearest_subnet(text: str) -> str:
    try:
        return f"write `{ipaddress.ip_network(text if '/' in text else text + '/24', strict=False)}`"
    except ValueError:
        return "such as `192.168.150.0/24`"


def _shown(value: object) -> str:
    return f"`{value[:60]}`" if isinstance(value, str) else f"`{str(value)[:60]}`" if value is not None else "nothing"
