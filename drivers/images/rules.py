"""What is asked of this package, and within which bounds. Plain values; made by reconciler/images.py."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from drivers.errors import Busy
from specs.structs import Struct

Tell = Callable[[str, int, int], None]
"""(what is under way: `fetch`, `unpack` …; how much of it is done; of how much, 0 if nobody knows), often."""


class Rules(Struct, frozen=True, kw_only=True):
    """Bounds. `hosts`: servers that may have any address; `stall`: seconds; `largest`: bytes of any file or disk."""

    hosts: frozenset[str] = frozenset()
    proxy: str = ""
    authorities: Path | None = None
    stall: float = 30.0
    attempts: int = 5
    largest: int = 256 << 30
    reserve: int = 256 << 20


class Wanted(Struct, frozen=True, kw_only=True):
    """One image: from `url`, or from the file `path`. `checksum` is `sha256:…` or `sha512:…` of the source as it is.

    `format`: qcow2 or raw, what it shall be in the end; `iso`: it has to be a CD or DVD.
    """

    checksum: str
    format: str
    iso: bool = False
    url: str = ""
    path: Path | None = None

    @property
    def shown(self) -> str:
        """The source for messages; a query may hold a token, so it is left out."""
        return shown(self.url) if self.url else str(self.path)


class Stop(Struct, frozen=True, kw_only=True):
    """How to wait, and whether we were asked to stop. `wait(seconds)` is true if the request came."""

    wait: Callable[[float], bool]

    def check(self, operation: str, kept: str = "nothing is lost") -> None:
        """Raises Busy if we were asked to stop."""
        if self.wait(0):
            raise Busy("here", operation, f"stopped on request; {kept}")


def shown(url: str) -> str:
    """A URL without its query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
