"""Storage pools of a simulated host: the Pools protocol, and the refresh that lets a host see a directory's files."""

from __future__ import annotations

from drivers.base import NewPool
from drivers.errors import Conflict, DriverError
from drivers.memory.calls import Line
from drivers.memory.model.files import Directory
from drivers.memory.model.places import HostState, Pool
from drivers.memory.model.said import Said


class MemoryPools:
    """See drivers.base.Pools."""

    def __init__(self, line: Line) -> None:
        self._line = line

    def define(self, new: NewPool) -> None:
        """Defines, builds, starts, sets autostart; each only where needed."""
        call = self._line.new("pools", "define", new.name)
        with self._line.call(call):
            pool = self._defined(new)
            self._line.point(call)
            if new.build and self._line.host.directory(pool.path) is None:
                self._build(pool.path)
            start(self._line.host, pool)
            self._line.point(call)
            pool.autostart = True
            self._line.world.wake(self._line.host, f"pool/{pool.name}")

    def _defined(self, new: NewPool) -> Pool:
        pools = self._line.host.pools
        for other in pools.values():
            if (other.name == new.name) != (other.uuid == new.uuid):
                raise Said(Conflict, f"pool '{other.name}' already exists with uuid {other.uuid}")
            if other.name != new.name and other.path == new.path:
                raise Said(Conflict, f"Storage source conflict with pool: '{other.name}'")
        found = pools.get(new.name)
        if found and found.path != new.path:
            raise Said(Conflict, f"pool '{new.name}' serves {found.path}, not {new.path}")
        return pools.setdefault(new.name, Pool(new.name, new.uuid, new.path))

    def _build(self, path: str) -> None:
        """Makes the directory; what vanished comes back empty."""
        known = self._line.host.mounts.get(path)
        if known is None:
            known = self._line.host.mounts[path] = Directory(path)
            self._line.world.directories.append(known)
        known.exists = True

    def active(self, name: str, on: bool) -> None:
        """Starts or stops."""
        with self._line.call(self._line.new("pools", "active", name)):
            pool = self._line.host.pool(name)
            if on:
                start(self._line.host, pool)
            else:
                pool.active, pool.known = False, {}
            self._line.world.wake(self._line.host, f"pool/{name}")

    def refresh(self, name: str) -> None:
        """Looks again."""
        with self._line.call(self._line.new("pools", "refresh", name)):
            pool = self._line.host.pool(name)
            require_active(pool)
            refresh(self._line.host, pool)

    def undefine(self, name: str) -> None:
        """Removes the definition; the directory and its files stay."""
        with self._line.call(self._line.new("pools", "undefine", name)):
            if self._line.host.pools.pop(name, None):
                self._line.world.wake(self._line.host, f"pool/{name}")


def start(host: HostState, pool: Pool) -> None:
    """Active, with its volumes known; nothing if it is already."""
    if not pool.active:
        pool.active = True
        refresh(host, pool)


def refresh(host: HostState, pool: Pool) -> None:
    """Takes over the directory's files; a directory that cannot be read makes libvirt deactivate the pool."""
    directory = host.directory(pool.path)
    if directory is None:
        pool.active, pool.known = False, {}
        raise Said(DriverError, f"cannot open path '{pool.path}': No such file or directory")
    pool.known = directory.listing()


def require_active(pool: Pool) -> None:
    """Conflict unless the pool is active."""
    if not pool.active:
        raise Said(Conflict, f"storage pool '{pool.name}' is not active")
