"""The content of a firmware's variables (NVRAM) from one host to another, read and written through libvirt.

libvirt opens only files of storage pools, so the folder gets a transient pool for that moment, unless one serves it.
A file on the target that differs is what an earlier stay of the VM left there, since nothing of the target uses it;
equal content is left alone (the folder may be shared). Called by relocate.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import posixpath
import threading
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import libvirt

from drivers.base import NewPool
from drivers.errors import Conflict, DriverError
from drivers.libvirt.connect import Connections
from drivers.libvirt.domain import NotReadable
from drivers.libvirt.domain.tree import Element, parse
from drivers.libvirt.migration.copies import serves
from drivers.libvirt.storage import transfers
from drivers.libvirt.storage.document import pool_xml

FOLDER = "/var/lib/libvirt/qemu/nvram"
"""Where libvirt puts it: before 9.2 a definition that leaves the choice of firmware to libvirt does not name it."""
POOL = "gitvirt-nvram-"
BUILD = getattr(libvirt, "VIR_STORAGE_POOL_CREATE_WITH_BUILD", 1)
ACTIVE = libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE
_turns: defaultdict[tuple[str, str], threading.Lock] = defaultdict(threading.Lock)


def path_of(domain: Element) -> str:
    """The NVRAM file of a definition, "" if its firmware keeps nothing."""
    named = domain.findtext("os/nvram")
    if named:
        return named
    os = domain.find("os")
    is_uefi = os is not None and os.get("firmware") == "efi"
    return f"{FOLDER}/{domain.findtext('name')}_VARS.fd" if is_uefi else ""


def bring(source: Connections, target: Connections, operation: str, path: str) -> None:
    """Makes the target's file the same as the source's; if the source has none (never started), there is none."""
    content = _read(source, operation, path)
    if _read(target, operation, path) == content:
        return
    _unused(target, operation, path)
    folder, name = posixpath.split(path)
    with _pool(target, operation, folder, build=content is not None) as pool:
        if pool is None:
            return
        if name in target.call(operation, pool.listVolumes):
            target.call(operation, target.call(operation, pool.storageVolLookupByName, name).delete, 0)
        if content is not None:
            with _leased(target) as lease:
                what = (pool.name(), name, len(content))
                transfers.upload(lease, target.host, operation, what, iter((content,)))
    if _read(target, operation, path) != content:
        raise DriverError(target.host, operation, f"{path} is not the same there after it was written")


def has_folder_without(target: Connections, conn: libvirt.virConnect, operation: str, path: str) -> bool:
    """Whether a pool of the target has the folder, and, freshly looked at, not the file."""
    folder, name = posixpath.split(path)
    for pool in target.call(operation, conn.listAllStoragePools, ACTIVE):
        if serves(target.call(operation, pool.XMLDesc, 0), folder):
            target.call(operation, pool.refresh, 0)
            return name not in target.call(operation, pool.listVolumes)
    return False


def _read(host: Connections, operation: str, path: str) -> bytes | None:
    folder, name = posixpath.split(path)
    with _pool(host, operation, folder, build=False) as pool:
        if pool is None or name not in host.call(operation, pool.listVolumes):
            return None
        with _leased(host) as lease:
            return b"".join(transfers.download(lease, operation, pool.name(), name))


@contextlib.contextmanager
def _pool(host: Connections, operation: str, folder: str, *, build: bool) -> Iterator[Any]:
    """A pool on the folder, freshly looked at; None if there is no such folder (and it is not to be built)."""
    with _turns[host.host, folder], host.changes() as conn:
        for pool in host.call(operation, conn.listAllStoragePools, ACTIVE):
            if serves(host.call(operation, pool.XMLDesc, 0), folder):
                host.call(operation, pool.refresh, 0)
                break
        else:
            pool = _made(host, conn, operation, folder, build)
        try:
            yield pool
        finally:
            if pool is not None and pool.name().startswith(POOL):
                host.call(operation, pool.destroy)


def _made(host: Connections, conn: libvirt.virConnect, operation: str, folder: str, build: bool) -> Any:
    digest = hashlib.sha256(folder.encode()).hexdigest()
    identity = f"{digest[:8]}-{digest[8:12]}-4{digest[13:16]}-8{digest[17:20]}-{digest[20:32]}"
    xml = pool_xml(NewPool(name=POOL + digest[:8], uuid=identity, path=folder))
    try:
        return host.call(operation, conn.storagePoolCreateXML, xml, BUILD if build else 0)
    except DriverError as error:
        if not build and "No such file or directory" in error.detail:
            return None
        raise


@contextlib.contextmanager
def _leased(host: Connections) -> Iterator[Any]:
    lease = host.lease("long")
    try:
        yield lease
    finally:
        lease.release()


def _unused(target: Connections, operation: str, path: str) -> None:
    """Conflict if a VM of the target has this very file."""
    with target.changes() as conn:
        domains = target.call(operation, conn.listAllDomains, 0)
        for domain, xml in zip(domains, target.gather(operation, _definition, domains), strict=True):
            if isinstance(xml, str) and _nvram(xml) == path:
                raise Conflict(target.host, operation, f"{path} belongs to {domain.name()} there")


def _definition(domain: libvirt.virDomain) -> str:
    xml: str = domain.XMLDesc(0)
    return xml


def _nvram(xml: str) -> str:
    try:
        return path_of(parse(xml))
    except NotReadable:
        return ""
