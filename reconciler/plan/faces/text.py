"""Text: a plan as an administrator reads it in a terminal.

Pure. In: a Plan, the columns of the terminal (None: unknown, nothing is wrapped), whether colour is wanted. Out: the
text, without a line break at its end. Called by the CLI, by the saved plan and by the log. Colour is plain ANSI: a
library for it would cost more than the rest of the command's start.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from reconciler.plan.faces.shown.view import Line, Row, Section, View, view
from reconciler.plan.plan import Plan

_USUAL = 100  # columns to lay out for where nobody looks
_NARROW = 40
_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36}
_SIGNS = {"+": "green", "-": "red", "~": "yellow", "^": "green", "»": "cyan", "!": "magenta", "·": "dim"}
_PATH, _VALUES = 24, 40  # most columns that paths and values are padded to


def text(plan: Plan, width: int | None = None, color: bool = False) -> str:
    """The whole plan, ending with the line that sums it up."""
    layout = _Layout(width, color)
    return "\n".join(layout.lines(view(plan)))


def rows(section: Section, width: int) -> list[list[str]]:
    """The lines of each row of one section, without colour and indentation: for faces with a frame of their own."""
    layout = _Layout(width, False)
    return [[each[2:] for each in layout.row(row)] for row in section.rows]


class _Layout:
    def __init__(self, width: int | None, color: bool) -> None:
        self.width = max(width, _NARROW) if width else None
        self.color = color

    def lines(self, shown: View) -> Iterator[str]:
        head = f"Plan for {self.paint(shown.name, 'bold')}  {shown.revision}"
        yield f"{head}   {self.paint(shown.observed, 'dim')}"
        for section in shown.sections:
            yield ""
            yield self.paint(section.heading, "bold")
            yield from self.rows(section)
        yield ""
        for warning in shown.warnings:
            yield from self.wrapped(f"Warning: {warning.text}", "  ", "yellow", warning.where)
        if shown.warnings:
            yield ""
        yield self.paint(shown.summary, "bold")

    def rows(self, section: Section) -> Iterator[str]:
        for row in section.rows:
            yield from self.row(row)

    def row(self, row: Row) -> Iterator[str]:
        head = f"{row.what}{' ' + row.verb if row.verb else ''}{' on ' + row.hosts if row.hosts else ''}"
        more = f"  {row.why}" if row.why else ""
        lines = self.wrapped(f"{row.sign} {head}{more}", "  ", "", row.where)
        for number, each in enumerate(lines):
            sign = self.paint(row.sign, _SIGNS.get(row.sign, ""))
            yield each.replace(row.sign, sign, 1) if number == 0 and self.color else each
        paths = min(max((len(each.path) for each in row.lines), default=0), _PATH)
        values = min(max((len(each.text) for each in row.lines if each.kind == "field"), default=0), _VALUES)
        for line in row.lines:
            yield from self.line(line, paths, values)

    def line(self, line: Line, paths: int, values: int) -> Iterator[str]:
        if line.kind == "field":
            said = f"{line.path:<{paths}}  {line.text:<{values}}  {line.effect}".rstrip()
            yield from self.wrapped(said, " " * 6, "", line.where, hang=min(paths, _PATH) + 2)
        elif line.kind == "fix":
            yield from self.wrapped(f"→ {line.text}", " " * 6, "cyan", "", hang=2)
        else:
            yield from self.wrapped(line.text, " " * 6, "magenta" if line.kind == "why" else "", line.where)

    def wrapped(self, said: str, indent: str, style: str, where: str, hang: int = 2) -> Iterator[str]:
        """The text within the width, with the place at the end of its first line, or below it if there is no room."""
        if self.width is None:
            lines = [indent + said]
        else:
            lines = textwrap.wrap(
                said, self.width, initial_indent=indent, subsequent_indent=indent + " " * hang,
                break_on_hyphens=False, drop_whitespace=True, replace_whitespace=False,
            ) or [indent]  # fmt: skip
        room = (self.width or _USUAL) - len(where)
        if where and self.width is not None and not any(len(lines[place]) + 2 <= room for place in (0, -1)):
            lines.append("")
        beside = next((place for place in (0, -1) if len(lines[place]) + 2 <= room), -1) % len(lines)
        for number, each in enumerate(lines):
            gap = " " * max(room - len(each), 2) if where and number == beside else ""
            yield self.paint(each, style) + (gap + self.paint(where, "dim") if gap else "")

    def paint(self, said: str, style: str) -> str:
        return f"\033[{_CODES[style]}m{said}\033[0m" if self.color and style and said else said
