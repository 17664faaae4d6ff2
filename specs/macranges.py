"""Ranges of MAC addresses as one canonical text, `00:1a:4a:16:01:00-00:1a:4a:16:01:ff`, and MACs as numbers. Pure.

Called by the model of MacPool, its checks, and by what gives new NICs their addresses.
"""

from __future__ import annotations

from specs.errors import BadValue
from specs.units import parse_mac


def parse_range(value: object) -> str:
    """`FIRST-LAST` in canonical form; BadValue for what is none."""
    first, dash, last = value.replace(" ", "").partition("-") if isinstance(value, str) else ("", "", "")
    if not dash:
        fix = "write FIRST-LAST, such as `52:54:00:10:00:00-52:54:00:10:ff:ff`"
        raise BadValue(f"`{str(value)[:60]}` is no range of MAC addresses", fix=fix)
    text = f"{parse_mac(first)}-{parse_mac(last)}"
    start, end = bounds(text)
    if end < start:
        raise BadValue(f"the range ends at {last}", f"it starts at {first}", "exchange the two")
    if start >> 40 != end >> 40:
        raise BadValue(
            "the range has more than one first pair", "multicast addresses would be in it", "make it smaller"
        )
    return text


def bounds(text: str) -> tuple[int, int]:
    """The first and the last address of a canonical range, as numbers."""
    first, _, last = text.partition("-")
    return number(first), number(last)


def number(mac: str) -> int:
    """52:54:00:00:00:01 → 0x525400000001."""
    return int(mac.replace(":", ""), 16)


def mac(value: int) -> str:
    """The inverse of `number`."""
    digits = f"{value:012x}"
    return ":".join(digits[place : place + 2] for place in range(0, 12, 2))
