"""Marks as text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.mark import Device, Mark, Override, dumps, loads

words = st.text(max_size=6)
numbers = st.integers(0, 1 << 40)
overrides = st.builds(
    Override, kind=words, value=words, field=words, author=words, reason=words, since=numbers, until=numbers
)
devices = st.builds(
    Device, alias=words, target=words, mac=words, volume=words, made=st.booleans(), pending=st.booleans()
)
scalars = st.one_of(words, st.booleans(), numbers)
marks = st.builds(
    Mark,
    repository=words,
    ref=words,
    uuid=words,
    generation=numbers,
    revision=words,
    declared=st.dictionaries(words, scalars, max_size=3),
    creation=st.dictionaries(words, scalars, max_size=3),
    devices=st.dictionaries(words, devices, max_size=3),
    trash=st.dictionaries(words, words, max_size=3),
    overrides=st.lists(overrides, max_size=3).map(tuple),
    trashed=numbers,
    protected=st.booleans(),
)


@given(marks)
def test_every_mark_reads_back_as_it_was(mark: Mark) -> None:
    assert loads(dumps(mark)) == mark


def test_what_has_its_default_is_left_out() -> None:
    mark = Mark(repository="r", ref="vm/web", uuid="u", generation=1, revision="", devices={"disk/root": Device()})
    begin = '{"devices":{"disk/root":{}},"format":1,"generation":1,"ref":"vm/web",'
    assert dumps(mark) == begin + '"repository":"r","revision":"","uuid":"u"}'


@pytest.mark.parametrize("text", ["", "[]", "7", '{"format": 2}', '{"ref": "vm/web"}', '{"overrides": [{}]}'])
def test_what_is_no_mark_of_this_version_is_none(text: str) -> None:
    assert loads(text) is None
