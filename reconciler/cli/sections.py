"""Prints sections: a title, below it aligned rows. Called by `describe` and `explain`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from reconciler.cli.terminal import paint, wants_colour

if TYPE_CHECKING:
    from reconciler.status.sections import Section

_WIDEST = 40  # columns that a cell may claim for its column; longer ones push their own row only


def show(sections: Iterable[Section]) -> None:
    """To stdout, an empty line between sections."""
    colour = wants_colour(sys.stdout)
    for number, each in enumerate(sections):
        if number:
            print()
        print(paint(each.title, "bold", colour))
        for line in lines(each.rows):
            print(f"  {line}".rstrip())


def lines(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows of several cells as columns; a row of one cell is as it is."""
    widths: dict[int, int] = {}
    for row in rows:
        for at, cell in enumerate(row[:-1]):
            widths[at] = max(widths.get(at, 0), len(cell) if len(cell) <= _WIDEST else 0)
    return [
        "  ".join([cell.ljust(widths[at]) for at, cell in enumerate(row[:-1])] + [row[-1]]).rstrip() for row in rows
    ]
