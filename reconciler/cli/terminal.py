"""What the terminal can show: colour, width. Called by everything that prints for people; imports nothing."""

from __future__ import annotations

import os
from typing import TextIO


def wants_colour(stream: TextIO) -> bool:
    """Only a terminal gets colour, and not with NO_COLOR set (no-color.org) or a dumb one; FORCE_COLOR overrules."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM", "") != "dumb"


def width(stream: TextIO) -> int | None:
    """Columns of the terminal; None if the output goes elsewhere and shall not be cut."""
    if not stream.isatty():
        return None
    import shutil

    return shutil.get_terminal_size().columns


_CODES = {"bold": 1, "dim": 2, "red": 31, "green": 32, "yellow": 33, "blue": 34, "magenta": 35, "cyan": 36}


def paint(text: str, style: str, colour: bool) -> str:
    """`text` in that style ("bold", "red" …) if `colour`; the text itself otherwise."""
    return f"\033[{_CODES[style]}m{text}\033[0m" if colour and text else text
