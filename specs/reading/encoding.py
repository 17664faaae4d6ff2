"""Encoding: the bytes of a file → text that YAML may consist of, or the finding that says what else they are.

Called by `specs.yaml`. The place is that of the first sign that cannot be read.
"""

from __future__ import annotations

import re

from specs.errors import Finding, Location

LARGEST_FILE = 2**20
"""Bytes; some 1,500 VMs."""

_MARK = "\ufeff"
_OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\0\0\xfe\xff")
_UNPRINTABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]")


def decoded(file: str, content: bytes) -> str | Finding:
    """The text without its byte order mark."""
    whole = Location(file)
    if len(content) > LARGEST_FILE:
        what, why = f"this file has {len(content)} bytes", f"the limit is {LARGEST_FILE}"
        return Finding(where=whole, path="", what=what, why=why, fix="split it into several files")
    if content.startswith(_OTHER_MARKS):
        what, why = "this file is UTF-16 or UTF-32", "only UTF-8 is read"
        return Finding(where=whole, path="", what=what, why=why, fix="save it as UTF-8")
    if b"\0" in content:
        what, fix = "this is no text in UTF-8", "take it away or rename it; if it is text, save it as UTF-8"
        return Finding(where=whole, path="", what=what, why="it has NUL bytes", fix=fix)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        what = f"byte 0x{content[error.start]:02x} is not UTF-8"
        before = content[: error.start].decode("utf-8-sig", "replace")
        return Finding(where=place(file, before, len(before)), path="", what=what, fix="save the file as UTF-8")
    joint = text.find("\n" + _MARK)
    if joint >= 0:
        what, why = "a byte order mark inside the file", "files that begin with one were joined"
        return Finding(where=place(file, text, joint + 1), path="", what=what, why=why, fix="take it away")
    return text


def unprintable(file: str, text: str) -> Location:
    """Where the first control character is; the file itself if there is none."""
    found = _UNPRINTABLE.search(text)
    return place(file, text, found.start()) if found else Location(file)


def place(file: str, text: str, at: int) -> Location:
    """Line and column of a position."""
    return Location(file, text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))
