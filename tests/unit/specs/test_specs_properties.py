"""Custom properties: what YAML may say, and the one canonical text of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from specs import properties
from specs.errors import BadValue


@pytest.mark.parametrize(
    ("written", "canonical"),
    [
        ({"tier": "gold", "purpose": "test"}, "purpose=test;tier=gold"),
        ({"url": "a=b;c\\d"}, r"url=a=b\;c\\d"),
        ({"_x.y-Z": ""}, "_x.y-Z="),
        ({}, ""),
        ("tier=gold;purpose=test", "purpose=test;tier=gold"),
    ],
)
def test_what_is_written_becomes_one_canonical_text_which_reads_as_itself(written: object, canonical: str) -> None:
    assert properties.parse(written) == canonical
    assert properties.parse(canonical) == canonical


@pytest.mark.parametrize(
    ("written", "told"),
    [
        ({"1st": "x"}, "`1st` is no name"),
        ({"a b": "x"}, "is no name"),
        ({"k" * 65: "x"}, "is no name"),
        ({"count": 3}, "the value of `count` is no text"),
        ({"on": None}, "the value of `on` is no text"),
        ({"a": "one\ntwo"}, "line breaks"),
        ({"a": "x" * 1001}, "1001 characters"),
        ({f"k{number}": "" for number in range(65)}, "65 properties"),
        (["a=b"], "these are no properties"),
        ("purpose", "`purpose` is no property"),
        ("a=1;a=2", "`a` is written twice"),
    ],
)
def test_what_makes_no_sense_is_refused(written: object, told: str) -> None:
    with pytest.raises(BadValue, match=told):
        properties.parse(written)


@given(
    st.dictionaries(
        st.from_regex(properties.KEY, fullmatch=True).filter(str.isascii),
        st.text(st.characters(exclude_categories=("C", "Zl", "Zp"))),
        max_size=8,
    )
)
def test_properties_survive_their_text(found: dict[str, str]) -> None:
    assert properties.properties(properties.text(found)) == found
    assert properties.parse(found) == properties.text(found)
