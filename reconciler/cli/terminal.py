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
