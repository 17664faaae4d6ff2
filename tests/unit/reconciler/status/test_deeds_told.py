"""Operators' deeds in words."""

from __future__ import annotations

import pytest

from reconciler.status.values import deed, deed_told


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        ("power", "stopped", "stopped"),
        ("migrate", "kvm2", "held on kvm2"),
        ("outage", "kvm2", "off for now"),
        ("maintenance", "on", "maintenance"),
        ("upgrade", "", "being upgraded"),
        ("lost", "", "declared lost"),
        ("hold", "", "held"),
        ("cdrom/cd", "rescue", "cdrom/cd rescue"),
    ],
)
def test_a_deed_is_said_in_a_few_words(kind: str, value: str, said: str) -> None:
    assert deed({"kind": kind, "value": value} if value else {"kind": kind}) == said


def test_a_deed_is_told_with_who_and_why_and_for_how_long() -> None:
    known = {"kind": "migrate", "value": "kvm2", "author": "ada@desk", "reason": "switch", "since": "S"}
    assert deed_told(known) == "held on kvm2 by ada@desk since S, no end (switch)"
    assert deed_told({"kind": "hold", "until": "U"}) == "held by an operator until U"
