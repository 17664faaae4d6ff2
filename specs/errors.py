"""What can be wrong with a specification, and how it is said.

    SpecError
    ├── BadValue          one value cannot be read: what, why, what to do (raised by units and by field validators)
    ├── BadReference      a text is not a reference such as `vm/web`
    └── LoadFailed        a repository cannot be taken; holds every Finding of it

A `Finding` is one fault with its place. Functions that may meet many faults return findings and go on; only
`specs.load` turns them into an exception, once, at the end.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple

from specs.structs import Struct, replace

Severity = Literal["error", "warning"]


class Location(NamedTuple):
    """A place in a file of the tree; line and column count from 1, 0 means that the place is the file itself."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


class SpecError(Exception):
    """Root of all errors of this package."""


class BadValue(SpecError, ValueError):
    """A value that cannot be read. `what` names the fault, `why` the rule, `fix` what to write instead."""

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(said(what, why, fix))
        self.what, self.why, self.fix = what, why, fix


class BadReference(SpecError, ValueError):
    """A text that does not name a resource."""


class Finding(Struct, frozen=True, kw_only=True):
    """One fault: where, which field (path as in `disks[root].size`), what is wrong, why, and what to do about it."""

    severity: Severity = "error"
    where: Location
    path: str
    what: str
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        """`file:line:column path: what, why; what to do`, on one line."""
        place = f"{self.where} {self.path}" if self.path else str(self.where)
        mark = "warning: " if self.severity == "warning" else ""
        return printable(f"{place}: {mark}{said(self.what, self.why, self.fix)}")


class LoadFailed(SpecError):
    """The repository has errors; `findings` are all of them and the warnings, in order of file and line."""

    def __init__(self, findings: Iterable[Finding]) -> None:
        self.findings = in_order(findings)
        super().__init__("\n".join(map(str, self.findings)))

    @property
    def errors(self) -> tuple[Finding, ...]:
        """The findings without the warnings."""
        return tuple(each for each in self.findings if each.severity == "error")


def said(what: str, why: str = "", fix: str = "") -> str:
    """The three parts as one line."""
    return what + (f", {why}" if why else "") + (f"; {fix}" if fix else "")


def printable(text: str) -> str:
    """The text with signs escaped that nobody sees, or that a terminal would act on: keys and values are anybody's."""
    if text.isprintable():
        return text
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode("ascii") for each in text)


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """Without repetitions, by file, line, column, path: one bad default is told once, not for each object, by the path
    that it was written at, which is the longest.
    """
    told: dict[Finding, Finding] = {}
    for each in sorted(findings, key=lambda each: len(each.path)):
        told[replace(each, path="")] = each
    return tuple(sorted(told.values(), key=lambda each: (each.where, each.path, each.what)))


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """``did you mean `network`?`` or "" if nothing known is near."""
    from difflib import get_close_matches  # only for messages: it costs a millisecond at start-up

    candidates = {each.lower(): each for each in known}
    near = get_close_matches(word.lower()[:100], candidates, n=1, cutoff=0.6)
    return f"did you mean `{candidates[near[0]]}`?" if near else ""
