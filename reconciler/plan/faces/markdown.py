"""Markdown: a plan as a comment on a pull request, folded, never longer than the forge takes.

Pure. In: a Plan and a limit in bytes. Out: GitHub-flavoured Markdown. Names and values come from files that anybody may
have proposed, so they stand inside fences longer than any run of backticks in them, or as character references: they
can neither end the block, nor mention people, nor become markup. Called by `plan -o markdown` and the daemon.
"""

from __future__ import annotations

import re

from reconciler.plan.faces.shown.pieces import Title
from reconciler.plan.faces.shown.view import Section, View, view
from reconciler.plan.faces.text import rows
from reconciler.plan.plan import Plan

LIMIT = 65536
_WIDTH = 110
_OPEN = frozenset({Title.DELETES, Title.INTERRUPTS})
_ROOM = 400  # bytes kept for saying what was left out
_RUNS = re.compile("`+")
_LEFT = "… {} more left out: a comment holds {} bytes; `gitvirt plan` shows all"


def markdown(plan: Plan, limit: int = LIMIT) -> str:
    """The plan in at most `limit` bytes of UTF-8; what did not fit is counted."""
    shown = view(plan)
    said = [_head(shown)]
    room = limit - _size(said[0]) - _ROOM
    left_out: list[str] = []
    for title, lines, opened in _blocks(shown):
        block = _block((title, opened), lines, room, limit)
        if block:
            said.append(block)
            room -= _size(block)
        else:
            left_out.append(title)
    if left_out:
        said.append(f"\nLeft out, since a comment holds {limit} bytes: {escaped(', '.join(left_out))[: _ROOM - 120]}\n")
    return _cut("".join(said), limit)


def _head(shown: View) -> str:
    return (
        f"### Plan for {_code(shown.name)} at {_code(shown.revision)}\n\n"
        f"**{escaped(shown.summary)}**\n\n{escaped(shown.observed)}\n"
    )


def _blocks(shown: View) -> list[tuple[str, list[list[str]], bool]]:
    """(title, rows of lines, unfolded), the sections first, then the warnings."""
    found = [(_title(each), rows(each, _WIDTH), each.title in _OPEN) for each in shown.sections]
    warnings = [[f"{each.text}  {each.where}".rstrip()] for each in shown.warnings]
    return [*found, (f"Warnings ({len(warnings)})", warnings, False)] if warnings else found


def _title(section: Section) -> str:
    return f"{section.heading} ({section.count})"


def _block(title: tuple[str, bool], lines: list[list[str]], room: int, limit: int) -> str:
    """One folded block with as many rows as there is room for; "" if not even the first line fits."""
    longest = max((len(run) for row in lines for line in row for run in _RUNS.findall(line)), default=0)
    fence = "`" * max(3, longest + 1)
    opened = "<details open>" if title[1] else "<details>"
    start = f"\n{opened}<summary>{escaped(title[0])}</summary>\n\n{fence}diff\n"
    end = f"{fence}\n\n</details>\n"
    room -= _size(start) + _size(end) + _size(_LEFT) + 20
    kept: list[str] = []
    for number, row in enumerate(lines):
        text = "\n".join(row) + "\n"
        room -= _size(text)
        if room < 0:
            kept.append(_LEFT.format(len(lines) - number, limit) + "\n")
            break
        kept.append(text)
    return start + "".join(kept) + end if room >= 0 or len(kept) > 1 else ""


def escaped(text: str) -> str:
    """The text with every character that could be markup as a character reference, outside of fences."""
    return "".join(each if each.isalnum() or each in " ,.:;()" else f"&#{ord(each)};" for each in text)


def _code(text: str) -> str:
    """Inside `<code>` nobody is mentioned and nothing is linked."""
    return f"<code>{escaped(text)}</code>"


def _size(text: str) -> int:
    return len(text.encode())


def _cut(text: str, limit: int) -> str:
    """The last resort for limits smaller than the head."""
    content = text.encode()
    return text if len(content) <= limit else content[:limit].decode(errors="ignore")
