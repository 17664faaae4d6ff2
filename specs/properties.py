"""Custom properties of a VM: words for whoever works beside gitvirt, as one canonical text.

`purpose=test;tier=gold`, in the order of the keys; `;` and the backslash have a backslash before them in a value. One
text is one scalar field (specs/fields.py). `parse` takes what YAML says (a mapping, or canonical text) and raises
BadValue; the others know canonical text only. Called by specs/kinds/properties.py and
drivers/libvirt/domain/aspects/properties.py.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from specs.errors import BadValue

MOST = 64
LONGEST = 1000
KEY = r"[A-Za-z_][A-Za-z0-9_.-]{0,63}"
_KEY = re.compile(KEY, re.ASCII)
_SPECIAL = re.compile(r"[\\;]")
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ENTRY = re.compile(r"(?:[^\\;]|\\.)+", re.DOTALL)
_ILLEGAL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


def parse(value: object) -> str:
    """`{tier: gold, purpose: test}` → `purpose=test;tier=gold`; canonical text is taken too. Empty is ``."""
    if isinstance(value, str):
        value = _entries(value)
    if not isinstance(value, Mapping):
        raise BadValue("these are no properties", fix="write a mapping, such as `{purpose: test}`")
    if len(value) > MOST:
        raise BadValue(f"there are {len(value)} properties", f"the limit is {MOST}")
    return text({_key(key): _value(key, each) for key, each in value.items()})


def _entries(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in _ENTRY.findall(text):
        key, equals, each = part.partition("=")
        if not equals:
            raise BadValue(f"`{part[:60]}` is no property", fix="write a mapping, such as `{purpose: test}`")
        if key in found:
            raise BadValue(f"`{key[:64]}` is written twice")
        found[key] = _ESCAPED.sub(r"\1", each)
    return found


def _key(key: object) -> str:
    if not isinstance(key, str) or not _KEY.fullmatch(key):
        fix = "use letters, digits, `_`, `.` and `-`, at most 64, beginning with a letter or `_`"
        raise BadValue(f"`{str(key)[:70]}` is no name of a property", fix=fix)
    return key


def _value(key: object, value: object) -> str:
    if not isinstance(value, str):
        raise BadValue(f"the value of `{key}` is no text", fix="write it in quotes")
    if _ILLEGAL.search(value):
        raise BadValue(f"the value of `{key}` has line breaks or control characters", fix="write one line")
    if len(value) > LONGEST:
        raise BadValue(f"the value of `{key}` has {len(value)} characters", f"the limit is {LONGEST}")
    return value


def fits(key: str, value: str) -> bool:
    """Whether YAML could say such a property."""
    return bool(_KEY.fullmatch(key)) and len(value) <= LONGEST and not _ILLEGAL.search(value)


def text(found: Mapping[str, str]) -> str:
    """{purpose: test} → `purpose=test`."""
    return ";".join(f"{key}={_SPECIAL.sub(_escape, found[key])}" for key in sorted(found))


def _escape(found: re.Match[str]) -> str:
    return "\\" + found[0]


def properties(text: str) -> dict[str, str]:
    """The inverse of `text`."""
    parts = (part.partition("=") for part in _ENTRY.findall(text))
    return {key: _ESCAPED.sub(r"\1", value) for key, _, value in parts}
