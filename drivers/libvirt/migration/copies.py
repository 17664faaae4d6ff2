"""Volumes on the target for disks whose content is copied along with a migration.

libvirt copies into volumes that exist, of the very size and format of the source's. A linked clone arrives as a whole
image, unless the caller says that what it is a clone of is there already. They are made here, in the target's pool of
the same folder. A marker volume `NAME.incoming` beside each says that it is unfinished and ours, so that what a killed
gitvirt left is known and made again. A volume of that name without the marker is never touched, nor is one that a VM of
the target uses: a migration that was completed without us leaves its markers. The source's volumes stay as they are.
Called by live.py.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

import libvirt
from lxml import etree

from drivers.base import NewVolume
from drivers.errors import Conflict, Missing, Refused
from drivers.libvirt.connect import Connections
from drivers.libvirt.domain.tree import Element, parse
from drivers.libvirt.migration.sides import ARRIVING
from drivers.libvirt.storage import volumes
from drivers.libvirt.storage.document import parse as parse_pool
from drivers.libvirt.storage.document import read_volume, volume_xml
from drivers.moving import UNFINISHED
from drivers.seen import SeenVolume
from specs.structs import Struct, replace


def sources(xml: str, targets: Iterable[str]) -> dict[str, str]:
    """The file of each named disk of a definition ("vda" → path); "" where it has none."""
    found = {_target(disk): _file(disk) for disk in parse(xml).iterfind("devices/disk")}
    return {target: found.get(target, "") for target in targets}


class Copies(Struct, frozen=True):
    """Those of one migration: made by `make`, kept by `keep`, removed by `discard`."""

    source: Connections
    target: Connections
    operation: str
    paths: tuple[str, ...]
    incremental: bool = False

    def make(self) -> None:
        """Makes them all, or none."""
        try:
            for path in self.paths:
                self._make(path, self._original(path))
        except BaseException:
            self.discard()
            raise

    def keep(self) -> None:
        """They are complete: the markers go."""
        self._remove(f"{path}{UNFINISHED}" for path in self.paths)

    def discard(self) -> None:
        """Those that are unfinished go, and their markers after them."""
        for path in self.paths:
            if self._has(path + UNFINISHED) and not self._is_used(path):
                self._remove((path, path + UNFINISHED))

    def _original(self, path: str) -> SeenVolume:
        with self.source.changes() as conn:
            try:
                volume = self.source.call(self.operation, conn.storageVolLookupByPath, path)
            except Missing:
                detail = f"no storage pool of this host has {path}, so it cannot be copied along"
                raise Refused(self.source.host, self.operation, detail) from None
            return read_volume(self.source.call(self.operation, volume.XMLDesc, 0))

    def _make(self, path: str, original: SeenVolume) -> None:
        name, call = posixpath.basename(path), self.target.call
        with self.target.changes() as conn:
            pool = self._pool(conn, path)
            call(self.operation, pool.refresh, 0)
            names = set(call(self.operation, pool.listVolumes))
            if name in names and (name + UNFINISHED not in names or self._is_used(path)):
                detail = f"{path} exists there already, and may be somebody's data: move it away or delete it"
                raise Conflict(self.target.host, self.operation, detail)
            if name in names:
                call(self.operation, call(self.operation, pool.storageVolLookupByName, name).delete, 0)
            if name + UNFINISHED not in names:
                marker = NewVolume(pool="", name=name + UNFINISHED, format="raw")
                call(self.operation, pool.createXML, volume_xml(marker), 0)
            new = NewVolume(pool="", name=name, capacity=original.capacity, format=original.format)
            if self.incremental:
                below = self._below(conn, original)
                new = replace(new, backing=below.path, backing_format=below.format)
            made = read_volume(call(self.operation, _create, pool, volume_xml(new)))
        if (made.capacity, made.format) != (original.capacity, original.format):
            detail = f"it made {path} with {made.capacity} bytes as {made.format}, not as on the source"
            raise Refused(self.target.host, self.operation, detail)

    def _below(self, conn: libvirt.virConnect, original: SeenVolume) -> SeenVolume:
        """What the copy shall be an overlay of, as the target has it. Refused if that is not as the caller said."""
        if not original.backing:
            detail = f"{original.path} is no overlay, so there is more to copy than a difference"
            raise Refused(self.source.host, self.operation, detail)
        own = self._original(original.backing)
        try:
            volume = self.target.call(self.operation, conn.storageVolLookupByPath, original.backing)
            there = read_volume(self.target.call(self.operation, volume.XMLDesc, 0))
        except Missing:
            there = None
        if there is None or (there.capacity, there.format) != (own.capacity, own.format):
            detail = f"{original.backing}, which the disk is an overlay of, is not the same there"
            raise Refused(self.target.host, self.operation, detail)
        return there

    def _pool(self, conn: libvirt.virConnect, path: str) -> libvirt.virStoragePool:
        folder = posixpath.dirname(path)
        pools = self.target.call(
            self.operation, conn.listAllStoragePools, libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE
        )
        for pool in pools:
            if serves(self.target.call(self.operation, pool.XMLDesc, 0), folder):
                return pool
        detail = f"no active storage pool there has the folder {folder}, so {path} cannot be copied"
        raise Refused(self.target.host, self.operation, detail)

    def _has(self, path: str) -> bool:
        with self.target.changes() as conn:
            try:
                self.target.call(self.operation, conn.storageVolLookupByPath, path)
            except Missing:
                return False
            return True

    def _is_used(self, path: str) -> bool:
        """Whether a VM of the target has that file, now or from its next start on."""
        with self.target.changes() as conn:
            domains = self.target.call(self.operation, conn.listAllDomains, 0)
            found = self.target.gather(self.operation, _files, domains)
        for each in found:
            if isinstance(each, Exception) and not isinstance(each, Missing):
                raise each
        return any(path in each for each in found if isinstance(each, frozenset))

    def _remove(self, paths: Iterable[str]) -> None:
        with self.target.changes() as conn:
            for path in paths:
                try:
                    volume = self.target.call(self.operation, conn.storageVolLookupByPath, path)
                    self.target.call(self.operation, volume.delete, 0)
                except Missing:
                    continue


def serves(pool: str, folder: str) -> bool:
    """Whether a pool's XML is of that folder."""
    return (parse_pool(pool).findtext("target/path") or "").rstrip("/") == folder.rstrip("/")


def _files(domain: libvirt.virDomain) -> frozenset[str]:
    """None of a QEMU that waits for its VM: what it would have had is what is made, or discarded."""
    state, reason = domain.state(0)
    if state == libvirt.VIR_DOMAIN_PAUSED and reason in ARRIVING and not domain.isPersistent():
        return frozenset()
    return volumes.sources(domain.XMLDesc(0)) | volumes.sources(domain.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))


def _create(pool: libvirt.virStoragePool, xml: str) -> str:
    text: str = pool.createXML(xml, 0).XMLDesc(0)
    return text


def _target(disk: Element) -> str:
    found = disk.find("target")
    return (found.get("dev") or "") if found is not None else ""


def _file(disk: Element) -> str:
    found: etree._Element | None = disk.find("source")
    return (found.get("file") or "") if found is not None else ""
