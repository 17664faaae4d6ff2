"""Volumes of directory pools: the Volumes protocol. As libvirt, it deletes without asking who needs the file."""

from __future__ import annotations

from collections.abc import Iterator

from drivers.base import NewVolume
from drivers.errors import Conflict, DriverError, Missing, Refused
from drivers.memory.calls import Call, Line
from drivers.memory.model.files import QCOW2_METADATA, Directory, File
from drivers.memory.model.places import Pool
from drivers.memory.model.said import Said
from drivers.memory.protocols.pools import refresh as look_again
from drivers.memory.protocols.pools import require_active
from drivers.memory.running import Damage
from drivers.seen import SeenVolume

CHUNK = 1 << 18
"""Bytes per piece of a download, as libvirt's streams have it."""


class MemoryVolumes:
    """See drivers.base.Volumes."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def names(self, pool: str, refresh: bool = False) -> frozenset[str]:
        """The names that this host knows, or all that are there after a look."""
        with self._line.call(self._line.reading("names", pool)):
            place, _ = self._place(pool)
            if refresh:
                look_again(self._line.host, place)
            return frozenset(place.known)

    def create(self, new: NewVolume) -> SeenVolume:
        """Creates the file, exclusively in the directory, whichever host made it."""
        with self._line.call(self._call("create", new.pool, new.name)):
            pool, directory = self._place(new.pool)
            if new.backing and new.copy_of:
                raise Said(Refused, "a volume is either a linked clone or a copy")
            if new.name in directory.files:
                raise Said(Conflict, f"storage volume '{new.name}' already exists")
            file = self._copy(new) if new.copy_of else self._empty(new)
            directory.reserve(file.allocation)
            fresh = pool.known is directory.listing()
            directory.add(file)
            seen = directory.seen(file)
            pool.known = directory.listing() if fresh else {**pool.known, new.name: seen}
            return seen

    def _empty(self, new: NewVolume) -> File:
        capacity = new.capacity
        if new.backing:
            backing = self._line.host.file(new.backing)
            if backing is None:
                raise Said(DriverError, f"inaccessible backing store volume {new.backing}")
            if capacity and capacity < backing.capacity:
                raise Said(Refused, f"a clone of {backing.capacity} bytes does not fit into {capacity}")
            capacity = capacity or backing.capacity
        if new.backing and new.format != "qcow2":
            raise Said(Refused, f"backing storage not supported for {new.format} volumes")
        file = self._line.world.new_file(new.name, capacity, new.format, new.backing)
        file.allocation = QCOW2_METADATA if new.format == "qcow2" else 0
        return file

    def _copy(self, new: NewVolume) -> File:
        pool, directory = self._place(new.copy_pool or new.pool)
        source = self._lookup(pool, directory, new.copy_of)
        if source is None:
            raise Said(Missing, f"Storage volume not found: no storage vol with matching name '{new.copy_of}'")
        if source.writers:
            raise Said(Conflict, f"volume '{new.copy_of}' is in use by a running VM")
        if new.capacity and new.capacity < source.capacity:
            raise Said(Refused, f"a copy of {source.capacity} bytes does not fit into {new.capacity}")
        file = self._line.world.new_file(new.name, new.capacity or source.capacity, new.format)
        file.content, file.allocation = source.content, source.allocation
        return file

    def grow(self, pool: str, name: str, capacity: int) -> None:
        """Grows; never shrinks, never behind the back of a running VM."""
        with self._line.call(self._call("grow", pool, name)):
            place, directory = self._place(pool)
            file = self._lookup(place, directory, name)
            if file is None:
                raise Said(Missing, f"Storage volume not found: no storage vol with matching name '{name}'")
            if capacity < file.capacity:
                raise Said(Refused, f"'{name}' has {file.capacity} bytes and cannot shrink to {capacity}")
            if capacity == file.capacity:
                return
            self._unused(file)
            if file.writers and self._line.world.locks and file.format != "raw":
                raise Said(Conflict, f"Failed to get lock on {directory.path}/{name}")
            file.capacity = capacity
            directory.changed(name)
            look_again(self._line.host, place)

    def delete(self, pool: str, name: str) -> None:
        """Deletes the file, unless a running VM of this host uses it; already gone is fine."""
        with self._line.call(self._call("delete", pool, name)):
            place, directory = self._place(pool)
            file = self._lookup(place, directory, name)
            if file is None:
                return
            if file.capacity:  # a marker is nobody's disk
                self._unused(file)
            self._note_damage(directory, file)
            del directory.files[name]
            directory.changed(name)
            look_again(self._line.host, place)

    def _unused(self, file: File) -> None:
        """The driver looks at this host's running VMs; of those on other hosts it knows nothing."""
        for where, uuid in sorted(file.writers | file.readers):
            if where == self._line.host.name:
                raise Said(Conflict, f"the running VM {self._line.host.domains[uuid].name} uses '{file.name}'")

    def _note_damage(self, directory: Directory, file: File) -> None:
        world, path = self._line.world, f"{directory.path}/{file.name}"
        needed = [f"VM {uuid} runs on it on {where}" for where, uuid in sorted(file.writers | file.readers)]
        beside = {
            id(each): each
            for host in world.hosts.values()
            if host.mounts.get(directory.path) is directory
            for each in host.mounts.values()
        }
        for each in beside.values():
            needed += [f"{other.name} is an overlay of it" for other in each.files.values() if other.backing == path]
        for why in needed:
            world.damage.append(Damage(world.clock(), self._line.host.name, path, f"deleted or overwritten: {why}"))

    def upload(self, pool: str, name: str, chunks: Iterator[bytes], size: int) -> None:
        """Writes the chunks into a new or existing volume; what was written before a failure stays there."""
        call = self._call("upload", pool, name)
        with self._line.call(call):
            place, directory = self._place(pool)
            file = self._lookup(place, directory, name)
            if file is not None:
                self._note_damage(directory, file)
            else:
                file = directory.add(self._line.world.new_file(name, size))
            self._write(call, file, directory, chunks, size)
            look_again(self._line.host, place)

    def _write(self, call: Call, file: File, directory: Directory, chunks: Iterator[bytes], size: int) -> None:
        length = len(file.data()) if file.format != "raw" else file.capacity
        written = bytearray()
        file.written(b"")
        directory.changed(file.name)
        try:
            for chunk in chunks:
                directory.reserve(len(written) + len(chunk))
                written += chunk
                self._line.point(call)
            if len(written) != size:
                raise Said(Refused, f"{size} bytes were announced, {len(written)} came")
            if length > size:
                raise Said(Refused, f"the file has {length} bytes after writing {size}")
        finally:
            file.written(bytes(written))
            if file.format == "raw":
                file.capacity = size
            directory.changed(file.name)

    def download(self, pool: str, name: str) -> Iterator[bytes]:
        """The bytes, in chunks."""
        with self._line.call(self._line.reading("download", f"{pool}/{name}")):
            place, directory = self._place(pool)
            file = self._lookup(place, directory, name)
            if file is None:
                raise Said(Missing, f"Storage volume not found: no storage vol with matching name '{name}'")
            data, length = file.data(), file.capacity if file.format == "raw" else 0
        return _pieces(data, length)

    def _call(self, method: str, pool: str, name: str) -> Call:
        return self._line.new("volumes", method, f"{pool}/{name}")

    def _place(self, name: str) -> tuple[Pool, Directory]:
        pool = self._line.host.pool(name)
        require_active(pool)
        directory = self._line.host.directory(pool.path)
        if directory is None:
            raise Said(DriverError, f"cannot open path '{pool.path}': No such file or directory")
        return pool, directory

    def _lookup(self, pool: Pool, directory: Directory, name: str) -> File | None:
        """By name; a volume that libvirtd has not seen yet needs a refresh first, which the driver does."""
        if name not in pool.known:
            look_again(self._line.host, pool)
        return directory.files.get(name)


def _pieces(data: bytes, length: int) -> Iterator[bytes]:
    for start in range(0, len(data), CHUNK):
        yield data[start : start + CHUNK]
    left = max(0, length - len(data))
    while left:
        yield bytes(min(CHUNK, left))
        left -= min(CHUNK, left)
