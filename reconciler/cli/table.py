"""Tables as kubectl prints them: aligned columns, no lines; the same text for people and for `awk`.

In: columns and rows of text. Out: text. On a terminal the titles are bold and the last column is cut at the edge.
Called by the commands that list things.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TextIO

from reconciler.cli.terminal import paint, wants_colour, width

GAP = "  "


class Column(NamedTuple):
    """`wide` columns are for `-o wide` only; `right` aligns numbers."""

    title: str
    wide: bool = False
    right: bool = False


def lines(columns: Sequence[Column], rows: Iterable[Sequence[object]], *, wide: bool = False) -> list[str]:
    """The title line and one line per row. None is shown as `-`, and control characters as escapes."""
    chosen = [index for index, column in enumerate(columns) if wide or not column.wide]
    cells = [[columns[index].title for index in chosen]]
    cells += [[_text(row[index]) for index in chosen] for row in rows]
    widths = [max(len(row[at]) for row in cells) for at in range(len(chosen))]
    return [_line(row, widths, [columns[index] for index in chosen]) for row in cells]


def show(
    columns: Sequence[Column], rows: Iterable[Sequence[object]], *, wide: bool = False, out: TextIO | None = None
) -> None:
    """Prints the table to stdout (or `out`)."""
    stream = out or sys.stdout
    limit = width(stream)
    title, *body = (_cut(line, limit) for line in lines(columns, rows, wide=wide))
    print(paint(title, "bold", wants_colour(stream)), *body, sep="\n", file=stream)


def _cut(line: str, limit: int | None) -> str:
    """The line as far as it fits; a mark at its end tells that there is more, which half a word would not."""
    return line if limit is None or len(line) <= limit else line[: limit - 1] + "…"


def _line(row: Sequence[str], widths: Sequence[int], columns: Sequence[Column]) -> str:
    padded = (
        cell.rjust(size) if column.right else cell.ljust(size)
        for cell, size, column in zip(row, widths, columns, strict=True)
    )
    return GAP.join(padded).rstrip()


def _text(value: object) -> str:
    text = "-" if value is None or value == "" else str(value)
    return text if text.isprintable() else "".join(each if each.isprintable() else _escaped(each) for each in text)


def _escaped(character: str) -> str:
    return character.encode("unicode_escape").decode()
