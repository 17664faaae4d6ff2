"""Label selectors as kubectl's: `-l tier=web,env!=test`, `-l gpu`, `-l '!gpu'`; all terms have to hold.

Called by the commands that take `-l`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from reconciler.errors import UsageError

Selector = Callable[[Mapping[str, str]], bool]
_TERM = re.compile(r"^(?P<absent>!)?(?P<key>[A-Za-z0-9][A-Za-z0-9._/-]*)(?:(?P<compare>==|!=|=)(?P<value>[^,=!]*))?$")


def selector(texts: list[str]) -> Selector:
    """From the options of one command; UsageError for what is no selector."""
    terms = [_term(part.strip()) for text in texts for part in text.split(",")]
    return lambda labels: all(each(labels) for each in terms)


def _term(text: str) -> Selector:
    found = _TERM.match(text)
    if found is None or (found["absent"] and found["compare"]):
        raise UsageError(f"`{text}` is no label selector; write KEY=VALUE, KEY!=VALUE, KEY or !KEY, joined by commas")
    key, value = found["key"], found["value"]
    if found["absent"]:
        return lambda labels: key not in labels
    if found["compare"] is None:
        return lambda labels: key in labels
    if found["compare"] == "!=":
        return lambda labels: labels.get(key) != value
    return lambda labels: labels.get(key) == value
