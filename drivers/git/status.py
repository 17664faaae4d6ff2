"""The state of a work tree in one git process: HEAD, what differs from it, and what Git ignores.

In: a directory. Out: a `Status`. Called by drivers/git/repository.
"""

from __future__ import annotations

import os
from pathlib import Path

from drivers.git import program
from specs.structs import Struct


class Status(Struct, frozen=True, kw_only=True):
    """`head` is the commit, "" before the first one. Paths are from the top of the work tree, without end slash."""

    head: str
    branch: str
    changed: tuple[str, ...]
    ignored: tuple[str, ...]


def read(directory: Path) -> Status:
    """Runs `git status`, which never takes the index lock here."""
    options = ("--porcelain=v2", "--branch", "-z", "--untracked-files=all", "--ignored=matching", "--no-renames")
    fields = program.run(directory, "status", *options, "--ignore-submodules=all").split(b"\0")
    head = branch = ""
    changed: list[str] = []
    ignored: list[str] = []
    for line in (os.fsdecode(each) for each in fields if each):
        if line.startswith("# branch.oid "):
            head = line.removeprefix("# branch.oid ").replace("(initial)", "")
        elif line.startswith("# branch.head "):
            branch = line.removeprefix("# branch.head ")
        elif line.startswith("! "):
            ignored.append(line[2:].rstrip("/"))
        elif line.startswith("? "):
            changed.append(line[2:])
        elif line[:2] in ("1 ", "u "):
            changed.append(line.split(" ", 8 if line[0] == "1" else 10)[-1])
    return Status(head=head, branch=branch, changed=tuple(changed), ignored=tuple(ignored))
