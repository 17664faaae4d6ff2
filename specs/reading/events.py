"""Events: the text of a YAML file → libyaml's events, by the fastest parser that can read it; and words for its faults.

Called by `specs.yaml`, which tries `fast`, then `shielded`, then `slow`. All raise YAMLError on the way.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from _ruamel_yaml import CParser, ScalarEvent  # type: ignore[import-not-found]
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from specs.errors import Finding, Location
from specs.reading import encoding

LARGEST_SLOW_FILE = 2**18
"""Characters of a file that only the slow parser can read."""

_SHIELD = "\ue000"
_SHIELD_WRITTEN = re.compile(r"\ue000|\\u(?:0000)?e000", re.IGNORECASE)
_SURROGATE = re.compile("[\ud800-\udfff]")
_INNER_COLON = re.compile(r"""(?<=[^\s"'\]}]):(?=[^\s,\[\]{}])""")


def fast(text: str) -> Iterator[Any]:
    """By libyaml."""
    parser = CParser(text)
    while parser.check_event():
        yield parser.get_event()


def shielded(text: str) -> Iterator[Any]:
    """By libyaml, from a text whose inner colons were exchanged for a sign that it takes as a letter.

    An inner colon stands between two signs that are no white space, and not behind a quote or bracket: in YAML 1.2 it
    is never an indicator.
    """
    if _SHIELD_WRITTEN.search(text):
        raise YAMLError("the sign is in the text")
    for event in fast(_INNER_COLON.sub(_SHIELD, text)):
        if type(event) is ScalarEvent and _SHIELD in event.value:
            event.value = event.value.replace(_SHIELD, ":")
        yield event


def slow(text: str) -> Iterator[Any]:
    """By the parser in Python, which is some 25 times slower and knows YAML 1.2 better."""
    if len(text) > LARGEST_SLOW_FILE:
        raise YAMLError("text with `:` between brackets, in a file too large for that; quote it, or split the file")
    for event in YAML(typ="safe", pure=True).parse(text):
        if type(event) is ScalarEvent and _SURROGATE.search(event.value):
            raise YAMLError("half a character (`\\ud800` to `\\udfff`); write the character itself")
        yield event


def is_colon_in_flow(error: YAMLError) -> bool:
    """The bundled libyaml is of 2016 and refuses `{uri: qemu:///system}`, which YAML 1.2 allows."""
    return str(getattr(error, "problem", "")).startswith("found unexpected ':'")


_PLAINER = (
    ("found character that cannot start any token", "no value can begin with this character", "quote it"),
    ("found a tab character", "a tab where blanks have to be", "indent by blanks"),
    ("mapping values are not allowed", "a `:` where none can be", "quote the text, or check the indentation"),
    ("block sequence entries are not allowed", "a `-` where no list can begin", "begin the list on a line of its own"),
    (
        "did not find expected key",
        "this line does not fit what is above it",
        "check the indentation and the brackets",
    ),
    (
        "did not find expected '-' indicator",
        "this line does not fit the list above it",
        "check the indentation, and the `-` of the list",
    ),
    ("could not find expected ':'", "a key without `:`", "write `key: value`"),
    ("did not find expected node content", "nothing can begin like this between brackets", "quote it"),
    ("control characters are not allowed", "a control character", "take it away"),
    ("found undefined alias", "an alias without its anchor", ""),
    ("found unknown escape character", "`\\` and this letter mean nothing between double quotes", "use single quotes"),
)
_UNCLOSED = ("did not find expected ',' or ']'", "did not find expected ',' or '}'")
_CONFLICT = re.compile(r"^(?:<{7}|\|{7}|={7}|>{7})(?= |\r?$)", re.MULTILINE)


def syntax_error(file: str, text: str, error: Any) -> Finding:
    """The finding that says what the parser met, in plainer words where there are any."""
    conflict = _CONFLICT.search(text)
    if conflict is not None:
        where = encoding.place(file, text, conflict.start())
        return Finding(where=where, path="", what="a merge conflict of Git is left here", fix="resolve it")
    mark, context = getattr(error, "problem_mark", None), getattr(error, "context_mark", None)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    if problem.startswith("found unexpected") and "quoted" in str(getattr(error, "context", "")):
        what = "not YAML: this quote is never closed"
        return Finding(where=_place(file, context), path="", what=what, fix="close it")
    if problem.startswith(_UNCLOSED) and context is not None:
        what = f"not YAML: `,` or `{problem[-2]}` is missing before this"
        why = f"a `{'{' if '}' in problem else '['}` is open since line {context.line + 1}"
        return Finding(where=_place(file, mark), path="", what=what, why=why)
    if mark is not None and text[mark.index : mark.index + 1] == "\t":
        problem = "found a tab character"
    for start, what, fix in _PLAINER:
        if problem.startswith(start):
            where = _place(file, mark or context) if mark or context else encoding.unprintable(file, text)
            return Finding(where=where, path="", what=f"not YAML: {what}", fix=fix)
    return Finding(where=_place(file, mark or context), path="", what=f"not YAML: {problem.splitlines()[0]}")


def _place(file: str, mark: Any) -> Location:
    return Location(file, mark.line + 1, mark.column + 1) if mark is not None else Location(file)
