"""The age keys of this machine: files with `AGE-SECRET-KEY-1…` lines (age-keygen writes them), or ssh private keys."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from drivers.secrets.errors import KeyProblem

_LONGEST = 64 * 1024  # bytes


def load(files: Iterable[Path]) -> list[Any]:
    """All keys of the files; a file that others can read is refused. Raises KeyProblem."""
    return [key for file in files for key in _keys(file)]


def _keys(file: Path) -> Iterator[Any]:
    from pyrage import IdentityError, ssh, x25519

    text = _read(file)
    found = False
    try:
        if "PRIVATE KEY-----" in text:
            yield ssh.Identity.from_buffer(text.encode())
            return
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                yield x25519.Identity.from_str(line.strip())
                found = True
    except IdentityError:
        raise KeyProblem(
            f"{file}: this is no age key; it is made by `age-keygen -o {file}`, and begins with AGE-SECRET-KEY-1"
        ) from None
    if not found:
        raise KeyProblem(f"{file}: there is no age key in it; `age-keygen -o {file}` makes one")


def _read(file: Path) -> str:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        with open(descriptor, "rb") as opened:
            mode = os.fstat(descriptor).st_mode
            data = opened.read(_LONGEST)
    except OSError as error:
        told = f"{file}: this age key cannot be read: {error.strerror}"
        raise KeyProblem(f"{told}; `age_keys:` of the local settings names it") from None
    if mode & 0o077:
        raise KeyProblem(f"{file}: others can read or write this age key (mode {mode & 0o777:04o}); chmod 600 {file}")
    return data.decode(errors="replace")
