"""Sections: what is to be told about one object, as titled rows that a face lays out. Pure values."""

from __future__ import annotations

from collections.abc import Sequence

from specs.structs import Struct


class Section(Struct, frozen=True, kw_only=True):
    """A title and rows; the cells of rows are columns, but for rows of one cell, which is running text."""

    title: str
    rows: Sequence[Sequence[str]]
