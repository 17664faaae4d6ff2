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
    (
        "found character that cannot start any token",
        "no value can begin with this character",
        "quote it; indent by spaces, not tabs",
    ),
    ("mapping values are not allowed", "a `:` where none can be", "quote the text, or check the indentation"),
    (
        "did not find expected key",
        "this line does not fit what is above it",
        "check the indentation and the brackets",
    ),
    ("could not find expected ':'", "a key without `:`", "write `key: value`"),
    ("did not find expected node content", "nothing can begin like this between brackets", "quote it"),
    ("control characters are not allowed", "a control character", "take it away"),
    ("found undefined alias", "an alias without its anchor", ""),
)


def syntax_error(file: str, error: Any) -> Finding:
    """The finding that says what the parser met, in plainer words where there are any."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    where = Location(file, mark.line + 1, mark.column + 1) if mark is not None else Location(file)
    problem = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error)
    for start, what, fix in _PLAINER:
        if problem.startswith(start):
            return Finding(where=where, path="", what=f"not YAML: {what}", fix=fix)
    return Finding(where=where, path="", what=f"not YAML: {problem.splitlines()[0]}")
