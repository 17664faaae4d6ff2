"""Names of volumes that say something: what was not written by gitvirt says nothing."""

from __future__ import annotations

import pytest

from reconciler.desired.identity import trash_marker, trashed_since


def test_the_trash_marker_is_read_as_it_is_written() -> None:
    assert trashed_since(trash_marker("gv-1-root-1.qcow2", 1_700_000_000)) == ("gv-1-root-1.qcow2", 1_700_000_000)


@pytest.mark.parametrize(
    "name", ["a.raw", "a.raw.trash.", "a.raw.trash.soon", "a.raw.trash.-1", "a.raw.trash.\N{SUPERSCRIPT TWO}"]
)
def test_a_file_of_a_similar_name_is_no_marker(name: str) -> None:
    """Anybody may put files into a folder that a pool serves."""
    assert trashed_since(name) is None
