"""Targets: `web`, `vm/web`, `vms/web` on the command line → refs of the catalog, with "did you mean".

Called by commands that act on objects.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from reconciler.errors import UsageError
from specs.errors import BadReference, did_you_mean
from specs.resource import Ref


def resolve(texts: Iterable[str], known: Iterable[Ref], kinds: Sequence[str] = ()) -> tuple[Ref, ...]:
    """The refs that are meant, each once, in the order given.

    `known` are the refs that exist (declared or seen); `kinds` those that the verb works on (empty: all). UsageError
    names what is unknown, of another kind, or means several things.
    """
    candidates = sorted({ref for ref in known if not kinds or ref.kind in kinds})
    return tuple(dict.fromkeys(_one(text, candidates, kinds) for text in texts))


def _one(text: str, candidates: Sequence[Ref], kinds: Sequence[str]) -> Ref:
    if "/" in text:
        return _exact(text, candidates, kinds)
    found = [ref for ref in candidates if ref.name == text]
    if len(found) > 1:
        raise UsageError(f"`{text}` may be {' or '.join(map(str, found))}; write which one")
    if not found:
        hint = did_you_mean(text, (ref.name for ref in candidates))
        raise UsageError(f"there is no {_kind_words(kinds)} `{text}`" + (f"; {hint}" if hint else ""))
    return found[0]


def _exact(text: str, candidates: Sequence[Ref], kinds: Sequence[str]) -> Ref:
    try:
        ref = Ref.parse(text)
    except BadReference as error:
        raise UsageError(str(error)) from error
    if ref in candidates:
        return ref
    if kinds and ref.kind not in kinds:
        raise UsageError(f"{ref} is not a {_kind_words(kinds)}, which this command is about")
    hint = did_you_mean(str(ref), map(str, candidates))
    raise UsageError(f"there is no {ref}" + (f"; {hint}" if hint else ""))


def _kind_words(kinds: Sequence[str]) -> str:
    return " or ".join(kinds) if kinds else "object"
