"""Patterns of interface names: `br{vlan}` and `vxlan{vni}`, filled in with a network's own numbers. Pure."""

from __future__ import annotations

from collections.abc import Mapping

LONGEST = 15
"""What the kernel takes as the name of an interface."""


def unfilled(pattern: str, numbers: Mapping[str, int | None]) -> str:
    """The first word of the pattern that has no number, "" if all have."""
    return next((word for word, number in numbers.items() if f"{{{word}}}" in pattern and number is None), "")


def fill(pattern: str, numbers: Mapping[str, int | None]) -> str:
    """`br{vlan}` with {vlan: 20} → `br20`."""
    for word, number in numbers.items():
        pattern = pattern.replace(f"{{{word}}}", str(number))
    return pattern
