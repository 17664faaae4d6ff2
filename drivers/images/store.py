"""The cache of images on this machine: from what a repository declares to a file that a storage domain takes as it is.

In: `Wanted` (a URL or a file, its checksum, the format that it shall have). Out: the path of a file that was verified,
unpacked, checked and converted. Files are named by checksum, appear under their final names only when they are
complete, and are removed when nobody asked for them for a while. Safe for many threads and processes. Called by
reconciler/images.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from drivers.errors import Missing, NoSpace, Refused
from drivers.images.convert import convert
from drivers.images.fetch import Fetch
from drivers.images.qcow2 import Unsound
from drivers.images.rules import Rules, Stop, Tell, Wanted
from drivers.images.sniff import Found, sniff
from drivers.images.unpack import unpack
from specs.structs import Struct

_PIECE = 4 << 20


class Ready(Struct, frozen=True, kw_only=True):
    """A file that is ready. `verified` is false for a file of the repository, which is used as it lies there."""

    path: Path
    verified: bool


class Store(Struct, frozen=True, kw_only=True):
    """`folder` is made on first use and readable by its owner only; `keep`: seconds that an unused file stays."""

    folder: Path
    rules: Rules
    stop: Stop
    keep: int = 7 * 86400

    def known(self, checksum: str) -> int:
        """Bytes of a source that lies here complete; 0 if it does not."""
        path = self._path(checksum, "source")
        return path.stat().st_size if path.is_file() else 0

    def ready(self, wanted: Wanted, tell: Tell) -> Ready:
        """The file to upload. Raises drivers.errors: Refused for what no other try can mend."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._only_one(wanted):
            self._sweep()
            try:
                return self._ready(wanted, tell)
            except Unsound as why:
                raise Refused("here", "check image", f"{wanted.shown} {why}") from None
            except OSError as error:
                if error.errno == 28:
                    raise NoSpace("here", "prepare image", f"{self.folder} is full") from None
                raise

    def _ready(self, wanted: Wanted, tell: Tell) -> Ready:
        made = self._path(wanted.checksum, wanted.format)
        if made.is_file():
            os.utime(made)
            return Ready(path=made, verified=True)
        source = self._fetched(wanted, tell) if wanted.url else self._local(wanted)
        found = sniff(source)
        if not found.packed:
            self._require_fit(found, wanted)
            if found.format == wanted.format:
                return Ready(path=source, verified=bool(wanted.url))
        if not wanted.url:
            self._compare(source, wanted)
        return Ready(path=self._made(source, made, found, (wanted, tell)), verified=True)

    def _made(self, source: Path, made: Path, found: Found, job: tuple[Wanted, Tell]) -> Path:
        """Unpacks and converts, as far as it takes; `made` appears when it is complete."""
        wanted, tell = job
        bounds = (self.rules, self.stop, tell)
        plain, fresh = made.with_suffix(".unpacked"), made.with_name(made.name + ".new")
        try:
            if found.packed:
                unpack(source, plain, found.format, bounds)
                source, found = plain, sniff(plain)
                if found.packed:
                    raise Unsound(f"is compressed twice ({found.format} inside)")
                self._require_fit(found, wanted)
            if found.format == wanted.format:
                source.rename(fresh)
            else:
                convert(source, fresh, (found.format, wanted.format), bounds)
            fresh.rename(made)
        finally:
            plain.unlink(missing_ok=True)
            fresh.unlink(missing_ok=True)
        return made

    def _require_fit(self, found: Found, wanted: Wanted) -> None:
        if wanted.iso and not found.iso:
            raise Unsound("is no ISO image of a CD or DVD, and `type: iso` says so")
        if found.capacity > self.rules.largest:
            limit = f"{self.rules.largest} (`images.largest` of the local settings)"
            raise Unsound(f"is a disk of {found.capacity} bytes, more than {limit}")

    def _local(self, wanted: Wanted) -> Path:
        if wanted.path is None or not wanted.path.is_file():
            raise Missing("here", "open image", f"{wanted.shown} is not there any more")
        return wanted.path

    def _fetched(self, wanted: Wanted, tell: Tell) -> Path:
        """The source, complete and verified. A partial file that was begun with other bytes is begun anew, once."""
        source = self._path(wanted.checksum, "source")
        if source.is_file():
            os.utime(source)
            return source
        part = self._path(wanted.checksum, "part")
        begun = part.is_file() and part.stat().st_size > 0
        while True:
            Fetch(url=wanted.url, part=part, rules=self.rules, stop=self.stop, tell=tell).run()
            try:
                self._compare(part, wanted)
                break
            except Refused:
                part.unlink(missing_ok=True)
                if not begun:
                    raise
                begun = False
        part.rename(source)
        return source

    def _compare(self, path: Path, wanted: Wanted) -> None:
        algorithm, _, expected = wanted.checksum.partition(":")
        digest = hashlib.new(algorithm)
        with path.open("rb") as file:
            while piece := file.read(_PIECE):
                self.stop.check("verify image")
                digest.update(piece)
        if digest.hexdigest() != expected:
            raise mismatch(wanted.checksum, digest.hexdigest(), wanted.shown)

    def _path(self, checksum: str, suffix: str) -> Path:
        return self.folder / f"{checksum.replace(':', '-')}.{suffix}"

    @contextlib.contextmanager
    def _only_one(self, wanted: Wanted) -> Iterator[None]:
        """One worker per image, in this process and in others; the rest wait and find it done."""
        with self._path(wanted.checksum, "lock").open("a") as lock:
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    self.stop.wait(0.1)
                    self.stop.check("wait for another download of the same image")
            yield

    def _sweep(self) -> None:
        """Removes what nobody asked for since `keep` seconds; locks stay, they are empty."""
        for path in self.folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if path.suffix != ".lock" and path.stat().st_mtime < time.time() - self.keep:
                    path.unlink()


def mismatch(expected: str, found: str, source: str) -> Refused:
    """The error for a file that is not what its checksum says."""
    algorithm, _, digest = expected.partition(":")
    told = f"{algorithm} of {source} is {found}, not {digest}; fix `checksum:`, or the file"
    return Refused("here", "verify image", told)
