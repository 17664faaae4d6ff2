"""Tables and questions."""

from __future__ import annotations

import io

import pytest

from reconciler.cli import context, table, terminal
from reconciler.cli.table import Column
from reconciler.errors import UsageError

COLUMNS = (Column("NAME"), Column("CPU", right=True), Column("HOST"), Column("ADDRESS", wide=True))
ROWS = [("web", 2, "kvm1", "10.0.0.1"), ("database", 16, None, "")]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_columns_are_aligned_without_trailing_spaces():
    assert table.lines(COLUMNS, ROWS) == ["NAME      CPU  HOST", "web         2  kvm1", "database   16  -"]


def test_wide_shows_all_columns():
    assert table.lines(COLUMNS, ROWS, wide=True)[1] == "web         2  kvm1  10.0.0.1"


def test_a_table_without_rows_has_its_titles():
    assert table.lines(COLUMNS, []) == ["NAME  CPU  HOST"]


def test_control_characters_cannot_reach_the_terminal():
    assert table.lines([Column("NAME")], [("a\033[31mb\n",)])[1] == r"a\x1b[31mb\n"


def test_elsewhere_than_a_terminal_nothing_is_cut_and_there_is_no_colour():
    out = io.StringIO()
    table.show([Column("NAME")], [("x" * 500,)], out=out)
    assert out.getvalue() == "NAME\n" + "x" * 500 + "\n"


def test_on_a_terminal_lines_end_at_the_edge_with_a_mark(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    monkeypatch.setenv("TERM", "xterm")
    out = Terminal()
    table.show([Column("NAME")], [("x" * 500,), ("x" * 40,)], out=out)
    assert out.getvalue() == "\033[1mNAME\033[0m\n" + "x" * 39 + "…\n" + "x" * 40 + "\n"


@pytest.mark.parametrize(
    ("variables", "stream", "colour"),
    [
        ({"TERM": "xterm"}, Terminal(), True),
        ({"TERM": "dumb"}, Terminal(), False),
        ({"TERM": "xterm", "NO_COLOR": "1"}, Terminal(), False),
        ({"TERM": "xterm"}, io.StringIO(), False),
        ({"FORCE_COLOR": "1"}, io.StringIO(), True),
        ({"FORCE_COLOR": "1", "NO_COLOR": "1"}, Terminal(), False),
    ],
)
def test_who_gets_colour(monkeypatch, variables, stream, colour):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert terminal.wants_colour(stream) is colour


@pytest.mark.parametrize(
    ("answer", "yes"), [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]
)
def test_only_a_yes_is_a_yes(monkeypatch, answer, yes):
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert context.confirm("Go?", yes=False) is yes


def test_without_a_terminal_yes_must_have_been_given(monkeypatch):
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    with pytest.raises(UsageError, match="--yes"):
        context.confirm("Go?", yes=False)
    assert context.confirm("Go?", yes=True)
