"""Images as steps need them: from the YAML's words, under this machine's rules, to a file that is ready to upload.

In: settings, the folder of the repository's files, the request to stop. Out: `open_image` for reconciler/apply. What is
fetched or converted lies in `STATE/images`, where the next step, pass or process finds it. Called by reconciler/app.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from drivers.errors import Missing
from reconciler.desired.resolve import FileFacts
from reconciler.settings import Settings
from specs.catalog import Catalog
from specs.structs import Struct

if TYPE_CHECKING:
    from drivers.images.store import Store
    from reconciler.apply.images import Source, Told
    from reconciler.plan.plan import UploadImage

_PIECE = 4 << 20  # bytes; what the driver sends at a time
Locate = Callable[[str], Path | None]
"""A repository path → the file that may be read; None if it leads out of what is allowed."""


class Images(Struct, frozen=True, kw_only=True):
    """Opens images. `wait(seconds)` is true if we were asked to stop."""

    locate: Locate
    settings: Settings
    wait: Callable[[float], bool]

    @contextmanager
    def open_image(self, call: UploadImage, told: Told) -> Iterator[Source]:
        """See reconciler.apply.images.Open."""
        from drivers.images.rules import Wanted

        path = self.locate(call.file) if call.file else None
        if call.file and path is None:
            raise Missing("here", "open image", f"{call.file} is outside of the repository and of the allowed folders")
        wanted = Wanted(checksum=call.checksum, format=call.format, iso=call.iso, url=call.url, path=path)
        ready = store(self.settings, self.wait).ready(wanted, told)
        with ready.path.open("rb") as file:
            yield FileSource(file=file, checksum="" if ready.verified else call.checksum, name=wanted.shown)


class FileSource(Struct, kw_only=True):
    """A file of `size` bytes, read from first to last; with a `checksum` it is verified on the way."""

    file: BinaryIO
    name: str
    checksum: str = ""
    size: int = 0

    def __post_init__(self) -> None:
        self.size = self.file.seek(0, 2)

    def chunks(self) -> Iterator[bytes]:
        """The bytes; Refused at the end if they are not what the checksum says."""
        from drivers.images.store import mismatch

        digest = hashlib.new(self.checksum.partition(":")[0]) if self.checksum else None
        self.file.seek(0)
        while piece := self.file.read(_PIECE):
            if digest is not None:
                digest.update(piece)
            yield piece
        if digest is not None and digest.hexdigest() != self.checksum.partition(":")[2]:
            raise mismatch(self.checksum, digest.hexdigest(), self.name)


def store(settings: Settings, wait: Callable[[float], bool] = lambda seconds: False) -> Store:
    """The cache on this machine, under the local settings."""
    from drivers.images.rules import Rules, Stop
    from drivers.images.store import Store

    mine = settings.images
    rules = Rules(
        hosts=frozenset(mine.hosts),
        proxy=mine.proxy,
        authorities=Path(mine.authorities) if mine.authorities else None,
        stall=mine.stall,
        largest=mine.largest,
    )
    return Store(folder=settings.state_folder / "images", rules=rules, stop=Stop(wait=wait), keep=mine.keep)


def cached(catalog: Catalog, settings: Settings) -> dict[str, FileFacts]:
    """What is known of the images that come from a URL and lie here already. Nothing is fetched to know it."""
    urls = [each.spec for each in catalog.of("Image") if each.spec.url and each.spec.checksum]
    if not urls:
        return {}
    here = store(settings)
    sizes = {spec.url: here.known(spec.checksum) for spec in urls}
    return {url: FileFacts(size=size, format="qcow2") for url, size in sizes.items() if size}
