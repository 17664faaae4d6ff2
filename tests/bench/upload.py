"""The row of image uploads: the driver's upload against libvirt's own stream, fed by hand, over a like connection.

In: the site (its pool is made if it is not there). Out: one Comparison. Called by __main__.py. The content is random,
so that no hole is skipped; memory is told beside it, because it must not grow with the image.
"""

from __future__ import annotations

import os
import resource
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import libvirt

from drivers.base import NewPool
from drivers.libvirt.access import Access
from drivers.libvirt.host import connect
from reconciler.images import FileSource
from tests.bench.sample import Comparison, Cost, compare
from tests.bench.site import HOST, Site

SIZE = 512 << 20
PIECE = 256 * 1024
POOL, UUID, PATH = "uploads", "0b8f3a52-5a0e-4a64-9b0a-5a4d0f9b6c11", "/var/lib/libvirt/uploads"


def upload(site: Site, rounds: int) -> Iterator[Comparison]:
    """512 MiB into a new volume, which is deleted before each sample."""
    access = Access(uri=site.lab.uri(HOST).partition("?")[0], pki=site.lab.paths.client_pki)
    host = connect(HOST, access)
    host.pools.define(NewPool(name=POOL, uuid=UUID, path=PATH))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "image.raw"
        with file.open("wb") as out:
            for _ in range(SIZE >> 22):
                out.write(os.urandom(1 << 22))

        def ours() -> Cost:
            began, cpu = time.perf_counter(), time.process_time()
            with file.open("rb") as content:
                source = FileSource(file=content, name="image")
                host.volumes.upload(POOL, "image", source.chunks(), source.size)
            return Cost(time.perf_counter() - began, time.process_time() - cpu)

        contenders = {"gitvirt": ours, "libvirt's own stream": lambda: by_hand(site.uri, file)}
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        yield compare(
            f"upload {SIZE >> 20} MiB", contenders, max(3, rounds // 2), target=1.25,
            before=lambda: host.volumes.delete(POOL, "image"),
        )  # fmt: skip
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
        print(f"uploads took {grown / 1024:.0f} MiB of memory more, at most, for {SIZE >> 20} MiB", flush=True)
        host.volumes.delete(POOL, "image")
    host.pools.undefine(POOL)
    host.close()


def by_hand(uri: str, file: Path) -> Cost:
    """What a script does: createXML, upload, sendAll in the largest pieces that a message carries, finish."""
    conn = libvirt.open(uri)
    pool = conn.storagePoolLookupByName(POOL)
    began, cpu = time.perf_counter(), time.process_time()
    xml = (
        f"<volume><name>image</name><capacity>{SIZE}</capacity><allocation>0</allocation>"
        "<target><format type='raw'/></target></volume>"
    )
    volume = pool.createXML(xml, 0)
    stream = conn.newStream(0)
    volume.upload(stream, 0, SIZE, 0)
    with file.open("rb") as content:
        stream.sendAll(lambda _stream, count, _opaque: content.read(min(count, PIECE)), None)
    stream.finish()
    cost = Cost(time.perf_counter() - began, time.process_time() - cpu)
    conn.close()
    return cost
